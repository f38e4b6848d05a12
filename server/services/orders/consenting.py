"""A draw that meets an order: the farmer's consent, held against what was offered.

The draw is booked whatever is wrong with it, for the station gave a receipt; but an order
that was not met as it was offered is held, and its supplier is not paid until a person has
looked.
"""

from __future__ import annotations

from datetime import date

from core.canonical import canonical_hash
from core.decision.quote import quote
from core.errors import PriceError
from core.lending.lease import DrawState
from core.lending.ordering import OrderEvent, OrderParty, OrderReason, OrderStatus
from core.lending.product import Product
from core.shape import encode
from core.units import civil_date
from core.wire.linefacts import line_facts
from core.wire.orders import shown_goods_sha256, shown_order_sha256
from core.wire.records import ConsentAction, Drawdown
from server.services import paying
from server.services.centre import Work
from server.services.orders.life import Happened, happen, meeting_draw, offer_of
from server.services.standing import priced_by
from server.store import leases, lines, orders, products, reports
from server.store.leases import Drawing
from server.store.lines import Line
from server.store.orders import Order
from server.store.people import Actor

_GONE = (OrderStatus.WITHDRAWN, OrderStatus.DECLINED)
_OPEN = (OrderStatus.OFFERED, OrderStatus.LAPSED)


def fault_of_voucher(work: Work, draw: Drawdown, line: Line | None) -> str:
    """What is wrong with whom a draw pays and for what; nothing if it pays no supplier."""
    if draw.state is DrawState.VOIDED or line is None:
        return ""
    if draw.order_id is not None:
        return fault_of_order(work, draw)
    terms = [each.voucher for each in products.every_version(work.tx, line.product_id)]
    paid = {name for each in terms if each is not None for name in each.suppliers}
    goods = {one.goods for each in terms if each is not None for one in each.goods}
    by_rail = bool(paid) or priced_by(work.tx, line).to_account
    faults = (
        (by_rail and bool(draw.paid_by), "its product pays by a rail, and a till paid it out"),
        (not paid and draw.supplier is not None, "its product pays no supplier"),
        (len(paid) > 1 and draw.supplier is None, f"expected which of {len(paid)} it pays"),
        (bool(paid) and draw.supplier not in (None, *paid), "that is no supplier of its product"),
        (bool(paid) and not set(draw.goods or ()) <= goods, "its goods are not of its product"),
        (not _consented_goods(work, draw, line), "the consent is not to these goods at this price"),
    )
    told = next((words for broken, words in faults if broken), "")
    return f"draw {draw.draw_id}: {told}" if told else ""


def fault_of_order(work: Work, draw: Drawdown) -> str:
    """How a draw differs from the order that it says it meets, in words; nothing if it fits."""
    order = orders.find(work.tx, draw.order_id or "")
    if order is None or order.line_id != draw.line_id:
        return f"draw {draw.draw_id}: order {(draw.order_id or '')[:64]!r} is not of its line"
    last = orders.last(work.tx, order.order_id)
    met = [each for each in _met_by(work, order) if each.draw_id != draw.draw_id]
    on = civil_date(draw.effective_on)
    faults = (
        (draw.supplier != order.supplier, "the supplier is another"),
        (bool(draw.paid_by), "a till paid it out, and nothing is owed to the supplier"),
        (draw.amount_minor != order.total_minor, "the amount is not the order's total"),
        (bool(met), "another draw has met it"),
        (last is not None and last.state in _GONE, "it was taken back or declined before"),
        (on is None or on.isoformat() > order.valid_until, "its last day for consent had passed"),
        (not _consented(work, order, draw), "the consent is not to these goods at this price"),
    )
    told = next((words for broken, words in faults if broken), "")
    return f"draw {draw.draw_id}: order {order.order_id}: {told}" if told else ""


def _met_by(work: Work, order: Order) -> list[Drawing]:
    drawn = leases.draws_of_line(work.tx, order.line_id)
    return [
        each
        for each in drawn
        if each.order_id == order.order_id and each.state is not DrawState.VOIDED
    ]


