"""The life of a supplier's order: from the offer to the sale that repays it, as one open table.

A supplier places an order for goods on a farmer's line; the centre answers with an offer
that tells the whole price and keeps room for it in a lease. Only the farmer turns it into
debt, by consenting to that order at that price. Then the supplier is paid, delivers, and
the farmer or an officer says what came. What a state permits, of whom and why, stands in
:data:`ORDER_STEPS` and nowhere else; ``docs/orders.md`` shows the same table. What is not
in it is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from core.errors import OrderError
from core.lending.steps import Life


class OrderStatus(Enum):
    """Where an order stands."""

    OFFERED = "offered"  # room is kept, the whole price was told; nothing is owed
    WITHDRAWN = "withdrawn"  # the supplier took it back before consent
    DECLINED = "declined"  # the farmer did not want it
    LAPSED = "lapsed"  # nobody consented in time
    AGREED = "agreed"  # the farmer consented: it is drawn, and owed to the supplier
    HELD = "held"  # consented to, but nothing is paid until a person has looked
    PAID = "paid"  # the supplier's payment is on its way
    DELIVERING = "delivering"  # the supplier says that goods came; the farmer is to say so too
    SHORT = "short"  # some came, the rest is awaited
    DELIVERED = "delivered"  # all came
    DISPUTED = "disputed"  # goods were refused, or never came
    DIVERTED = "diverted"  # the goods went elsewhere
    REFUNDED = "refunded"  # the supplier's money came back to the line
    SETTLED = "settled"  # the sale has repaid the line


class OrderEvent(Enum):
    """What takes an order from one state to the next."""

    PLACE = "place"
    WITHDRAW = "withdraw"
    DECLINE = "decline"
    LAPSE = "lapse"
    AGREE = "agree"
    HOLD = "hold"
    RELEASE = "release"
    PAY = "pay"
    REPORT_DELIVERY = "report_delivery"
    RECEIVE_PART = "receive_part"
    RECEIVE_ALL = "receive_all"
    REFUSE_GOODS = "refuse_goods"
    DIVERT = "divert"
    REFUND = "refund"
    SETTLE = "settle"


class OrderParty(Enum):
    """Who brings an event about."""

    SUPPLIER = "supplier"
    FARMER = "farmer"
    OFFICER = "officer"
    RULE = "rule"  # the centre, by a rule that is open


class OrderReason(Enum):
    """Why; a code, for the trail holds no words about people."""

    ASKED = "asked"
    TOLD_AND_CONSENTED = "told_and_consented"
    TIME_PASSED = "time_passed"
    ORDER_GONE = "order_gone"  # it was taken back before the consent came in
    NOT_AS_OFFERED = "not_as_offered"  # the draw is not what the offer said
    LOOKED_AT = "looked_at"  # by a person
    DRAWN = "drawn"
    GOODS_CAME = "goods_came"
    GOODS_DAMAGED = "goods_damaged"
    GOODS_WRONG = "goods_wrong"
    GOODS_NOT_COME = "goods_not_come"
    GOODS_ELSEWHERE = "goods_elsewhere"
    MONEY_CAME = "money_came"
    REPAID = "repaid"


@dataclass(frozen=True, slots=True)
class OrderStanding:
    """What must be known of an order to judge an event [minor units].

    ``on`` is the civil date of the event; for a consent, the day on which it was given.
    """

    on: date
    valid_until: date
    total_minor: int
    received_minor: int = 0
    refunded_minor: int = 0
    owed_minor: int = 0
    consent_id: str = ""


@dataclass(frozen=True, slots=True)
class OrderStep:
    """One permitted step; ``condition`` names an entry of :data:`ORDER_CONDITIONS`."""

    state: OrderStatus | None  # None: there is no order yet
    event: OrderEvent
    after: OrderStatus
    parties: tuple[OrderParty, ...]
    reasons: tuple[OrderReason, ...]
    condition: str = ""


ORDER_CONDITIONS: Mapping[str, Callable[[OrderStanding], bool]] = {
    "consent was given while the offer stood": lambda s: (
        bool(s.consent_id) and s.on <= s.valid_until
    ),
    "the offer's last day has passed": lambda s: s.on > s.valid_until,
    "less than all has come": lambda s: s.received_minor < s.total_minor,
    "all has come": lambda s: s.received_minor >= s.total_minor,
    "the price of what did not come was repaid": lambda s: (
        s.refunded_minor >= s.total_minor - s.received_minor
    ),
    "nothing is owed": lambda s: s.owed_minor == 0,
}
_CONSENTED, _RAN_OUT, _PART, _ALL, _BACK, _CLEAR = ORDER_CONDITIONS
_SAYS = (OrderParty.FARMER, OrderParty.OFFICER)


def _until_paid() -> tuple[OrderStep, ...]:
    s, e, p, r = OrderStatus, OrderEvent, OrderParty, OrderReason
    told = (r.TOLD_AND_CONSENTED,)
    return (
        OrderStep(None, e.PLACE, s.OFFERED, (p.SUPPLIER,), (r.ASKED,)),
        OrderStep(s.OFFERED, e.WITHDRAW, s.WITHDRAWN, (p.SUPPLIER,), (r.ASKED,)),
        OrderStep(s.OFFERED, e.DECLINE, s.DECLINED, _SAYS, (r.ASKED,)),
        OrderStep(s.OFFERED, e.LAPSE, s.LAPSED, (p.RULE,), (r.TIME_PASSED,), _RAN_OUT),
        OrderStep(s.OFFERED, e.AGREE, s.AGREED, (p.FARMER,), told, _CONSENTED),
        # A station without a link tells late what was consented to in time.
        OrderStep(s.LAPSED, e.AGREE, s.AGREED, (p.FARMER,), told, _CONSENTED),
        OrderStep(s.OFFERED, e.HOLD, s.HELD, (p.RULE,), (r.NOT_AS_OFFERED,)),
        OrderStep(s.LAPSED, e.HOLD, s.HELD, (p.RULE,), (r.NOT_AS_OFFERED,)),
        OrderStep(s.WITHDRAWN, e.HOLD, s.HELD, (p.RULE,), (r.ORDER_GONE, r.NOT_AS_OFFERED)),
        OrderStep(s.DECLINED, e.HOLD, s.HELD, (p.RULE,), (r.ORDER_GONE, r.NOT_AS_OFFERED)),
        OrderStep(s.HELD, e.RELEASE, s.AGREED, (p.OFFICER,), (r.LOOKED_AT,)),
        OrderStep(s.HELD, e.REFUND, s.REFUNDED, (p.OFFICER,), (r.MONEY_CAME,), _BACK),
        OrderStep(s.AGREED, e.PAY, s.PAID, (p.RULE,), (r.DRAWN,)),
    )


def _after_payment() -> tuple[OrderStep, ...]:
    s, e, p, r = OrderStatus, OrderEvent, OrderParty, OrderReason
    came, no = (r.GOODS_CAME,), (r.GOODS_DAMAGED, r.GOODS_WRONG, r.GOODS_NOT_COME)
    found = [
        OrderStep(x, e.REPORT_DELIVERY, s.DELIVERING, (p.SUPPLIER,), came)
        for x in (s.PAID, s.SHORT, s.DISPUTED)
    ]
    found += [
        OrderStep(s.DELIVERING, e.RECEIVE_PART, s.SHORT, _SAYS, came, _PART),
        OrderStep(s.DELIVERING, e.RECEIVE_ALL, s.DELIVERED, _SAYS, came, _ALL),
    ]
    found += [
        OrderStep(x, e.REFUSE_GOODS, s.DISPUTED, _SAYS, no) for x in (s.PAID, s.DELIVERING, s.SHORT)
    ]
    elsewhere = (r.GOODS_ELSEWHERE,)
    found += [
        OrderStep(x, e.DIVERT, s.DIVERTED, (p.OFFICER,), elsewhere)
        for x in (s.PAID, s.SHORT, s.DELIVERED, s.DISPUTED)
    ]
    found += [
        OrderStep(x, e.REFUND, s.REFUNDED, (p.OFFICER,), (r.MONEY_CAME,), _BACK)
        for x in (s.SHORT, s.DISPUTED, s.DIVERTED)
    ]
    found.append(OrderStep(s.DELIVERED, e.SETTLE, s.SETTLED, (p.RULE,), (r.REPAID,), _CLEAR))
    return tuple(found)


ORDER_STEPS: tuple[OrderStep, ...] = (*_until_paid(), *_after_payment())
ORDER_LIFE = Life("an order", ORDER_STEPS, OrderError)
# Room is kept for these, in the lease of the farmer's station.
WAITING = (OrderStatus.OFFERED,)
# What was bought and is, or was, paid for.
BOUGHT = (
    OrderStatus.AGREED, OrderStatus.HELD, OrderStatus.PAID, OrderStatus.DELIVERING,
    OrderStatus.SHORT, OrderStatus.DELIVERED, OrderStatus.DISPUTED, OrderStatus.DIVERTED,
    OrderStatus.SETTLED,
)  # fmt: skip


def advance_order(
    state: OrderStatus | None,
    event: OrderEvent,
    by: tuple[OrderParty, OrderReason],
    standing: OrderStanding,
) -> OrderStatus:
    """The state after an event.

    Parameters
    ----------
    state
        Where the order stands; None before there is one.
    by
        Who brings the event about, and why.

    Raises
    ------
    OrderError
        If the state does not know the event, the party may not bring it about, the
        reason is not one of the event's, or its condition does not hold.
    """
    step = ORDER_LIFE.step(state, event, *by)
    if step.condition and not ORDER_CONDITIONS[step.condition](standing):
        raise OrderError(f"{event.value} on {standing.on}: expected that {step.condition}")
    return step.after
