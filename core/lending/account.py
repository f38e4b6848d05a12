"""What is owed on a day: a pure function of dated facts, whenever it is asked.

No nightly batch and no running balance: facts are put in the order of their effective days
and replayed, so the order in which they arrived leaves no trace. A fact that comes late
changes how the repayments after it were split; :mod:`core.lending.books` says what is to be
reversed in the ledger, and what replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from core.errors import LedgerImbalanceError
from core.lending.accrual import Meter, PrincipalChange
from core.lending.facts import Fact, FactKind, standing_facts
from core.lending.in_force import PlanInForce
from core.lending.ledger import EntryKind
from core.lending.schedule import Due, capitalising_of
from core.lending.terms import Part, RepaymentTerms, Restructured
from core.lending.tranches import Tranches


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
        amount: int = getattr(self, f"{part.value}_minor")
        return amount


@dataclass(frozen=True, slots=True)
class Split:
    """Where a repayment went, and the surplus that belongs to the farmer [minor units]."""

    fact_id: str
    on: date
    parts: Amounts
    surplus_minor: int


@dataclass(frozen=True, slots=True)
class Step:
    """Interest or penalty since the step before, or interest that became principal or came back.

    ``kind`` is INTEREST, PENALTY, CAPITALISATION or REBATE; the amount [minor units] is the
    difference of rounded cumulative amounts, so that steps sum to what was earned.
    """

    kind: EntryKind
    on: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be paid on a day if all is paid as planned [minor units]."""

    on: date
    parts: Amounts
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """A line on a day [minor units].

    ``earned_interest_minor`` and ``earned_penalty_minor`` are all that ever ran;
    ``capitalised_minor`` the interest that became principal. ``late_minor`` of what the
    plan asked is not paid, the oldest of it due on ``late_since``; the grace only spares the
    penalty. ``rebate_minor`` is given back when all is repaid and nothing ever was late.
    ``steps`` are taken at repayments, at capitalisation and on the days that are looked at.
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
    steps: tuple[Step, ...] = ()

    def split_of(self, fact_id: str) -> Split:
        """Where one repayment went.

        Raises
        ------
        LedgerImbalanceError
            If it is not among the facts that count.
        """
        for split in self.splits:
            if split.fact_id == fact_id:
                return split
        raise LedgerImbalanceError(f"expected a repayment that counts, got {fact_id}")

    @property
    def late_days(self) -> int:
        """How long the oldest unpaid due date has passed [days]."""
        return (self.on - self.late_since).days if self.late_since else 0


def account(
    terms: RepaymentTerms,
    facts: Iterable[Fact],
    on: date,
    dues: Sequence[Due] | None = None,
    looks: AbstractSet[date] = frozenset(),
) -> Account:
    """What a line owes at the end of a day, interest up to and not including the day.

    Parameters
    ----------
    facts
        In any order; the same fact twice counts once; those after ``on`` do not count.
    dues
        The plan against which being late is measured; without one no rebate is given, either.
    looks
        Days besides on which the books were brought up; they change nothing but the steps.

    Raises
    ------
    LedgerImbalanceError
        If two facts have one id and different content.
    """
    return accounts(terms, facts, (on,), dues, looks)[on]


def accounts(
    terms: RepaymentTerms,
    facts: Iterable[Fact],
    days: Iterable[date],
    dues: Sequence[Due] | None = None,
    looks: AbstractSet[date] = frozenset(),
) -> dict[date, Account]:
    """What :func:`account` says of each of some days, by one replay.

    ``dues`` is the plan on all: from the first to the last nothing was drawn or undone.
    """
    wanted = frozenset(days)
    told = _replaying(terms, facts, wanted, dues, looks)
    return {day: replay.seen(day) for day, replay in told if day in wanted}


def ahead(
    terms: RepaymentTerms, facts: Iterable[Fact], on: date, dues: Sequence[Due]
) -> tuple[Asked, ...]:
    """What is still to be paid, day by day, if nothing more is drawn and all is paid as planned.

    What is late is asked at once; what was paid ahead is asked no more; the last day takes
    all that is then owed, so a line that was repaid early asks for less interest.
    """
    [*_, (_, replay)] = _replaying(terms, facts, frozenset({on}), dues, frozenset())
    asking = {due.on for due in dues if due.on > on}
    found = [replay.ask(on, is_last=not asking)] if replay.late(on)[0] or not asking else []
    for day in sorted(asking | {each for each in replay.capitalising if each > on}):
        replay.run_to(day)
        if day in asking:
            found.append(replay.ask(day, is_last=day == max(asking)))
        replay.close(day)
    return tuple(each for each in found if each.parts.total_minor)


def _replaying(
    terms: RepaymentTerms,
    facts: Iterable[Fact],
    wanted: AbstractSet[date],
    dues: Sequence[Due] | None,
    looks: AbstractSet[date],
) -> Iterator[tuple[date, _Replay]]:
    """The replay at the end of each day with an event, and of each wanted, up to the last."""
    on = max(wanted)
    counted = [fact for fact in standing_facts(facts) if fact.on <= on]
    replay = _Replay(terms, dues, capitalising_of(terms, counted))
    by_day: dict[date, list[Fact]] = {}
    for fact in counted:
        by_day.setdefault(fact.on, []).append(fact)
    asked = {*replay.plan.principal_minor, *(due.on for due in replay.plan.dues)}
    events = {*by_day, *asked, *replay.capitalising, *looks, *replay.anew}
    for day in sorted(each for each in events | wanted if each <= on):
        replay.run_to(day)
        if day in events:
            if day in looks:
                replay.step(day)
            for fact in by_day.get(day, ()):
                replay.take(fact)
            replay.close(day)
        yield day, replay


def principal_changes(facts: Iterable[Fact], found: Account) -> tuple[PrincipalChange, ...]:
    """How the principal of an account moved, day by day: what was drawn, and what repaid it."""
    drawn = (fact for fact in standing_facts(facts) if fact.kind is FactKind.DRAWDOWN)
    return (
        *(PrincipalChange(fact.on, fact.amount_minor) for fact in drawn),
        *(PrincipalChange(each.on, -each.parts.principal_minor) for each in found.splits),
    )


def split_by(waterfall: Sequence[Part], owed: Amounts, paid_minor: int) -> tuple[Amounts, int]:
    """How much of a payment goes to each part, in the product's order; and the surplus.

    No part takes more than is owed, so what is given out and the surplus are the payment.
    """
    taken, left = {}, paid_minor
    for part in waterfall:
        taken[part] = min(left, max(0, owed.of(part)))
        left -= taken[part]
    return Amounts(*(taken[part] for part in Part)), left


class _Replay:
    """Facts as they are replayed, day by day; lives within one call of :func:`account`."""

    def __init__(
        self, terms: RepaymentTerms, dues: Sequence[Due] | None, capitalising: frozenset[date]
    ) -> None:
        self.terms, self.capitalising = terms, capitalising
        self.plan = PlanInForce(terms, dues)
        self.anew = {date.fromisoformat(each.on): each for each in terms.restructured}
        self.rate_ppm = terms.first().rate_ppm
        self.settled_before_minor = 0  # by plans that count no more
        self.interest = Meter(1, terms.day_count)  # of principal times its own rate
        self.tranches = Tranches()
        self.penalty = Meter(terms.arrears.penalty_rate_ppm, terms.day_count)
        self.rebate = Meter(terms.rebate.rate_ppm, terms.day_count)
        self.fee_minor = self.principal_minor = self.surplus_minor = 0
        self.capitalised_minor = 0
        self.asked_principal_minor = self.repaid_principal_minor = 0
        self.settled_minor = 0  # what was paid of the plan: all but penalties
        self.is_prompt, self.since = True, date.min
        self.splits: list[Split] = []
        self.steps: list[Step] = []
        self.stepped = {EntryKind.INTEREST: 0, EntryKind.PENALTY: 0}

    def run_to(self, day: date) -> None:
        """Let interest and penalty run up to and not including a day."""
        owing = min(self.asked_principal_minor - self.repaid_principal_minor, self.principal_minor)
        if owing > 0:
            owing = self.plan.penalised(owing, self.since, self._settled())
        if date.min < self.since < day and self.principal_minor:
            self.interest.run(self.tranches.rated, self.since, day)
            if self.rebate.rate_ppm:
                self.rebate.run(self.principal_minor, self.since, day)
            if owing > 0:
                self.penalty.run(owing, self.since, day)
        self.since = day

    def take(self, fact: Fact) -> None:
        """Let a fact count."""
        if fact.kind is FactKind.DRAWDOWN:
            self.principal_minor += fact.amount_minor
            self.tranches.add(self._rate_of(fact), fact.amount_minor)
        elif fact.kind is FactKind.FEE:
            self.fee_minor += fact.amount_minor
        else:
            self._repay(fact)

    def _rate_of(self, fact: Fact) -> int:
        return self.rate_ppm if fact.rate_ppm is None else fact.rate_ppm

    def step(self, day: date) -> None:
        """Write down what ran since the step before."""
        earned = {
            EntryKind.INTEREST: self.interest.earned_minor,
            EntryKind.PENALTY: self.penalty.earned_minor,
        }
        self.steps += [
            Step(kind, day, total - self.stepped[kind])
            for kind, total in earned.items()
            if total != self.stepped[kind]
        ]
        self.stepped = earned

    def _repay(self, fact: Fact) -> None:
        self.step(fact.on)
        parts, surplus = split_by(self.terms.waterfall, self.owed(), fact.amount_minor)
        self.penalty.taken_minor += parts.penalty_minor
        self.interest.taken_minor += parts.interest_minor
        self.fee_minor -= parts.fee_minor
        self.principal_minor -= parts.principal_minor
        self.tranches.take(parts.principal_minor)
        self.repaid_principal_minor += parts.principal_minor
        self.settled_minor += parts.total_minor - parts.penalty_minor
        self.surplus_minor += surplus
        self.splits.append(Split(fact.fact_id, fact.on, parts, surplus))
        back = self.rebate.owed_minor
        if back and self.is_prompt and self.plan.is_known and not self.owed().total_minor:
            self.rebate.taken_minor += back
            self.steps.append(Step(EntryKind.REBATE, fact.on, back))

    def close(self, day: date) -> None:
        """End a day: what was due and what is to be capitalised."""
        self.asked_principal_minor += self.plan.principal_minor.get(day, 0)
        if self.late(day)[0]:
            self.is_prompt = False
        anew = self.anew.get(day)
        capitalises = day in self.capitalising or (anew is not None and anew.capitalises)
        if capitalises and (grown := self.interest.owed_minor):
            self.step(day)
            self.interest.taken_minor += grown
            self.principal_minor += grown
            self.tranches.add(self.rate_ppm, grown)
            self.capitalised_minor += grown
            self.steps.append(Step(EntryKind.CAPITALISATION, day, grown))
        if anew is not None:
            self._plan_anew(day, anew)

    def _plan_anew(self, day: date, anew: Restructured) -> None:
        """From the end of a day on another plan counts, and all principal bears its rate."""
        self.rate_ppm = anew.after.rate_ppm
        self.plan.begin_next(day)
        self.tranches = Tranches()
        self.tranches.add(self.rate_ppm, self.principal_minor)
        self.asked_principal_minor = self.repaid_principal_minor = 0
        self.settled_before_minor, self.is_prompt = self.settled_minor, False

    def ask(self, day: date, *, is_last: bool) -> Asked:
        """Pay what a day asks for, and say what it was."""
        owed, (missing_minor, since) = self.owed(), self.late(day)
        wanted = owed.total_minor if is_last else missing_minor + owed.penalty_minor
        parts, _ = split_by(self.terms.waterfall, owed, wanted)
        is_late = since is not None and since < day
        if wanted:
            self.take(Fact(f"asked/{day}", FactKind.REPAYMENT, day, wanted))
        return Asked(day, parts, is_late)

    def owed(self) -> Amounts:
        """What is owed now."""
        return Amounts(
            self.penalty.owed_minor,
            self.fee_minor,
            self.interest.owed_minor,
            self.principal_minor,
        )

    def late(self, day: date) -> tuple[int, date | None]:
        """How much that was due by a day is not paid, and since when.

        After the last day of the plan that is all that is owed but penalties: interest that ran
        while something was late stands in no plan.
        """
        missing, since = self.plan.unpaid(day, self._settled())
        over_since = self.plan.over_since(day)
        if not missing and over_since is None:
            return 0, None
        owed_minor = self.owed().total_minor - self.penalty.owed_minor
        missing = min(missing, owed_minor) if over_since is None else owed_minor
        return (missing, since or over_since) if missing > 0 else (0, None)

    def _settled(self) -> int:
        """What was paid of the plan in force [minor units]."""
        return self.settled_minor - self.settled_before_minor

    def seen(self, on: date) -> Account:
        """The account as it stands."""
        late_minor, late_since = self.late(on)
        return Account(
            on=on,
            owed=self.owed(),
            surplus_minor=self.surplus_minor,
            earned_interest_minor=self.interest.earned_minor,
            earned_penalty_minor=self.penalty.earned_minor,
            capitalised_minor=self.capitalised_minor,
            late_minor=late_minor,
            late_since=late_since,
            rebate_minor=self.rebate.taken_minor,
            splits=tuple(self.splits),
            steps=tuple(self.steps),
        )