def _consented(work: Work, order: Order, draw: Drawdown) -> bool:
    """Whether the farmer's consent names these goods, this supplier and this whole price."""
    kept = reports.consents_of(work.tx, order.farmer_id)
    shown = [
        one.consent.shown_sha256
        for one in kept
        if one.consent.consent_id == draw.consent_id and one.consent.action is ConsentAction.GRANT
    ]
    if not shown:
        return False
    offer = offer_of(work.tx, order, orders.life(work.tx, order.order_id))
    quoted = _quoted(work, draw, (order.line_id, order.total_minor))
    return shown[-1] in {shown_order_sha256(offer, each) for each in quoted}


def _consented_goods(work: Work, draw: Drawdown, line: Line) -> bool:
    """Whether a consent that is known names these goods, this supplier and this whole price.

    Stations of before named the price alone (O6): theirs counts still. One that has not come
    yet is nothing that could be held against the draw.
    """
    shown = [
        one.consent.shown_sha256
        for one in reports.consents_of(work.tx, line.farmer_id)
        if one.consent.consent_id == draw.consent_id and one.consent.action is ConsentAction.GRANT
    ]
    if draw.supplier is None or not shown:
        return True
    quoted = _quoted(work, draw, (line.line_id, draw.amount_minor))
    named = {
        shown_goods_sha256(line.line_id, draw.supplier, draw.goods or (), each) for each in quoted
    }
    return shown[-1] in {*named, *quoted}


def _quoted(work: Work, draw: Drawdown, drawn: tuple[str, int]) -> set[str]:
    """The hashes of the whole prices that a station may have told for a line and an amount."""
    (line_id, amount_minor), on = drawn, civil_date(draw.effective_on)
    found = set[str]()
    if on is None:
        return found
    for product in _priced(work, lines.get(work.tx, line_id)):
        try:
            told = quote(product.at_rate(draw.rate_ppm), amount_minor, on)
        except PriceError:
            continue
        found.add(canonical_hash(encode(told)))
    return found


def _priced(work: Work, line: Line) -> list[Product]:
    """The products by which a station may have told the price: any version, at the line's terms."""
    opened = priced_by(work.tx, line)
    facts = line_facts(opened, ())
    if facts is None:
        raise AssertionError("a line without facts has terms")
    known = products.every_version(work.tx, line.product_id)
    return [facts.priced(each, opened.credit.rate_ppm, line.due_on) for each in known]


def draw_meets(work: Work, draw: Drawdown, drawing: Drawing, fault: str) -> None:
    """Take the order of a posted draw on: agreed and paid, or held where something is wrong.

    Whatever else a voucher's draw says wrongly, its supplier waits for a person too.
    """
    if draw.state is not DrawState.POSTED:
        return
    if fault:
        paying.hold(work, draw.draw_id)
    if draw.order_id is None:
        return
    order = orders.find(work.tx, draw.order_id)
    if order is None or order.line_id != draw.line_id:
        return
    last = orders.last(work.tx, order.order_id)
    if last is None or last.state not in (*_OPEN, *_GONE):
        return  # another draw has met it: the draw's flag says so
    station = Actor(drawing.writer, "station")
    detail = {
        "draw_id": draw.draw_id,
        "consent_id": draw.consent_id,
        "apr_ppm": draw.apr_ppm,
        "fault": fault,
    }
    on = date.fromisoformat(drawing.effective_on)
    if fault:
        why = OrderReason.ORDER_GONE if last.state in _GONE else OrderReason.NOT_AS_OFFERED
        held = Happened(OrderEvent.HOLD, work.myself, OrderParty.RULE, why, detail, on)
        happen(work, order, held)
        return
    told = OrderReason.TOLD_AND_CONSENTED
    happen(work, order, Happened(OrderEvent.AGREE, station, OrderParty.FARMER, told, detail, on))
    pay(work, order)


def pay(work: Work, order: Order) -> None:
    """Let an order's supplier be paid: the draw that met it is owed to them, and no other."""
    paying.let_go(work, meeting_draw(orders.life(work.tx, order.order_id)))
    paid = Happened(OrderEvent.PAY, work.myself, OrderParty.RULE, OrderReason.DRAWN)
    happen(work, order, paid)
