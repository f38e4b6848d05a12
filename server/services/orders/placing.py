"""A supplier places an order: the whole price is told, and room is kept for it in a lease."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.lending.keyfacts import key_facts
from core.lending.kind_terms import VoucherTerms
from core.lending.kinds.voucher import order_refusal
from core.lending.ordering import WAITING, OrderEvent, OrderParty, OrderReason
from core.lending.product import Product
from core.lending.views import OrderState, OrderView
from core.shape import encode
from core.units import MS_PER_DAY, civil_date
from core.wire.orders import OrderItem, require_items
from server.services.access import Caller
from server.services.centre import Centre, Work
from server.services.leasing import lease_for_order
from server.services.orders.life import Happened, OrderRefusedError, happen, lapse_due
from server.services.orders.views import area_m2, order_views
from server.services.pricing import rate_for_lease
from server.services.standing import priced_by, standing, terms_of, zone_minutes
from server.store import boxes, lines, orders, partners, products
from server.store.engine import ConflictError, NotKnownError
from server.store.lines import Line
from server.store.orders import Order
from server.store.partners import PartnerKind

VALID_DAYS = 14  # for the farmer to come to the kiosk
WAITING_MAX = 10  # orders of one line that wait for consent


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a supplier asks for; ``reference`` makes it count once [minor units]."""

    reference: str
    line_id: str
    currency: str
    total_minor: int
    items: tuple[OrderItem, ...]
    deliver_by: str


def place_order(centre: Centre, request: OrderRequest, caller: Caller) -> tuple[Order, bool]:
    """Offer what a supplier asks for, or say why not; whether it was new.

    Raises
    ------
    OrderRefusedError
        If the line has no room or takes no draws, or the product does not permit it.
    NotKnownError
        If there is no such line for this supplier.
    ConflictError
        If the reference is known with other content.
    ShapeError
        If the goods do not add up.
    PriceError
        If the whole price would be above the cap in force.
    """
    return centre.write(lambda work: _place(work, request, caller))


def _place(work: Work, request: OrderRequest, caller: Caller) -> tuple[Order, bool]:
    supplier = caller.party
    line, voucher = _line_for(work, request.line_id, supplier)
    content = canonical_hash(encode(request))
    known = orders.by_reference(work.tx, supplier, request.reference)
    if known is not None:
        if known.content_sha256 != content:
            raise ConflictError(f"order {request.reference!r} exists with other content")
        return known, False
    lapse_due(work, line.line_id)
    today = work.today(zone_minutes(work.tx, line.farmer_id))
    _require_possible(work, request, (line, voucher), today)
    order = _offered(work, request, (line, supplier, content), today)
    if not orders.add(work.tx, order):
        raise ConflictError(f"order {request.reference!r} exists with other content")
    placed = Happened(OrderEvent.PLACE, caller.actor, OrderParty.SUPPLIER, OrderReason.ASKED)
    happen(work, order, placed)
    return order, True


def _line_for(work: Work, line_id: str, supplier: str) -> tuple[Line, VoucherTerms]:
    """The line, locked, if its product pays this supplier; else it is not known to them.

    A supplier learns nothing of lines that are not theirs to sell to, not even that they are.
    """
    found = lines.find(work.tx, line_id)
    product = products.newest(work.tx, found.product_id) if found is not None else None
    partner = partners.find(work.tx, supplier)
    registered = partner is not None and partner.closed_at_ms is None
    if not registered or (partner and partner.kind is not PartnerKind.SUPPLIER):
        raise OrderRefusedError(f"expected a registered supplier, {supplier!r} is none")
    if product is None or product.voucher is None or supplier not in product.voucher.suppliers:
        raise NotKnownError(f"expected a line that pays {supplier}, got {line_id[:64]!r}")
    return lines.lock(work.tx, line_id), product.voucher


