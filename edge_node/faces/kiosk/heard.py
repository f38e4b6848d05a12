"""What a screen says beside its question: all else that stands on it, in the order of the page.

It is said when *Hear it* is touched, or at once where an answer rests on it. Names stand on the
screen and are not spoken; what has no clip at all is :func:`unspoken`, and the screen says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from core.lending.lease import DrawState
from core.lending.schedule import Due
from core.units import Money, civil_date
from core.wire.newplans import NewPlanOffer
from core.wire.orders import OrderOffer
from core.wire.records import AgreementLeft, Leaving
from edge_node.decide.draws import Receipt
from edge_node.decide.leaving import WayOut
from edge_node.faces.kiosk.number_words import Rate, Spoken
from edge_node.faces.kiosk.said import (
    Said,
    amount,
    due_day,
    of_owed,
    of_price,
    of_read_back,
    of_reason,
    on_day,
    says,
    value,
)
from edge_node.faces.kiosk.season import Growth
from edge_node.faces.kiosk.standing import LineStanding, SubjectStanding
from edge_node.faces.kiosk.words import GOODS, MOVEMENTS, STAGES
from edge_node.watch.notices import ADVICE, Notice
from edge_node.watch.notices import SENTENCES as SENTENCES_OF_NOTICES

SAVED = "Saved at the station on {day}."
LATER = "It reaches the lender with the next connection."
PROVES = "Anybody can hold this square to a station: it says whether the receipt is true."
PICTURES: Mapping[str, tuple[str, str]] = {
    "index": (
        "How green it is",
        "Dark green grows well. Yellow and sand are thin or bare. Stripes are cloud.",
    ),
    "false_color": (
        "Seen from space",
        (
            "The colours are not those that the eye sees: green is where plants grow. The line is "
            "your boundary."
        ),
    ),
}
IN_COLOUR = ("Seen from space", "As the eye would see it from above. The line is your boundary.")
NO_PICTURE = "There is no picture from space here yet."


def of_notices(notices: Sequence[Notice]) -> tuple[Said, ...]:
    """What to look after now: what was noticed, what to do, since when."""
    return (
        *(says("Look after this now") for _ in notices[:1]),
        *(
            said
            for each in notices
            for said in (
                Said(SENTENCES_OF_NOTICES[each.kind], dict(each.params)),
                says(ADVICE[each.kind]),
                says("Since {day}", day=_day(each.began_on)),
            )
        ),
    )


def of_offers(waiting: Iterable[OrderOffer], coming: Iterable[OrderOffer]) -> Iterator[Said]:
    """A line's orders: what waits for a word, and what is to come."""
    for each in waiting:
        yield of_goods_from(each)
        yield says("look and answer" if each.state.value == "offered" else "did they come?")
    for each in coming:
        yield of_delivery_day(each)


def of_goods_from(offer: OrderOffer) -> Said:
    """Whose goods, and for how much."""
    total = Money(offer.currency, offer.total_minor)
    return says("Goods from {supplier}: {amount}", supplier="", amount=total)


def of_delivery_day(offer: OrderOffer) -> Said:
    """That the lender pays the supplier, and by when the goods come."""
    message = "The lender pays {supplier}; you get the goods by {day}."
    return says(message, supplier="", day=_day(offer.deliver_by))


def of_rest(line: LineStanding, today: date) -> tuple[Said, ...]:
    """What stands under a line's first words: its sums, what is paid when, its fields."""
    return (
        *(says("Your limit"), amount(line.limit_minor, line.currency)),
        *of_owed(line),
        *(says("Due on"), *on_day(due_day(line), today)),
        *_drawn(line),
        *_ahead(line, today),
        *(said for each in line.subjects for said in _seen(each)),
    )


def _drawn(line: LineStanding) -> Iterator[Said]:
    sums = (("Drawn", line.owed.principal_minor), ("Left here", line.drawable_minor))
    for message, amount_minor in sums:
        if amount_minor:
            yield from (says(message), amount(amount_minor, line.currency))


def _ahead(line: LineStanding, today: date) -> Iterator[Said]:
    if not line.ahead:
        return
    yield says("What you pay, and when")
    for due in line.ahead:
        when = (says("Late: pay this now"),) if due.is_late else on_day(due.on.isoformat(), today)
        yield from (*when, amount(due.parts.total_minor, line.currency))
    yield says(
        "If you draw nothing more and pay each day's amount. Paying early costs less interest."
    )


def _seen(subject: SubjectStanding) -> Iterator[Said]:
    if subject.seen_on:
        yield says("seen {day}", day=_day(subject.seen_on))
    if not subject.subject.heads and subject.stage in STAGES:
        yield says(STAGES[subject.stage])
    for picture in subject.pictures:
        yield from (says(each) for each in PICTURES.get(picture.kind, IN_COLOUR))
    if not subject.pictures:
        yield says(NO_PICTURE)


def of_history(line: LineStanding, today: date) -> tuple[Said, ...]:
    """How a limit moved, the newest first."""
    return (
        says("Your limit over time"),
        *(
            said
            for step in reversed(line.history)
            for said in (
                *on_day(step.as_of, today),
                amount(step.limit_minor, line.currency),
                *(says(MOVEMENTS[each]) for each in (step.movement,) if each in MOVEMENTS),
                *(of_reason(reason) for reason in step.reasons[:1]),
            )
        ),
    )


def of_growth(growth: Growth) -> tuple[Said, ...]:
    """A field's season: its stage, and what its drawings show."""
    staged = not growth.subject.heads and growth.stage in STAGES
    drawn = ("How green it was, day by day",) if len(growth.points) > 1 else ()
    return (
        says(growth.words),
        *(says(STAGES[growth.stage]) for _ in (0,) if staged),
        *(says(each) for each in drawn),
        *(says("seen {day}", day=_day(growth.seen_on)) for _ in (0,) if growth.seen_on),
    )


