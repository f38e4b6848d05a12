"""How a product is repaid: schedule, interest, grace, penalty, rebate, order of payments.

All of it is data of the product and optional; what is absent is a bullet at the due
date with simple interest, no penalty and no rebate, paid to fees, then interest, then
principal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from core.errors import ShapeError
from core.lending.accrual import DayCount
from core.lending.workdays import CalendarTerms, rolled
from core.units import PPM

GRACE_DAYS_MAX = 180
EVERY_MONTHS_MAX = 24
MORATORIUM_MONTHS_MAX = 60
MONTHS_A_YEAR = 12
CASH_WEIGHT_MAX = 1_000


class ScheduleKind(Enum):
    """What a repayment follows."""

    BULLET = "bullet"
    INTEREST_ONLY = "interest_only"  # then all principal at the end
    EQUAL_INSTALMENTS = "equal_instalments"
    EQUAL_PRINCIPAL = "equal_principal"
    CASH_MONTHS = "cash_months"  # when the farmer has money
    AT_WILL = "at_will"  # repaid and drawn again; the rest at the end


class InterestKind(Enum):
    """Whether unpaid interest bears interest."""

    SIMPLE = "simple"
    CAPITALISING = "capitalising"


class MoratoriumInterest(Enum):
    """What becomes of the interest while no principal is due."""

    PAID = "paid"
    CARRIED = "carried"  # owed with the first instalment; bears none itself
    CAPITALISED = "capitalised"  # added to the principal at the moratorium's end


class Part(Enum):
    """What a repayment can go to."""

    PENALTY = "penalty"
    FEE = "fee"
    INTEREST = "interest"
    PRINCIPAL = "principal"


WATERFALL = (Part.PENALTY, Part.FEE, Part.INTEREST, Part.PRINCIPAL)


@dataclass(frozen=True, slots=True)
class CashMonth:
    """A month (1 to 12) with cash, and its weight in what is repaid."""

    month: int
    weight: int


@dataclass(frozen=True, slots=True)
class ScheduleTerms:
    """When what is repaid.

    Due dates are counted back from the product's ``due_on``, ``every_months``; 0 means at
    the end only. No principal is due in the first ``moratorium_months`` after a drawdown;
    the dates stay where they are. ``balloon_ppm`` of what is drawn is left to the last
    date. Parts are multiples of ``rounding_minor``; the last takes what is left.
    Capitalising interest is added to the principal every ``capitalise_months``.
    """

    kind: ScheduleKind
    every_months: int = 0
    cash: tuple[CashMonth, ...] = ()
    moratorium_months: int = 0
    moratorium_interest: MoratoriumInterest = MoratoriumInterest.CARRIED
    balloon_ppm: int = 0
    interest: InterestKind = InterestKind.SIMPLE
    capitalise_months: int = 0
    rounding_minor: int = 1

    def faults(self, due_on: date | None) -> list[str]:
        """What contradicts itself, in words; nothing if all fits."""
        regular = (
            ScheduleKind.INTEREST_ONLY,
            ScheduleKind.EQUAL_INSTALMENTS,
            ScheduleKind.EQUAL_PRINCIPAL,
        )
        capitalising = self.interest is InterestKind.CAPITALISING
        rules = (
            (0 <= self.every_months <= EVERY_MONTHS_MAX, "every_months must be 0 to 24"),
            (
                self.kind not in regular or self.every_months > 0,
                f"{self.kind.value} needs every_months",
            ),
            ((self.kind is ScheduleKind.CASH_MONTHS) == bool(self.cash), "cash is for cash_months"),
            (not self.cash or _cash_fits(self.cash, due_on),
             "cash must name months 1 to 12 once, due_on's among them, with positive weights"),
            (0 <= self.moratorium_months <= MORATORIUM_MONTHS_MAX,
             "moratorium_months must be 0 to 60"),
            (0 <= self.balloon_ppm < PPM, "balloon_ppm must be 0 to 999,999 ppm"),
            (capitalising == (self.capitalise_months > 0),
             "capitalising interest, and only that, needs capitalise_months"),
            (0 <= self.capitalise_months <= EVERY_MONTHS_MAX, "capitalise_months must be 0 to 24"),
            (self.rounding_minor > 0, "rounding_minor must be positive"),
        )  # fmt: skip
        return [f"schedule.{words}" for holds, words in rules if not holds]


def _cash_fits(cash: Sequence[CashMonth], due_on: date | None) -> bool:
    months = [each.month for each in cash]
    fits = len(set(months)) == len(months) and all(1 <= m <= 12 for m in months)
    positive = all(each.weight > 0 for each in cash)
    return fits and positive and (due_on is None or due_on.month in months)


def require_cash_months(cash: Sequence[CashMonth] | None) -> None:
    """Refuse a farmer's cash months that no product could take.

    Raises
    ------
    ShapeError
        If they are not months of the year in order, each once, with weights of 1 to
        ``CASH_WEIGHT_MAX``.
    """
    if cash is None:
        return
    months = [each.month for each in cash]
    in_order = bool(months) and months == sorted(set(months))
    if not in_order or not 1 <= months[0] <= months[-1] <= MONTHS_A_YEAR:
        raise ShapeError(f"expected cash months of 1 to 12 in order, each once, got {months[:13]}")
    wrong = [each.weight for each in cash if not 1 <= each.weight <= CASH_WEIGHT_MAX]
    if wrong:
        raise ShapeError(
            f"expected weights of 1 to {CASH_WEIGHT_MAX:,} of cash months, got {wrong[0]}"
        )


@dataclass(frozen=True, slots=True)
class OwnCashTerms:
    """Within what a farmer may bring cash months of their own; see core.lending.own_cash.

    At most ``months_max`` of them; in each at least ``share_ppm_min`` of what is repaid; the
    last at most ``early_months_max`` before the product's due date [months].
    """

    months_max: int
    share_ppm_min: int
    early_months_max: int = 0

    def faults(self, schedule: ScheduleTerms | None) -> list[str]:
        """What cannot be, in words."""
        at_will = schedule is not None and schedule.kind is ScheduleKind.AT_WILL
        rules = (
            (1 <= self.months_max <= MONTHS_A_YEAR, "months_max must be 1 to 12"),
            (
                0 < self.share_ppm_min * self.months_max <= PPM,
                "share_ppm_min must be above 0, and months_max times it at most 1,000,000 ppm",
            ),
            (0 <= self.early_months_max < MONTHS_A_YEAR, "early_months_max must be 0 to 11"),
            (not at_will, "a product that is repaid at will has no months: remove one of the two"),
        )
        return [f"own_cash: {words}" for holds, words in rules if not holds]


@dataclass(frozen=True, slots=True)
class ArrearsTerms:
    """What being late costs.

    After ``grace_days`` the principal that is overdue bears ``penalty_rate_ppm`` a year on
    top, simple, from the end of the grace; a penalty never bears one itself.
    """

    grace_days: int
    penalty_rate_ppm: int

    def faults(self) -> list[str]:
        """What cannot be, in words."""
        found = []
        if not 0 <= self.grace_days <= GRACE_DAYS_MAX:
            found.append(f"arrears.grace_days must be 0 to {GRACE_DAYS_MAX}")
        if not 0 <= self.penalty_rate_ppm <= PPM:
            found.append("arrears.penalty_rate_ppm must be 0 to 1,000,000 ppm")
        return found


@dataclass(frozen=True, slots=True)
class RebateTerms:
    """Interest given back, as a yearly rate, when all was paid by its due date."""

    rate_ppm: int


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What a plan is made by: the rate [ppm a year], the last due date, the schedule."""

    rate_ppm: int
    due_on: str
    schedule: ScheduleTerms


