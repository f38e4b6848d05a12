"""The months in which a farmer says that money comes in, touched one after another.

Each counts as much as the others. What a product's bounds do not take is refused in words
that are spoken, too; the rule is that of ``core.lending.own_cash``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from core.lending.own_cash import early_months
from core.lending.product import Product
from core.lending.schedule import months_from
from core.lending.terms import MONTHS_A_YEAR, CashMonth, OwnCashTerms
from edge_node.decide.desk import RequestError
from edge_node.faces.kiosk.number_words import Month, NextDay
from edge_node.faces.kiosk.said import Said, says, value

QUESTION = "In which months does money come in?"
NONE = "If you choose none, you pay back by the lender's plan."
MOST = "At most {count} months. Touch one again to take it away."
TOO_LATE = "That month comes too late: all has to be paid back by {day}."
TOO_EARLY = "The last money has to come in {month} or later."
DAYS = "You pay back what you draw in equal parts on these days, with the interest:"


@dataclass(frozen=True, slots=True)
class Months:
    """What is chosen on a screen, and what of it does not fit; None if all does."""

    chosen: tuple[int, ...]
    refused: Said | None = None

    @property
    def said(self) -> tuple[Said, ...]:
        """The months by their names, then what does not fit."""
        refused = () if self.refused is None else (self.refused,)
        return (*(value(Month(each)) for each in self.chosen), *refused)


def told_months(texts: Iterable[str]) -> tuple[int, ...]:
    """Months of a form or an address, each once and in order.

    Raises
    ------
    RequestError
        If one is no month.
    """
    found = set(texts)
    known = {str(number): number for number in range(1, MONTHS_A_YEAR + 1)}
    if not found <= known.keys():
        wrong = min(found - known.keys())
        raise RequestError(f"expected months 1 to {MONTHS_A_YEAR}, got {wrong[:20]!r}")
    return tuple(sorted(known[each] for each in found))


def equal_parts(chosen: tuple[int, ...]) -> tuple[CashMonth, ...] | None:
    """The months as an application brings them, each with the same weight; None if none."""
    return tuple(CashMonth(each, 1) for each in chosen) or None


def touched(product: Product, chosen: tuple[int, ...], month: int, on: date) -> Months:
    """The months after a touch: taken away if it was chosen, else added if it fits.

    ``month`` is 0 where none was touched.
    """
    bounds = _bounds(product)
    if month in chosen:
        return fitting(product, tuple(each for each in chosen if each != month), on)
    if month and month not in months_to_come(product, on):
        due_on = NextDay(date.fromisoformat(product.due_on))
        return Months(chosen, says(TOO_LATE, day=due_on))
    if month and len(chosen) >= bounds.months_max:
        return Months(chosen, says(MOST, count=bounds.months_max))
    return fitting(product, tuple(sorted({*chosen, month} - {0})), on)


def fitting(product: Product, chosen: tuple[int, ...], on: date) -> Months:
    """Months that were chosen, with what of them does not fit the product."""
    bounds, due_on = _bounds(product), date.fromisoformat(product.due_on)
    if not chosen:
        return Months(())
    if not set(chosen) <= set(months_to_come(product, on)):
        return Months(chosen, says(TOO_LATE, day=NextDay(due_on)))
    if len(chosen) > bounds.months_max:
        return Months(chosen, says(MOST, count=bounds.months_max))
    if early_months(due_on, equal_parts(chosen) or ()) > bounds.early_months_max:
        last = months_from(due_on, -bounds.early_months_max)
        return Months(chosen, says(TOO_EARLY, month=Month(last.month)))
    return Months(chosen)


def months_to_come(product: Product, on: date) -> tuple[int, ...]:
    """The months in which a payment could fall: after a day, up to the product's due date."""
    due_on = date.fromisoformat(product.due_on)
    days = (months_from(due_on, -early) for early in range(MONTHS_A_YEAR))
    return tuple(sorted(day.month for day in days if day > on))


def _bounds(product: Product) -> OwnCashTerms:
    if product.own_cash is None:
        raise RequestError(f"expected no own cash months: {product.product_id} has its own plan")
    return product.own_cash
