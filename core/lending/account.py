"""What is owed on a day: a pure function of dated facts, whenever it is asked.

No nightly batch and no running balance: facts are put in the order of their effective days
and replayed, so the order in which they arrived leaves no trace. A fact that comes late
changes how the repayments after it were split; :func:`corrections` says which splits are
to be reversed in the books, and what replaces each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum

from core.errors import LedgerImbalanceError
from core.lending.accrual import Meter
from core.lending.schedule import Due, capitalising_days
from core.lending.terms import Part, RepaymentTerms


class FactKind(Enum):
    """What happened; on one day in this order."""

    DRAWDOWN = "drawdown"
    FEE = "fee"
    REPAYMENT = "repayment"
    REVERSAL = "reversal"  # of another fact, as if that had never been


_ORDER = {kind: place for place, kind in enumerate(FactKind)}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to a line on a day [minor units]; ``reverses`` is a fact's id."""

    fact_id: str
    kind: FactKind
    on: date
    amount_minor: int
    reverses: str = ""

    def __post_init__(self) -> None:
        if self.kind is FactKind.REVERSAL:
            fits = bool(self.reverses) and self.amount_minor == 0
        else:
            fits = not self.reverses and self.amount_minor > 0
        if not fits:
            raise LedgerImbalanceError(
                f"fact {self.fact_id}: expected a positive amount, or for a reversal none and the "
                f"fact that it reverses, got {self.amount_minor} and {self.reverses!r}"
            )


@dataclass(frozen=True, slots=True)
class Amounts:
    """A sum by what it is for [minor units]."""

    penalty_minor: int = 0
    fee_minor: int = 0
    interest_minor: int = 0
    principal_minor: int = 0

    @property
    def total_minor(self) -> int:
        """All of it [minor units]."""
        return self.penalty_minor + self.fee_minor + self.interest_minor + self.principal_minor

    def of(self, part: Part) -> int:
        """One part of it [minor units]."""
        amounts = {
            Part.PENALTY: self.penalty_minor,
            Part.FEE: self.fee_minor,
            Part.INTEREST: self.interest_minor,
            Part.PRINCIPAL: self.principal_minor,
        }
        return amounts[part]

    def negated(self) -> Amounts:
        """The same, the other way."""
        return Amounts(
            -self.penalty_minor, -self.fee_minor, -self.interest_minor, -self.principal_minor
        )


@dataclass(frozen=True, slots=True)
class Split:
    """Where a repayment went, and the surplus that belongs to the farmer [minor units]."""

    fact_id: str
    on: date
    parts: Amounts
    surplus_minor: int


@dataclass(frozen=True, slots=True)
class Account:
    """A line on a day [minor units].

    ``earned_interest_minor`` and ``earned_penalty_minor`` are all that ever ran;
    ``capitalised_minor`` the interest that became principal. ``late_minor`` of what the
    plan asked is not paid, the oldest of it due on ``late_since``; the grace only spares the
    penalty. ``rebate_minor`` is given back once all is repaid and nothing ever was late.
    """

    on: date
    owed: Amounts
    surplus_minor: int
    earned_interest_minor: int
    earned_penalty_minor: int
    capitalised_minor: int
    late_minor: int
    late_since: date | None
    rebate_minor: int
    splits: tuple[Split, ...]

    @property
    def late_days(self) -> int:
        """How long the oldest unpaid due date has passed [days]."""
        return (self.on - self.late_since).days if self.late_since else 0


def account(
    terms: RepaymentTerms, facts: Iterable[Fact], on: date, dues: Sequence[Due] = ()
) -> Account:
    """What a line owes at the end of a day, interest up to and not including the day.

    Parameters
    ----------
    facts
        In any order; the same fact twice counts once; those after ``on`` do not count yet.
    dues
        The plan that was agreed, against which being late is measured.

    Raises
    ------
    LedgerImbalanceError
        If two facts have one id and different content.
    """
    counted = [fact for fact in standing_facts(facts) if fact.on <= on]
    replay = _Replay(terms, dues, _capitalising(terms, counted))
    by_day: dict[date, list[Fact]] = {}
    for fact in counted:
        by_day.setdefault(fact.on, []).append(fact)
    events = {*by_day, *replay.penalised, *replay.capitalising, *(due.on for due in dues)}
    for day in sorted(each for each in events if each <= on):
        replay.run_to(day)
        for fact in by_day.get(day, ()):
            replay.take(fact)
        replay.close(day)
    replay.run_to(on)
    return replay.seen(on)


