"""A new plan for what a line owes: within which bounds, and what it costs beside the old one.

The bounds are dated data of the product; a product that says nothing has
:data:`WITHOUT_WORDS`: never dearer, no interest on interest, at most twice. Such a line is
*forborne*: for provisioning it is at least in stage 2 while its probation lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.errors import AgreementError
from core.lending.account import Asked, account, ahead
from core.lending.facts import Fact
from core.lending.price import Flow, apr_ppm
from core.lending.relief import Relief, planned
from core.lending.schedule import Due, months_from
from core.lending.terms import PlanTerms, RepaymentTerms, Restructured, ScheduleTerms
from core.units import PPM, civil_date

MONTHS_MAX, TIMES_MAX = 120, 10


@dataclass(frozen=True, slots=True)
class RestructuringTerms:
    """Within which bounds a plan may be made anew while these terms are in force.

    ``months_max`` is how much later than the line's due date the last payment may be,
    ``times_max`` how often in a line's life; the rate [ppm a year] lies between its bounds, and
    without an upper one is at most the line's own. ``until_on`` is the last day.
    """

    from_on: str
    months_max: int
    times_max: int
    may_capitalise: bool
    source: str
    rate_ppm_min: int = 0
    rate_ppm_max: int | None = None
    until_on: str | None = None

    def is_in_force(self, on: date) -> bool:
        """Whether they count on a day."""
        day = on.isoformat()
        return self.from_on <= day and (self.until_on is None or day <= self.until_on)

    def faults(self) -> list[str]:
        """What cannot be, in words."""
        highest = PPM if self.rate_ppm_max is None else self.rate_ppm_max
        days = (self.from_on, *((self.until_on,) if self.until_on is not None else ()))
        rules = (
            (0 < self.months_max <= MONTHS_MAX, f"months_max must be 1 to {MONTHS_MAX}"),
            (0 < self.times_max <= TIMES_MAX, f"times_max must be 1 to {TIMES_MAX}"),
            (
                0 <= self.rate_ppm_min <= highest <= PPM,
                "rates must be 0 to 1,000,000 ppm, in order",
            ),
            (all(civil_date(day) for day in days), "from_on and until_on must be dates"),
            (bool(self.source), "source must name who says so"),
        )
        return [f"restructuring.{words}" for holds, words in rules if not holds]


WITHOUT_WORDS = RestructuringTerms(
    "2000-01-01", 60, 2, may_capitalise=False, source="where a product says nothing"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A plan that an officer proposes."""

    due_on: date
    rate_ppm: int
    schedule: ScheduleTerms
    capitalises: bool


@dataclass(frozen=True, slots=True)
class Course:
    """What is to be paid from a day on, and at which price [minor units, ppm a year]."""

    asked: tuple[Asked, ...]
    total_minor: int
    apr_ppm: int


def terms_in_force(known: Sequence[RestructuringTerms], on: date) -> RestructuringTerms:
    """The bounds that count on a day; the latest of several."""
    found = [each for each in known if each.is_in_force(on)]
    return max(found, key=lambda each: each.from_on, default=WITHOUT_WORDS)


def restructured(
    terms: RepaymentTerms, wish: Wish, bounds: RestructuringTerms, on: date
) -> RepaymentTerms:
    """A line's terms with a new plan from the end of a day on.

    Raises
    ------
    AgreementError
        If the plan is outside the bounds or contradicts itself; every fault is named.
    """
    latest = months_from(terms.due_on, bounds.months_max)
    highest = terms.rate_ppm if bounds.rate_ppm_max is None else bounds.rate_ppm_max
    done = len(terms.restructured)
    rules = (
        (done < bounds.times_max, f"at most {bounds.times_max} new plans, {done} were made"),
        (all(each.on < on.isoformat() for each in terms.restructured), "one new plan a day"),
        (
            terms.due_on < wish.due_on <= latest and wish.due_on > on,
            f"a last due date after {max(terms.due_on, on)} up to {latest}, got {wish.due_on}",
        ),
        (
            bounds.rate_ppm_min <= wish.rate_ppm <= highest,
            f"a rate of {bounds.rate_ppm_min} to {highest} ppm a year, got {wish.rate_ppm}",
        ),
        (
            bounds.may_capitalise or not wish.capitalises,
            "no interest that becomes principal: the product does not permit it",
        ),
    )
    faults = [words for holds, words in rules if not holds]
    faults += wish.schedule.faults(wish.due_on)
    if faults:
        raise AgreementError("restructure: expected " + "; ".join(faults))
    before = PlanTerms(terms.rate_ppm, terms.due_on.isoformat(), terms.schedule)
    after = PlanTerms(wish.rate_ppm, wish.due_on.isoformat(), wish.schedule)
    step = Restructured(on.isoformat(), before, after, wish.capitalises)
    return replace(
        terms,
        rate_ppm=wish.rate_ppm,
        due_on=wish.due_on,
        schedule=wish.schedule,
        restructured=(*terms.restructured, step),
    )


def course(
    terms: RepaymentTerms, facts: Sequence[Fact], on: date, relief: Relief | None = None
) -> Course:
    """What is to be paid after a day by a line's terms; the price is that of owing it on.

    The annual percentage rate is reckoned as if all that is owed were lent on the day.
    """
    dues: tuple[Due, ...] = planned(terms, facts, relief)
    asked = ahead(terms, facts, on, dues)
    owed = account(terms, facts, on, dues).owed.total_minor
    flows = [Flow(max(1, (each.on - on).days), -each.parts.total_minor) for each in asked]
    total = sum(each.parts.total_minor for each in asked)
    rate = apr_ppm([Flow(0, owed), *flows]) if owed and flows else 0
    return Course(asked, total, rate)


def forborne_months(steps: Sequence[Restructured], on: date) -> int | None:
    """For how many whole months the newest plan has been in force; None without one."""
    days = [date.fromisoformat(each.on) for each in steps if each.on <= on.isoformat()]
    if not days:
        return None
    since = max(days)
    months = (on.year - since.year) * 12 + on.month - since.month
    return months if months_from(since, months) <= on else months - 1
