"""Deliveries: the supplier says what came, the farmer or an officer says so too, or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.errors import OrderError, ShapeError
from core.lending.ordering import OrderEvent, OrderParty, OrderReason
from core.lending.payout import UNDONE
from core.shape import decode, encode
from core.units import civil_date
from core.wire.orders import DELIVERIES_MAX, Answer, OrderAnswer, Received, received_minor
from server.services import paying
from server.services.access import Caller
from server.services.centre import Centre, RequestError, Work
from server.services.orders.life import (
    Happened,
    as_kept,
    deliveries,
    happen,
    meeting_draw,
    received,
    today_of,
    units,
)
from server.services.reported import Reported
from server.store import bounces, ledger, lines, orders
from server.store.engine import ConflictError, NotKnownError
from server.store.orders import Order, Step
from server.store.people import Actor

_REFUSALS = {
    Answer.DAMAGED: OrderReason.GOODS_DAMAGED,
    Answer.WRONG: OrderReason.GOODS_WRONG,
    Answer.NOT_COME: OrderReason.GOODS_NOT_COME,
}
_SAID = (
    OrderEvent.RECEIVE_PART,
    OrderEvent.RECEIVE_ALL,
    OrderEvent.REFUSE_GOODS,
    OrderEvent.DECLINE,
)


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a supplier says was delivered; ``reference`` makes it count once."""

    reference: str
    delivered_on: str
    units: tuple[Received, ...]


def own_order(work: Work, order_id: str, caller: Caller) -> Order:
    """A supplier's own order, its line locked.

    Raises
    ------
    NotKnownError
        If it is not known, or another supplier's: in the same words.
    """
    found = orders.find(work.tx, order_id)
    if found is None or found.supplier != caller.party:
        raise NotKnownError(f"expected one of your orders, got {order_id[:64]!r}")
    lines.lock(work.tx, found.line_id)
    return found


def withdraw_order(centre: Centre, order_id: str, caller: Caller) -> Step:
    """Take an order back before the farmer consents; again, nothing changes."""

    def act(work: Work) -> Step:
        order = own_order(work, order_id, caller)
        last = orders.life(work.tx, order_id)[-1]
        if last.event is OrderEvent.WITHDRAW:
            return last
        supplier, asked = OrderParty.SUPPLIER, OrderReason.ASKED
        return happen(work, order, Happened(OrderEvent.WITHDRAW, caller.actor, supplier, asked))

    return centre.write(act)


def report_delivery(
    centre: Centre, order_id: str, report: DeliveryReport, caller: Caller
) -> tuple[Step, bool]:
    """Take a supplier's word that goods came; whether it was new.

    Raises
    ------
    NotKnownError
        If it is no order of theirs.
    ConflictError
        If the reference is known with other content.
    ShapeError
        If the goods are not the order's, or more than was ordered would have come.
    OrderError
        If nothing is to be delivered on the order now.
    """
    return centre.write(lambda work: _report(work, order_id, report, caller))


def _report(work: Work, order_id: str, report: DeliveryReport, caller: Caller) -> tuple[Step, bool]:
    order = own_order(work, order_id, caller)
    life = orders.life(work.tx, order_id)
    content = canonical_hash(encode(report))
    for step in deliveries(life):
        if step.detail["reference"] == report.reference:
            if step.detail["content_sha256"] != content:
                raise ConflictError(f"delivery {report.reference!r} exists with other content")
            return step, False
    if len(deliveries(life)) >= DELIVERIES_MAX:
        raise OrderError(f"report_delivery: expected at most {DELIVERIES_MAX} of one order")
    counts = counted(report.units)
    received_minor(order.items, added(received(life), counts))
    detail = {
        "reference": report.reference,
        "content_sha256": content,
        "delivered_on": _delivered_on(work, order, life, report).isoformat(),
        "units": as_kept(counts),
    }
    came, supplier = OrderReason.GOODS_CAME, OrderParty.SUPPLIER
    told = Happened(OrderEvent.REPORT_DELIVERY, caller.actor, supplier, came, detail)
    return happen(work, order, told), True


def _delivered_on(work: Work, order: Order, life: tuple[Step, ...], report: DeliveryReport) -> date:
    first = min((x.on_day for x in life if x.event is OrderEvent.AGREE), default=life[0].on_day)
    last = today_of(work, order) + timedelta(days=1)  # a supplier's zone may be a day ahead
    on = civil_date(report.delivered_on)
    if on is None or not first <= on.isoformat() <= last.isoformat():
        raise RequestError(
            f"delivery {report.reference!r}: expected delivered_on from {first} to {last}, "
            f"got {report.delivered_on[:40]!r}"
        )
    return on


def counted(told: tuple[Received, ...]) -> dict[str, int]:
    """Units by code as somebody told them.

    Raises
    ------
    ShapeError
        If a code stands twice, a number is negative, or nothing came.
    """
    counts: dict[str, int] = {}
    for each in told:
        if each.code in counts or each.quantity < 0:
            raise ShapeError(f"delivery: expected {each.code[:64]!r} once, with a whole number")
        counts[each.code] = each.quantity
    if not any(counts.values()):
        raise ShapeError("delivery: expected units of at least one code, got none")
    return counts