def standing_facts(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """The facts that count, in the order in which they took effect.

    Raises
    ------
    LedgerImbalanceError
        If two facts have one id and different content.
    """
    found: dict[str, Fact] = {}
    for fact in facts:
        if found.setdefault(fact.fact_id, fact) != fact:
            raise LedgerImbalanceError(f"fact {fact.fact_id} exists with other content")
    reversed_ids = {fact.reverses for fact in found.values() if fact.reverses}
    standing = [f for f in found.values() if not f.reverses and f.fact_id not in reversed_ids]
    return tuple(sorted(standing, key=lambda f: (f.on, _ORDER[f.kind], f.fact_id)))


def split_by(waterfall: Sequence[Part], owed: Amounts, paid_minor: int) -> tuple[Amounts, int]:
    """How much of a payment goes to each part, in the product's order; and the surplus.

    No part takes more than is owed, so what is given out and the surplus are the payment.
    """
    taken, left = {}, paid_minor
    for part in waterfall:
        taken[part] = min(left, max(0, owed.of(part)))
        left -= taken[part]
    return Amounts(*(taken[part] for part in Part)), left


@dataclass(frozen=True, slots=True)
class Correction:
    """A repayment whose split changed because of a fact that came late.

    The books reverse ``was`` and post ``now``, both effective on the repayment's own day,
    recorded when the late fact was, naming it as their cause.
    """

    fact_id: str
    cause_id: str
    was: Split
    now: Split | None  # nothing where the repayment itself was reversed


def corrections(before: Account, after: Account, cause_id: str) -> tuple[Correction, ...]:
    """What a late fact changes in the books: each split to reverse, and its replay."""
    now = {split.fact_id: split for split in after.splits}
    return tuple(
        Correction(split.fact_id, cause_id, split, now.get(split.fact_id))
        for split in before.splits
        if now.get(split.fact_id) != split
    )


def _capitalising(terms: RepaymentTerms, facts: Sequence[Fact]) -> frozenset[date]:
    drawn = [fact.on for fact in facts if fact.kind is FactKind.DRAWDOWN]
    return capitalising_days(terms, min(drawn)) if drawn else frozenset()


class _Replay:
    """Facts as they are replayed, day by day; lives within one call of :func:`account`."""

    def __init__(
        self, terms: RepaymentTerms, dues: Sequence[Due], capitalising: frozenset[date]
    ) -> None:
        self.terms, self.dues, self.capitalising = terms, sorted(dues, key=_on), capitalising
        self.interest = Meter(terms.rate_ppm, terms.day_count)
        self.penalty = Meter(terms.arrears.penalty_rate_ppm, terms.day_count)
        self.rebate = Meter(terms.rebate.rate_ppm, terms.day_count)
        grace = timedelta(days=terms.arrears.grace_days)
        self.penalised = {due.on + grace: 0 for due in self.dues}
        for due in self.dues:
            self.penalised[due.on + grace] += due.principal_minor
        self.fee_minor = self.principal_minor = self.surplus_minor = 0
        self.capitalised_minor = self.drawn_minor = 0
        self.asked_principal_minor = self.repaid_principal_minor = 0
        self.settled_minor = 0  # what was paid of the plan: all but penalties
        self.is_prompt, self.since = True, date.min
        self.splits: list[Split] = []

    def run_to(self, day: date) -> None:
        """Let interest and penalty run up to and not including a day."""
        overdue = self.asked_principal_minor - self.repaid_principal_minor
        if self.since < day and self.since > date.min:
            self.interest.run(self.principal_minor, self.since, day)
            self.rebate.run(self.principal_minor, self.since, day)
            self.penalty.run(min(max(0, overdue), self.principal_minor), self.since, day)
        self.since = day

    def take(self, fact: Fact) -> None:
        """Let a fact count."""
        if fact.kind is FactKind.DRAWDOWN:
            self.principal_minor += fact.amount_minor
            self.drawn_minor += fact.amount_minor
        elif fact.kind is FactKind.FEE:
            self.fee_minor += fact.amount_minor
        else:
            self._repay(fact)

    def _repay(self, fact: Fact) -> None:
        parts, surplus = split_by(self.terms.waterfall, self.owed(), fact.amount_minor)
        self.penalty.taken_minor += parts.penalty_minor
        self.interest.taken_minor += parts.interest_minor
        self.fee_minor -= parts.fee_minor
        self.principal_minor -= parts.principal_minor
        self.repaid_principal_minor += parts.principal_minor
        self.settled_minor += parts.total_minor - parts.penalty_minor
        self.surplus_minor += surplus
        self.splits.append(Split(fact.fact_id, fact.on, parts, surplus))

    def close(self, day: date) -> None:
        """End a day: what was due and what is to be capitalised."""
        self.asked_principal_minor += self.penalised.get(day, 0)
        if self.late(day)[0]:
            self.is_prompt = False
        if day in self.capitalising:
            grown = self.interest.owed_minor
            self.interest.taken_minor += grown
            self.principal_minor += grown
            self.capitalised_minor += grown

    def owed(self) -> Amounts:
        """What is owed now."""
        return Amounts(
            self.penalty.owed_minor,
            self.fee_minor,
            self.interest.owed_minor,
            self.principal_minor,
        )

    def late(self, day: date) -> tuple[int, date | None]:
        """How much that was due by a day is not paid, and since when."""
        owed = self.owed()
        asked, oldest = 0, None
        for due in self.dues:
            if due.on > day:
                break
            asked += due.total_minor
            if oldest is None and asked > self.settled_minor:
                oldest = due.on
        missing = min(max(0, asked - self.settled_minor), owed.total_minor - owed.penalty_minor)
        return (missing, oldest) if missing > 0 else (0, None)

    def seen(self, on: date) -> Account:
        """The account as it stands."""
        owed, (late_minor, late_since) = self.owed(), self.late(on)
        is_repaid = self.drawn_minor > 0 and owed.total_minor == 0
        earns = is_repaid and self.is_prompt and bool(self.dues)
        return Account(
            on=on,
            owed=owed,
            surplus_minor=self.surplus_minor,
            earned_interest_minor=self.interest.earned_minor,
            earned_penalty_minor=self.penalty.earned_minor,
            capitalised_minor=self.capitalised_minor,
            late_minor=late_minor,
            late_since=late_since,
            rebate_minor=self.rebate.earned_minor if earns else 0,
            splits=tuple(self.splits),
        )


def _on(due: Due) -> date:
    return due.on


def reversal_of(fact: Fact, fact_id: str) -> Fact:
    """The fact that undoes another, effective on the same day."""
    return replace(fact, fact_id=fact_id, kind=FactKind.REVERSAL, amount_minor=0,
                   reverses=fact.fact_id)  # fmt: skip
