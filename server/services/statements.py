"""A line's statement as of any past day: what was in force then, by what was known then.

Two days are asked: up to which day facts count (effective), and up to which day they had
been written down (recorded). So the same statement can be had again after a fact came
late, and beside it what the fact changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.lending.account import Amounts, Asked, account, ahead
from core.lending.agreed import fee_fact
from core.lending.books import (
    PAYOUT_CAUSE,
    WITHDRAWN_CAUSE,
    bounce_fact,
    line_accounts,
    repayment_fact,
)
from core.lending.facts import Fact, FactKind, dated_facts
from core.lending.ledger import EntryKind
from core.lending.relief import Relief, planned
from core.lending.terms import RepaymentTerms
from core.units import civil_day
from server.services.centre import MS_PER_MINUTE
from server.services.standing import facts_of, relief_of, replanned, terms_of, zone_minutes
from server.store import bounces, ledger
from server.store.engine import Tx
from server.store.lines import Line

ROWS_MAX = 500  # the newest; what came before them is in the balance of the first


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A fact, when it was written down, and what was owed after it [minor units]."""

    on: date
    recorded_on: date
    what: str
    amount_minor: int
    owed: Amounts


@dataclass(frozen=True, slots=True)
class Statement:
    """A line as of a day, by what was known on another [minor units].

    ``surplus_minor`` and ``rebate_minor`` belong to the farmer; ``ahead`` is what was then
    to be paid when. ``rows_left_out`` are older than those that are shown.
    """

    line_id: str
    currency: str
    on: date
    known_on: date
    rows: tuple[StatementRow, ...]
    rows_left_out: int
    owed: Amounts
    late_minor: int
    late_days: int
    surplus_minor: int
    rebate_minor: int
    ahead: tuple[Asked, ...]


def statement(tx: Tx, line: Line, on: date, known_on: date) -> Statement:
    """The statement of a line at the end of a day, by the facts recorded up to another.

    Parameters
    ----------
    on
        Facts that took effect later do not count.
    known_on
        Facts that were written down later do not either [the farmer's civil day].
    """
    terms, recorded = _terms(tx, line, on, known_on), _recorded(tx, line)
    facts = [
        fact
        for fact in dated_facts(facts_of(tx, line))
        if fact.on <= on and recorded[fact.fact_id] <= known_on
    ]
    relief = _relief(tx, line, on, known_on)
    if relief is None and (granted := relief_of(tx, line)) is not None:
        terms = granted.undone(terms)
    dues = planned(terms, facts, relief)
    found = account(terms, facts, on, dues)
    rows = _rows(terms, facts, recorded, relief)
    return Statement(
        line_id=line.line_id,
        currency=line.currency,
        on=on,
        known_on=known_on,
        rows=rows,
        rows_left_out=len(facts) - len(rows),
        owed=found.owed,
        late_minor=found.late_minor,
        late_days=found.late_days,
        surplus_minor=found.surplus_minor,
        rebate_minor=found.rebate_minor,
        ahead=ahead(terms, facts, on, dues),
    )


def _terms(tx: Tx, line: Line, on: date, known_on: date) -> RepaymentTerms:
    """The terms of the plan that counted on a day, as far as it was approved by another."""
    terms = terms_of(tx, line).until(on)
    approved = [step.on_day for step in replanned(tx, line)] if terms.restructured else []
    while terms.restructured and approved[len(terms.restructured) - 1] > known_on.isoformat():
        terms = terms.before_last()
    return terms


def _relief(tx: Tx, line: Line, on: date, known_on: date) -> Relief | None:
    """The relief that was granted, and known, by then: it is written down when it is granted."""
    found = relief_of(tx, line)
    granted = date.fromisoformat(found.granted_on) if found else date.max
    return found if granted <= min(on, known_on) else None


def _recorded(tx: Tx, line: Line) -> dict[str, date]:
    """On which civil day each fact of a line was written down."""
    offset_ms = zone_minutes(tx, line.farmer_id) * MS_PER_MINUTE
    found = {
        repayment_fact(each.repayment_id): civil_day(each.at_ms, offset_ms)
        for each in ledger.repayments_of(tx, line.line_id)
    }
    for each in bounces.of_line(tx, line.line_id):
        found[bounce_fact(each.repayment_id)] = civil_day(each.at_ms, offset_ms)
    for posted in ledger.entries_for(tx, line_accounts(line.line_id)):
        if posted.entry.kind is EntryKind.DRAWDOWN:
            cause, day = posted.entry.cause_id, civil_day(posted.entry.recorded_at_ms, offset_ms)
            found[cause] = found[fee_fact(cause.removeprefix("draw/"))] = day
        elif posted.entry.cause_id.startswith((PAYOUT_CAUSE, WITHDRAWN_CAUSE)):
            found[posted.entry.cause_id] = civil_day(posted.entry.recorded_at_ms, offset_ms)
    return found


def _rows(
    terms: RepaymentTerms, facts: Sequence[Fact], recorded: dict[str, date], relief: Relief | None
) -> tuple[StatementRow, ...]:
    rows, amounts = [], {fact.fact_id: fact.amount_minor for fact in facts}
    for number in range(max(0, len(facts) - ROWS_MAX), len(facts)):
        fact, upto = facts[number], facts[: number + 1]
        owed = account(terms, upto, fact.on, planned(terms, upto, relief)).owed
        amount_minor = amounts[fact.reverses] if fact.reverses else fact.amount_minor
        is_back = fact.fact_id.startswith((PAYOUT_CAUSE, WITHDRAWN_CAUSE))
        what = RETURNED if is_back else _WHAT[fact.kind]
        rows.append(StatementRow(fact.on, recorded[fact.fact_id], what, amount_minor, owed))
    return tuple(rows)


_WHAT = {
    FactKind.DRAWDOWN: "drawn",
    FactKind.FEE: "fee",
    FactKind.REPAYMENT: "repaid",
    FactKind.REVERSAL: "bounced",
}
RETURNED = "returned"  # of a draw or its fee: it came back, never left, or a fee is given back