def of_paid(supplier: str, goods: str) -> tuple[Said, ...]:
    """Who is paid, and for what, at the price of a voucher's draw."""
    if not supplier:
        return ()
    return (says("Who is paid"), *((said_goods(goods),) if goods else ()))


def said_goods(goods: str) -> Said:
    """What a voucher buys; what the product alone names is a name."""
    return says(GOODS[goods]) if goods in GOODS else value(goods)


def of_paying(
    receipt: Receipt, line: LineStanding, today: date, *, in_parts: bool = False
) -> tuple[Said, ...]:
    """What follows a yes to the read-back, and when it is paid back, the last of parts."""
    follows = "The till pays only when you show the receipt that comes next."
    if receipt.drawdown.supplier or line.pays:
        follows = "You get goods, not cash: show {supplier} the receipt that comes next."
    elif line.to_account:
        follows = "No cash is paid here: the lender sends the money to your account."
    params: dict[str, Spoken] = {"supplier": ""} if "{supplier}" in follows else {}
    by = says("All paid by" if in_parts else "Due on")
    return (says(follows, **params), by, *on_day(receipt.price.due_on, today))


def of_receipt(receipt: Receipt, line: LineStanding) -> tuple[Said, ...]:
    """What a receipt is for."""
    if receipt.drawdown.state is not DrawState.POSTED:
        return (says("Cancelled: nothing was paid and nothing is owed for it"),)
    supplier = receipt.drawdown.supplier or line.pays
    message = "Receipt: show it at the till"
    if line.to_account:
        message = "Receipt: the lender sends the money to your account"
    elif supplier:
        return of_read_back(
            receipt.price, "Receipt for goods: show it to {supplier}", supplier=supplier
        )
    return of_read_back(receipt.price, message)


def of_receipts_rest(
    receipt: Receipt,
    line: LineStanding,
    today: date,
    payments: Sequence[Due] = (),
    *,
    helped: bool,
) -> tuple[Said, ...]:
    """Its price, when it was saved, what proves it, and how the line stands now."""
    posted = receipt.drawdown.state is DrawState.POSTED
    paper = (
        *of_price(receipt.price, today, payments)[1:],
        *of_saved(receipt.drawdown.effective_on),
        *((says("Drawn by {name} for {farmer}", name="", farmer=""),) if helped else ()),
        says(PROVES),
    )
    return (
        *(paper if posted else ()),
        *(says("You can draw here now"), amount(line.drawable_minor, line.currency)),
        *of_owed(line),
    )


def of_saved(on: str) -> tuple[Said, ...]:
    """That it is written down here, and on its way."""
    return (says(SAVED, day=_day(on)), says(LATER))


def of_way_out(way: WayOut, line: LineStanding) -> tuple[Said, ...]:
    """What the end of an agreement means, before a yes to it."""
    if way.event is Leaving.ABANDON:
        ends = "You have drawn nothing and owe nothing. The line ends now. You may ask again later."
        asked = says("Do you not want this credit line?")
        return (asked, amount(line.limit_minor, line.currency), says(ends))
    owed = (
        "You pay back {amount} by {day}, and the interest of each day until you pay. Nothing more "
        "can be drawn."
    )
    sum_owed = Money(way.currency, way.owed_minor)
    return (
        says("Do you want to leave this agreement?"),
        says(owed, amount=sum_owed, day=_day(way.repay_by)),
        says("You may leave without a reason until {day}.", day=_day(way.until)),
    )


def of_left(left: AgreementLeft, line: LineStanding, today: date) -> tuple[Said, ...]:
    """That an agreement has ended, and what is still to be paid."""
    if left.event is Leaving.ABANDON:
        ended = "The line has ended: nothing was drawn and nothing is owed"
        return (says(ended), *of_saved(left.on))
    return (
        says("You have left the agreement"),
        *(says("You pay back"), amount(left.owed_minor, line.currency)),
        *(says("Pay by"), *on_day(left.repay_by, today)),
        says("The interest of each day until you pay comes on top, and nothing else."),
        *of_saved(left.on),
    )


def of_new_plan(offer: NewPlanOffer, today: date, *, agreed: bool) -> tuple[Said, ...]:
    """A plan beside the one that holds, and that a no changes nothing."""
    before, after = offer.restructured.before, offer.restructured.after
    currency = offer.currency
    bears = "The interest that you owe now will bear interest itself."
    ends = "You may say no: then everything stays as you agreed before. The offer ends on {day}."
    return (
        says("A new plan for what you owe"),
        says("owed on {day}", day=_day(offer.restructured.on)),
        amount(offer.owed_minor, currency),
        says("You pay back in all"),
        *(says("Until now"), amount(offer.total_before_minor, currency)),
        *(says("New plan"), amount(offer.total_minor, currency)),
        says("All paid by"),
        *(says("Until now"), *on_day(before.due_on, today)),
        *(says("New plan"), *on_day(after.due_on, today)),
        says("Yearly cost with everything (APR)"),
        *(says("Until now"), value(Rate(offer.apr_before_ppm))),
        *(says("New plan"), value(Rate(offer.apr_ppm))),
        *((says(bears),) if offer.restructured.capitalises else ()),
        says("What you pay, and when"),
        *(
            said
            for each in offer.payments
            for said in (*on_day(each.on, today), amount(each.amount_minor, currency))
        ),
        says("You have agreed to a new plan. The lender looks at it now.")
        if agreed
        else says(ends, day=_day(offer.until_on)),
    )


def _day(text: str) -> Spoken:
    """A civil day as it is spoken; what is none stands on the screen."""
    return civil_date(text) or ""