def added(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Units by code of two counts together."""
    return {code: counts.get(code, 0) + more.get(code, 0) for code in {*counts, *more}}


def answer_order(
    work: Work, answer: OrderAnswer, by: tuple[Actor, OrderParty], means: str = ""
) -> Step:
    """What the farmer, or an officer for them, says of an offer or of a delivery.

    The same word again changes nothing. ``means`` is kept with the step: by what the word
    was given, where not by a record of a station or an officer's act.

    Raises
    ------
    NotKnownError
        If the order is not known.
    ConflictError
        If something else was said of the same delivery.
    OrderError
        If the order knows no such answer now.
    """
    order = orders.get(work.tx, answer.order_id)
    lines.lock(work.tx, order.line_id)
    life = orders.life(work.tx, order.order_id)
    content = canonical_hash(encode(answer))
    # That the rest never came may be said after a part was received.
    said = _SAID[2:3] if answer.answer is Answer.NOT_COME else _SAID
    for step in life:
        if step.event in said and step.detail.get("delivery_no") == answer.delivery_no:
            if step.detail["content_sha256"] != content:
                raise ConflictError(
                    f"order {order.order_id}: of delivery {answer.delivery_no} another word "
                    "was said before"
                )
            return step
    reported = deliveries(life)
    if answer.delivery_no != len(reported):
        raise OrderError(
            f"order {order.order_id}: expected a word on delivery {len(reported)}, "
            f"got one on {answer.delivery_no}"
        )
    kept = {"delivery_no": answer.delivery_no, "content_sha256": content}
    kept |= {"by": means} if means else {}
    return happen(work, order, _answered((order, life), answer, by, kept))


def _answered(
    stands: tuple[Order, tuple[Step, ...]],
    answer: OrderAnswer,
    by: tuple[Actor, OrderParty],
    kept: dict[str, object],
) -> Happened:
    order, life = stands
    actor, party = by
    if answer.answer is Answer.DECLINED:
        return Happened(OrderEvent.DECLINE, actor, party, OrderReason.ASKED, kept)
    if answer.answer in _REFUSALS:
        why = _REFUSALS[answer.answer]
        return Happened(OrderEvent.REFUSE_GOODS, actor, party, why, kept)
    reported = deliveries(life)
    if not reported:
        raise OrderError(f"order {order.order_id}: expected a delivery to receive, none is there")
    last = reported[-1]
    counts = counted(units(last.detail["units"]) if answer.received is None else answer.received)
    whole = received_minor(order.items, added(received(life), counts)) == order.total_minor
    delivered_on = str(last.detail["delivered_on"])
    late = date.fromisoformat(delivered_on) - date.fromisoformat(order.deliver_by)
    kept |= {"units": as_kept(counts), "days_late": max(0, late.days)}
    event = OrderEvent.RECEIVE_ALL if whole else OrderEvent.RECEIVE_PART
    return Happened(event, actor, party, OrderReason.GOODS_CAME, kept)


def apply_order_answer(work: Work, reported: Reported) -> str:
    """Take the farmer's word that a station brings."""
    answer = decode(OrderAnswer, reported.record.body)
    order = orders.get(work.tx, answer.order_id)
    if order.station != reported.writer:
        raise NotKnownError(f"expected an order of {reported.writer}, got {answer.order_id[:64]!r}")
    answer_order(work, answer, (Actor(reported.writer, "station"), OrderParty.FARMER))
    return ""


def refund_order(centre: Centre, order_id: str, repayment_id: str, officer: Actor) -> Step:
    """Say that the money is back at the line.

    Either the supplier's money came, by the repayment that a cashier took, or the payout to
    the supplier was cancelled or returned, which undid the draw: then none is named.

    Raises
    ------
    NotKnownError
        If the order is not known, or there is no such repayment or undone payout.
    ConflictError
        If the repayment was counted for another order, or bounced.
    OrderError
        If the order permits it not, or less came back than the price of what never came.
    """

    def act(work: Work) -> Step:
        order = orders.get(work.tx, order_id)
        lines.lock(work.tx, order.line_id)
        if repayment_id:
            back_minor = _repaid_minor(work, order, repayment_id)
        else:
            back_minor = _undone_minor(work, order)
        detail = {"repayment_id": repayment_id, "refunded_minor": back_minor}
        came, by = OrderReason.MONEY_CAME, OrderParty.OFFICER
        return happen(work, order, Happened(OrderEvent.REFUND, officer, by, came, detail))

    return centre.write(act)


def _repaid_minor(work: Work, order: Order, repayment_id: str) -> int:
    paid = ledger.find_repayment(work.tx, repayment_id)
    if paid is None or paid.line_id != order.line_id:
        raise NotKnownError(f"expected a repayment of the line, got {repayment_id[:64]!r}")
    if bounces.find(work.tx, repayment_id) is not None:
        raise ConflictError(f"{repayment_id} bounced: expected a repayment that stands")
    for other in orders.of_line(work.tx, order.line_id):
        for step in orders.life(work.tx, other.order_id):
            if step.detail.get("repayment_id") == repayment_id:
                raise ConflictError(f"{repayment_id} was counted for order {other.order_id}")
    return paid.amount_minor


def _undone_minor(work: Work, order: Order) -> int:
    made = paying.of_draw(work, meeting_draw(orders.life(work.tx, order.order_id)))
    if made is None or made.state not in UNDONE:
        raise NotKnownError(
            f"order {order.order_id}: expected its payout cancelled or returned, or --repayment"
        )
    return made.amount_minor