@dataclass(frozen=True, slots=True)
class Restructured:
    """That what is owed at the end of a day is repaid by another plan from then on.

    All principal bears the new rate. ``capitalises`` makes the interest that is owed on the
    day principal; else it is due, as fees are, with the first of the new dues. What was late
    is so no more; penalties that ran stay owed, and no rebate for prompt payment is left.
    """

    on: str
    before: PlanTerms
    after: PlanTerms
    capitalises: bool


@dataclass(frozen=True, slots=True)
class RepaymentTerms:
    """All that a repayment follows, of one product.

    Of a line whose plan was made anew they are those of the newest plan; ``restructured``
    says from when, and what was before, the oldest first. ``put_off`` is the last due date
    that relief moved, and the one it moved it to: interest became principal on days that
    were counted from the first of them.
    """

    rate_ppm: int
    day_count: DayCount
    due_on: date
    schedule: ScheduleTerms = ScheduleTerms(ScheduleKind.BULLET)
    arrears: ArrearsTerms = ArrearsTerms(0, 0)
    rebate: RebateTerms = RebateTerms(0)
    waterfall: tuple[Part, ...] = WATERFALL
    calendar: CalendarTerms | None = None
    restructured: tuple[Restructured, ...] = ()
    put_off: tuple[date, date] | None = None

    def before_last(self) -> RepaymentTerms:
        """The terms before the newest plan."""
        *others, last = self.restructured
        return self._by(last.before, tuple(others))

    def until(self, day: date) -> RepaymentTerms:
        """The terms as they stood on a day, before any plan that was made later."""
        terms = self
        while terms.restructured and terms.restructured[-1].on > day.isoformat():
            terms = terms.before_last()
        return terms

    def first(self) -> RepaymentTerms:
        """The terms before any plan was made anew."""
        return self.until(date.min)

    def _by(self, plan: PlanTerms, others: tuple[Restructured, ...]) -> RepaymentTerms:
        return replace(
            self,
            rate_ppm=plan.rate_ppm,
            due_on=date.fromisoformat(plan.due_on),
            schedule=plan.schedule,
            restructured=others,
        )

    @property
    def ends_on(self) -> date:
        """The working day on which the last payment is due."""
        return rolled(self.due_on, self.calendar)

    @property
    def drawn_before(self) -> date:
        """From this day on nothing is drawn any more: no plan could ask for it back.

        It is the due date, or the working day before it on which the last payment is due.
        """
        return min(self.due_on, self.ends_on)

    @property
    def capitalises(self) -> bool:
        """Whether interest may ever become principal."""
        after_moratorium = (
            self.schedule.moratorium_months > 0
            and self.schedule.moratorium_interest is MoratoriumInterest.CAPITALISED
        )
        return self.schedule.interest is InterestKind.CAPITALISING or after_moratorium


def waterfall_faults(waterfall: Sequence[Part]) -> list[str]:
    """What an order of payments lacks, in words."""
    if sorted(part.value for part in waterfall) == sorted(part.value for part in Part):
        return []
    return ["waterfall must name penalty, fee, interest and principal, each once"]
