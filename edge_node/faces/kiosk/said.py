"""What each screen says aloud: sentences of the catalogue with their amounts, days and rates.

The voice says the same as the screen, no more and no less of what binds: the whole price, the
read-back before money moves, each reason of a movement. Where a language lacks a clip, the
screen says so, and a consent on it is not marked as spoken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.decision.quote import Quote
from core.lending.schedule import Due
from core.reasons import SENTENCES, Reason, ReasonCode
from core.units import Money, civil_date, minor_digits
from edge_node.faces.kiosk.data_words import PURPOSES, WITHOUT
from edge_node.faces.kiosk.number_words import NextDay, Rate, Spoken
from edge_node.faces.kiosk.standing import LineStanding
from edge_node.faces.kiosk.voice import Voice
from edge_node.faces.kiosk.words import MOVEMENTS

VALUE = "{value}"  # a sentence that is its parameter alone
YEAR_UNSAID_DAYS = 300  # within them a day and its month name no other day
_MONEY = re.compile(r"([A-Z]{3}) ([\d,]+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence by its message, and what stands in its parameters."""

    message: str
    params: Mapping[str, Spoken]


@dataclass(frozen=True, slots=True)
class Clips:
    """Addresses of the clips of a screen, in order; whether they say all of it."""

    paths: tuple[str, ...]
    complete: bool


def clips_of(voice: Voice, locale: str, said: Iterable[Said]) -> Clips:
    """The clips that say a screen, as far as the language has them."""
    found = [voice.clips_for(locale, each.message, each.params) for each in said]
    paths = tuple(path for each in found if each for path in each)
    return Clips(paths, complete=bool(found) and all(each is not None for each in found))


def says(message: str, **params: Spoken) -> Said:
    """A sentence."""
    return Said(message, params)


def value(spoken: Spoken) -> Said:
    """An amount, a day, a rate or a number by itself."""
    return Said(VALUE, {"value": spoken})


def unspoken() -> Said:
    """What only the screen says, such as the names of goods: with it, not all is spoken."""
    return value("")


def amount(amount_minor: int, currency: str) -> Said:
    """An amount by itself."""
    return value(Money(amount_minor=amount_minor, currency=currency))


def on_day(text: str, today: date) -> tuple[Said, ...]:
    """A civil day by itself, with its year if it is far off; nothing where there is none."""
    found = civil_date(text)
    if found is None:
        return ()
    soon = 0 <= (found - today).days < YEAR_UNSAID_DAYS
    return (value(NextDay(found) if soon else found),)


def of_price(price: Quote, today: date, payments: Sequence[Due] = ()) -> tuple[Said, ...]:
    """The whole price: what comes, what it costs, what is paid back and when.

    Of several payments each is said, with its day.
    """
    return (
        says("This is the whole price"),
        *(says("You receive"), amount(price.amount_minor, price.currency)),
        *(says("Fee"), amount(price.fee_minor, price.currency)),
        *(says("Interest until the due day"), amount(price.interest_minor, price.currency)),
        *(says("You pay back"), amount(price.total_minor, price.currency)),
        *of_payments(price, today, payments),
        *_while_out(price),
        *(says("Yearly cost with everything (APR)"), value(Rate(price.apr_ppm))),
    )


def of_payments(price: Quote, today: date, payments: Sequence[Due]) -> tuple[Said, ...]:
    """When it is paid back: each day and amount, or the one due day."""
    if len(payments) < 2:
        return (says("Due on"), *on_day(price.due_on, today))
    each = (
        said
        for due in payments
        for said in (*on_day(due.on.isoformat(), today), amount(due.total_minor, price.currency))
    )
    return (says("What you pay, and when"), *each)


def _while_out(price: Quote) -> tuple[Said, ...]:
    """The rate of this money, where it has one of its own."""
    message = "Interest a year, for as long as this money is out"
    return (says(message), value(Rate(price.rate_ppm))) if price.rate_ppm else ()


