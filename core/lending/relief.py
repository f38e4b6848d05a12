"""Relief after a verified loss: what is not due yet is due later, in bands by the loss.

The bands are dated data of the product. The Reserve Bank of India's: a loss of 33 % to below
50 % gives up to 24 months with 12 of grace, 50 % and more up to 60 with 12, less gives none
(Master Direction on relief measures in areas affected by natural calamities). Months
are counted from the due date that the line had. Nothing is forgiven and interest runs on;
what was late before stays late, and nothing becomes late by the loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from core.lending.account import account
from core.lending.agreed import agreed
from core.lending.facts import Fact, standing_facts
from core.lending.schedule import Due, merged, months_from, plan
from core.lending.terms import RepaymentTerms, ScheduleKind, ScheduleTerms
from core.units import PPM, civil_date

RELIEF_MONTHS_MAX = 120
YEARLY = 12  # what is put off is paid after each harvest [months]


@dataclass(frozen=True, slots=True)
class ReliefBand:
    """From which loss on which relief is given, while the band is in force.

    ``months`` is how much later all of it is due at most, ``grace_months`` of these without
    any payment. ``until_on`` is the last day of the band; absent, it goes on.
    """

    loss_from_ppm: int
    months: int
    grace_months: int
    from_on: str
    source: str
    until_on: str | None = None

    def is_in_force(self, on: date) -> bool:
        """Whether the band counts on a day."""
        day = on.isoformat()
        return self.from_on <= day and (self.until_on is None or day <= self.until_on)

    def faults(self) -> list[str]:
        """What cannot be, in words."""
        days = (self.from_on, *((self.until_on,) if self.until_on is not None else ()))
        rules = (
            (0 < self.loss_from_ppm <= PPM, "loss_from_ppm must be 1 to 1,000,000 ppm"),
            (0 < self.months <= RELIEF_MONTHS_MAX, "months must be 1 to 120"),
            (0 <= self.grace_months < self.months, "grace_months must be below months"),
            (all(civil_date(day) for day in days), "from_on and until_on must be dates"),
            (bool(self.source), "source must name who says so"),
        )
        return [f"relief.{words}" for holds, words in rules if not holds]


class LossSource(Enum):
    """What a loss was seen by."""

    IMAGERY = "imagery"
    WEATHER_INDEX = "weather_index"
    VISIT = "visit"


@dataclass(frozen=True, slots=True)
class LossSeen:
    """A share of the harvest that is lost, by one source; ``reference`` finds it again."""

    source: LossSource
    reference: str
    loss_ppm: int


@dataclass(frozen=True, slots=True)
class Relief:
    """What was granted to a line, and when."""

    granted_on: str
    due_before: str
    months: int
    grace_months: int
    loss_ppm: int

    @property
    def due_on(self) -> date:
        """The last due date from then on."""
        return months_from(date.fromisoformat(self.due_before), self.months)

    @property
    def grace_until(self) -> date:
        """The day up to which nothing that was put off is asked for."""
        return months_from(date.fromisoformat(self.due_before), self.grace_months)

    def applied(self, terms: RepaymentTerms) -> RepaymentTerms:
        """Terms that know which due date it moved; the account and the plan ask for them."""
        moved = (date.fromisoformat(self.due_before), self.due_on)
        return replace(terms, put_off=moved)

    def undone(self, terms: RepaymentTerms) -> RepaymentTerms:
        """Terms as they were before it was granted; those of another plan stay as they are."""
        if terms.due_on != self.due_on:
            return terms
        return replace(terms, due_on=date.fromisoformat(self.due_before))


def verified_loss_ppm(seen: Iterable[LossSeen]) -> int | None:
    """How much is lost for certain [ppm]; None if that is not verified.

    Who stood in the field knows: a visit counts by itself. Else two sources must speak, and
    the lower counts, so that one instrument's fault gives no relief.
    """
    by_source: dict[LossSource, int] = {}
    for each in seen:
        by_source[each.source] = min(each.loss_ppm, by_source.get(each.source, PPM))
    if LossSource.VISIT in by_source:
        return by_source[LossSource.VISIT]
    return min(by_source.values()) if len(by_source) > 1 else None


def band_for(bands: Sequence[ReliefBand], loss_ppm: int, on: date) -> ReliefBand | None:
    """The band that a loss opens on a day; None below the lowest."""
    opened = [each for each in bands if each.is_in_force(on) and each.loss_from_ppm <= loss_ppm]
    return max(opened, key=lambda band: band.loss_from_ppm, default=None)


def planned(
    terms: RepaymentTerms, facts: Iterable[Fact], relief: Relief | None = None
) -> tuple[Due, ...]:
    """What is due when of a line, with the relief that it was granted, if any.

    Up to the day of the relief the plan stays as it was agreed. What was drawn until then and
    was not due yet is due in equal yearly parts after the grace, with the interest of the
    time before; what is drawn later is planned by the line's terms. Relief puts off the plan
    in force, also one that was made anew before; a plan made after it takes its place.
    """
    standing = standing_facts(facts)
    if relief is None or not _is_newest(terms, relief):
        return _anew(terms, standing, relief) if terms.restructured else agreed(terms, standing)
    terms = relief.applied(terms)
    granted, plain = date.fromisoformat(relief.granted_on), replace(terms, restructured=())
    until = [fact for fact in standing if fact.on <= granted]
    before = replace(terms, due_on=date.fromisoformat(relief.due_before))
    asked = [due for due in planned(before, until) if due.on <= granted]
    put_off = _put_off(before, until, asked, relief)
    later = agreed(plain, [fact for fact in standing if fact.on > granted])
    return merged([asked, put_off, later])


def _is_newest(terms: RepaymentTerms, relief: Relief) -> bool:
    """Whether relief put off the newest plan, and not one before it.

    None is granted on the day of a new plan; relief of the same day came before it.
    """
    return not terms.restructured or relief.granted_on > terms.restructured[-1].on


def _anew(
    terms: RepaymentTerms, standing: Sequence[Fact], relief: Relief | None
) -> tuple[Due, ...]:
    """What is due of a line whose plan was made anew: the old dues, then all that was owed.

    Dues up to the day of the new plan stand for what was asked then; they count no more.
    """
    on = date.fromisoformat(terms.restructured[-1].on)
    until = [fact for fact in standing if fact.on <= on]
    asked = [due for due in planned(terms.before_last(), until, relief) if due.on <= on]
    owed, plain = account(terms, until, on, asked).owed, replace(terms, restructured=())
    later = agreed(plain, [fact for fact in standing if fact.on > on])
    beside_minor = owed.interest_minor + owed.fee_minor
    if owed.principal_minor:
        return merged([asked, plan(plain, owed.principal_minor, on, beside_minor), later])
    rest = [Due(plain.ends_on, 0, 0, beside_minor)] if beside_minor else []
    return merged([asked, rest, later])


def _put_off(
    before: RepaymentTerms, facts: Sequence[Fact], asked: Sequence[Due], relief: Relief
) -> list[Due]:
    granted = date.fromisoformat(relief.granted_on)
    found = account(before, facts, granted, asked)
    since = date.fromisoformat(before.restructured[-1].on) if before.restructured else date.min
    counted = [due for due in asked if due.on > since]  # by the plan that relief puts off
    splits = [split for split in found.splits if split.on > since]
    late_principal = max(
        0,
        sum(due.principal_minor for due in counted)
        - sum(split.parts.principal_minor for split in splits),
    )
    principal = max(0, found.owed.principal_minor - late_principal)
    then = account(before, facts, before.due_on, asked).owed
    late_interest = max(0, found.late_minor - late_principal)
    interest = max(0, then.interest_minor + then.fee_minor - late_interest)
    settled = sum(each.parts.total_minor - each.parts.penalty_minor for each in splits)
    dues = _paid_ahead(settled, counted, granted)
    if not principal:
        return [*dues, Due(relief.due_on, 0, interest)] if interest else dues
    first, *others = plan(_terms(before, relief), principal, before.due_on)
    return [*dues, replace(first, interest_minor=first.interest_minor + interest), *others]


def _paid_ahead(settled_minor: int, asked: Sequence[Due], granted: date) -> list[Due]:
    """What was paid above what was asked counts as asked, or it would pay the new plan."""
    ahead = settled_minor - sum(due.total_minor for due in asked)
    return [Due(granted, 0, ahead)] if ahead > 0 else []


def _terms(before: RepaymentTerms, relief: Relief) -> RepaymentTerms:
    schedule = ScheduleTerms(
        ScheduleKind.EQUAL_PRINCIPAL,
        every_months=YEARLY,
        moratorium_months=relief.grace_months,
        interest=before.schedule.interest,
        capitalise_months=before.schedule.capitalise_months,
    )
    return replace(before, due_on=relief.due_on, schedule=schedule, restructured=())