def _require_possible(
    work: Work, request: OrderRequest, under: tuple[Line, VoucherTerms], today: date
) -> None:
    line, voucher = under
    require_items(request.items, request.total_minor)
    last = today + timedelta(days=voucher.deliver_days_max)
    deliver_by = civil_date(request.deliver_by)
    waiting = orders.in_states(work.tx, orders.of_line(work.tx, line.line_id), WAITING)
    refusals = (
        (request.currency != line.currency, f"expected {line.currency}, got {request.currency}"),
        (not line.is_open, "the line is closed"),
        (line.frozen, "nothing is drawn on the line for now"),
        (today >= terms_of(work.tx, line).drawn_before, "the season is over"),
        (
            deliver_by is None or not today <= deliver_by <= last,
            f"expected deliver_by from {today} to {last}, got {request.deliver_by[:40]!r}",
        ),
        (len(waiting) >= WAITING_MAX, f"{WAITING_MAX} orders wait for the farmer already"),
    )
    told = next((words for broken, words in refusals if broken), "")
    told = told or _not_of_the_product(work, request, line)
    if told:
        raise OrderRefusedError(f"order {request.reference!r}: {told}")


def _not_of_the_product(work: Work, request: OrderRequest, line: Line) -> str:
    """Why the product does not pay for these goods on this land, in words."""
    product = products.newest(work.tx, line.product_id)
    supplier = next(iter(product.voucher.suppliers)) if product.voucher else ""
    before = order_views(work, line)
    by_goods: dict[str, int] = {}
    for item in request.items:
        by_goods[item.goods] = by_goods.get(item.goods, 0) + item.amount_minor
    for goods, amount_minor in sorted(by_goods.items()):
        asked = OrderView(request.reference, supplier, goods, amount_minor, OrderState.PAID, 0)
        reason = order_refusal(product, area_m2(work, line), before, asked)
        if reason is not None:
            return reason.sentence()
    return ""


def _offered(work: Work, request: OrderRequest, whose: tuple[Line, str, str], today: date) -> Order:
    line, supplier, content = whose
    product = _priced(work, line)
    own = product.at_rate(rate_for_lease(work, line, product))
    told = key_facts(own, request.total_minor, today)
    valid_until = min(today + timedelta(days=VALID_DAYS), date.fromisoformat(request.deliver_by))
    return Order(
        order_id=work.new_id(),
        reference=request.reference,
        supplier=supplier,
        line_id=line.line_id,
        farmer_id=line.farmer_id,
        station=line.station,
        lease_id=_keep_room(work, line, request.total_minor, today),
        currency=line.currency,
        total_minor=request.total_minor,
        items=request.items,
        deliver_by=request.deliver_by,
        valid_until=valid_until.isoformat(),
        apr_ppm=told.apr_ppm,
        due_on=told.payments[-1].on,
        key_facts=encode(told),
        content_sha256=content,
        at_ms=work.at_ms,
    )


def _priced(work: Work, line: Line) -> Product:
    return replace(priced_by(work.tx, line), due_on=line.due_on)


def _keep_room(work: Work, line: Line, amount_minor: int, today: date) -> str:
    """The lease in which room is kept: one that is out with enough left, or a new one.

    What is out counts as used already, so keeping room in it takes nothing; a new lease is
    signed within the line's headroom like any other.
    """
    stands = standing(work.tx, line, today)
    kept: dict[str, int] = {}
    for each in orders.in_states(work.tx, orders.of_line(work.tx, line.line_id), WAITING):
        kept[each.lease_id] = kept.get(each.lease_id, 0) + each.total_minor
    held = boxes.held(work.tx, line.station)
    ends_ms = work.at_ms + VALID_DAYS * MS_PER_DAY
    for book in stands.books:
        lease = book.lease
        mine = lease.station == line.station and lease.lease_id not in held
        left_minor = book.unspent_minor - kept.get(lease.lease_id, 0)
        if mine and lease.expires_at_ms > ends_ms and left_minor >= amount_minor:
            return lease.lease_id
    first = line.onboarding_lease_id
    unspent_minor = stands.onboarding_unspent_minor if first not in held else 0
    if first and unspent_minor - kept.get(first, 0) >= amount_minor:
        return first
    if stands.headroom_minor < amount_minor:
        raise OrderRefusedError(
            f"expected room for {amount_minor} {line.currency} on the line, there is not so much"
        )
    return lease_for_order(work, stands, amount_minor)