def of_lenders(lenders: Sequence[str]) -> tuple[Said, ...]:
    """That several lend it together, if they do; who they are stands on the screen."""
    message = "{lenders} lend this money together. You deal with {first} alone and pay one price."
    return (says(message, lenders="", first=""),) if lenders else ()


def of_purpose(name: str) -> tuple[Said, ...]:
    """A use of the farmer's data, and what follows without it."""
    known, without = PURPOSES.get(name), WITHOUT.get(name)
    if known is None:
        return (unspoken(),)
    return (says(known), *((says(without),) if without else ()))


def of_read_back(price: Quote, question: str, **params: Spoken) -> tuple[Said, ...]:
    """The read-back before money moves: the question, the amount, what is paid back for it."""
    return (
        says(question, **params),
        amount(price.amount_minor, price.currency),
        *(says("You pay back"), amount(price.total_minor, price.currency)),
    )


def of_line(line: LineStanding, today: date) -> tuple[Said, ...]:
    """A line on the first page: what can be drawn or why not, what is owed and when.

    Where a debt was put off, or a plan is proposed anew, that is said too.
    """
    owes = (
        *of_owed(line),
        *(says("Due on"), *on_day(due_day(line), today)),
    )
    return (
        *(says("You can draw here now"), amount(line.drawable_minor, line.currency)),
        *((of_reason(line.refusal),) if line.refusal else ()),
        *(owes if line.owed.total_minor else ()),
        *_put_off(line),
    )


def due_day(line: LineStanding) -> str:
    """The next day on which something of a line is due."""
    return line.ahead[0].on.isoformat() if line.ahead else line.due_on


def of_owed(line: LineStanding) -> tuple[Said, ...]:
    """What is owed, today or up to the day to which it could be counted."""
    told = says("You owe today")
    if line.counted_to:
        told = says("You owe, counted to {day}", day=civil_date(line.counted_to) or "")
    return (told, amount(line.owed.total_minor, line.currency))


def _put_off(line: LineStanding) -> tuple[Said, ...]:
    relief, plan = line.relief, line.new_plan
    put_off = (
        "Your harvest lost {percent}%. What you owe is put off: nothing of it is due before "
        "{first}, all of it by {last}. Interest runs on."
    )
    agreed = "You have agreed to a new plan. The lender looks at it now."
    offered = "The lender proposes a new plan for what you owe."
    return (
        *(
            says(
                put_off, percent=str(each.loss_ppm // 10_000), first=each.grace_until,
                last=each.due_on,
            )
            for each in (relief,) if each
        ),
        *(says(agreed if each.consent_id else offered) for each in (plan,) if each),
    )  # fmt: skip


def of_why(line: LineStanding) -> tuple[Said, ...]:
    """A line's limit, and why it moved, said where the farmer asks for it."""
    movement = MOVEMENTS.get(line.movement)
    return (
        says("Why this limit"),
        *(says("Your limit"), amount(line.limit_minor, line.currency)),
        *((says(movement),) if movement else ()),
        *(of_reason(reason) for reason in line.reasons),
    )


def of_reason(reason: Reason, features: Mapping[str, str] | None = None) -> Said:
    """A reason's sentence; amounts in it are spoken."""
    if reason.code is ReasonCode.FEATURE:
        known = (features or {}).get(reason.params.get("feature", ""))
        return says(known or "One thing counted against it.")
    params = {name: _spoken(text) for name, text in reason.params.items()}
    return Said(SENTENCES[reason.code], params)


def _spoken(text: str) -> Spoken:
    """A reason's parameter as it is spoken: money and days by their words."""
    money = _MONEY.fullmatch(text)
    if money is not None:
        digits = minor_digits(money[1])
        part = (money[3] or "").ljust(digits, "0")[:digits]
        minor = int(money[2].replace(",", "")) * 10**digits + int(part or 0)
        return Money(amount_minor=minor, currency=money[1])
    day: date | None = civil_date(text)
    return day if day is not None else text
