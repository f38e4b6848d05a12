"""What a draw costs and may be, for whoever draws without the product: an agent's tablet.

The terms are those of the line as they stood when the sub-lease was signed, so that what a
farmer was told on the tablet is what is booked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.errors import ShapeError
from core.lending.accrual import DayCount
from core.lending.dated import DatedCap, row_on
from core.lending.product import Product
from core.lending.terms import RepaymentTerms, ScheduleTerms
from core.lending.workdays import CalendarTerms
from core.units import PPM, require_date


@dataclass(frozen=True, slots=True)
class DrawTerms:
    """The part of a product, priced for one line, that a draw is told and refused by.

    ``told_rate_ppm`` stands where the product is priced by risk: it is then part of the price.
    """

    currency: str
    step_minor: int
    fee_ppm: int
    rate_ppm: int
    day_count: DayCount
    due_on: str
    schedule: ScheduleTerms
    apr_cap_ppm: int
    told_rate_ppm: int | None = None
    calendar: CalendarTerms | None = None
    apr_caps: tuple[DatedCap, ...] | None = None

    def __post_init__(self) -> None:
        require_date(self.due_on, "due_on")
        if self.step_minor <= 0 or not 0 <= self.fee_ppm <= PPM or self.rate_ppm < 0:
            raise ShapeError("expected a positive step, a fee and a rate in parts per million")

    def repayment(self) -> RepaymentTerms:
        """What the plan of a draw follows; being late costs nothing in a price."""
        return RepaymentTerms(
            rate_ppm=self.rate_ppm,
            day_count=self.day_count,
            due_on=date.fromisoformat(self.due_on),
            schedule=self.schedule,
            calendar=self.calendar,
        )

    def apr_cap_ppm_on(self, day: date) -> int:
        """The highest annual percentage rate that may be charged on a day [ppm]."""
        row = row_on(self.apr_caps or (), day)
        return self.apr_cap_ppm if row is None else min(self.apr_cap_ppm, row.apr_cap_ppm)


def draw_terms(product: Product) -> DrawTerms:
    """The terms of a product that is priced for a line already."""
    repayment, credit = product.repayment(), product.credit
    return DrawTerms(
        currency=product.currency,
        step_minor=credit.draw_step_minor,
        fee_ppm=credit.fee_ppm,
        rate_ppm=repayment.rate_ppm,
        day_count=repayment.day_count,
        due_on=product.due_on,
        schedule=repayment.schedule,
        apr_cap_ppm=credit.apr_cap_ppm,
        told_rate_ppm=repayment.rate_ppm if product.risk_prices else None,
        calendar=repayment.calendar,
        apr_caps=product.apr_caps,
    )
