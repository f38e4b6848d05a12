"""Tables with dates: prices with their source, subsidised interest by region, caps on the price.

Each row holds from ``from_on`` up to and including ``until_on``; the last may stay open.
Rows follow each other without a gap and without an overlap: where nothing is to hold, a row
says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Protocol, TypeVar

from core.lending.accrual import DayCount, PrincipalChange
from core.units import PPM, civil_date, divide_half_even

ROWS_MAX = 400


class _Dated(Protocol):
    @property
    def from_on(self) -> str: ...
    @property
    def until_on(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """A farm-gate price from a day on, and who quoted it."""

    from_on: str
    price_minor_per_kg: int
    source: str
    until_on: str | None = None


@dataclass(frozen=True, slots=True)
class DatedCap:
    """The highest annual percentage rate that the law, or the lender, allows from a day on."""

    from_on: str
    apr_cap_ppm: int
    source: str
    until_on: str | None = None


@dataclass(frozen=True, slots=True)
class Subsidy:
    """Interest that somebody else pays, as a yearly rate, in a region from a day on.

    Only on the first ``principal_minor_max`` of what is drawn; absent, on all of it.
    """

    region: str
    from_on: str
    rate_ppm: int
    source: str
    until_on: str | None = None
    principal_minor_max: int | None = None


Row = TypeVar("Row", bound=_Dated)


def row_on(rows: Iterable[Row], day: date) -> Row | None:
    """The row that holds on a day; None outside the table."""
    text = day.isoformat()
    for row in rows:
        if row.from_on <= text and (row.until_on is None or text <= row.until_on):
            return row
    return None


def period_faults(name: str, rows: Sequence[_Dated]) -> list[str]:
    """What is wrong with a table's dates, in words; nothing if it has neither gap nor overlap."""
    if not 0 < len(rows) <= ROWS_MAX:
        return [f"{name}: expected 1 to {ROWS_MAX} rows, got {len(rows)}: leave the table out"]
    wrong = [text for row in rows for text in (row.from_on, row.until_on or row.from_on)
             if civil_date(text) is None]  # fmt: skip
    if wrong:
        return [f"{name}: expected dates such as 2026-09-15, got {wrong[0]!r}"]
    found = [
        f"{name}: expected until_on at or after {row.from_on}, got {row.until_on}"
        for row in rows
        if row.until_on is not None and row.until_on < row.from_on
    ]
    for before, after in pairwise(rows):
        found += _seam_faults(name, before, after)
    return found


def _seam_faults(name: str, before: _Dated, after: _Dated) -> list[str]:
    if before.until_on is None:
        said = f"{name}: expected until_on in the row from {before.from_on}, got none"
        return [f"{said}: only the last row may stay open"]
    wanted = (date.fromisoformat(before.until_on) + timedelta(days=1)).isoformat()
    if after.from_on == wanted:
        return []
    what = "a gap" if after.from_on > wanted else "an overlap"
    said = f"{name}: expected the row after {before.until_on} to begin on {wanted}"
    return [f"{said}, got {after.from_on}: that is {what}"]


def subsidy_faults(subsidies: Sequence[Subsidy]) -> list[str]:
    """What is wrong with the subsidies' dates, region by region, in words."""
    regions = sorted({each.region for each in subsidies})
    found = ["subsidies: expected a region in every row"] if "" in regions else []
    for region in regions:
        rows = [each for each in subsidies if each.region == region]
        found += period_faults(f"subsidies of {region}", rows)
    return found


def subsidised_minor(
    subsidies: Sequence[Subsidy], changes: Sequence[PrincipalChange], until: date,
    day_count: DayCount,
) -> int:  # fmt: skip
    """The interest that a region's subsidies pay up to and not including ``until``.

    The farmer's account bears the full rate; this is what is claimed for it, so that a
    subsidy that is never paid leaves no hole in the books.

    Parameters
    ----------
    subsidies
        The rows of one region.
    changes
        Dated changes of the principal, in any order.

    Returns
    -------
    int
        Cumulative, rounded half to even once [minor units].
    """
    days = {each.on for each in changes}
    for row in subsidies:
        days.add(date.fromisoformat(row.from_on))
        if row.until_on is not None:
            days.add(date.fromisoformat(row.until_on) + timedelta(days=1))
    cuts = [*sorted(day for day in days if day < until), until]
    weighted = 0
    for first, after in pairwise(cuts):
        found = row_on(subsidies, first)
        if found is not None:
            principal = sum(each.change_minor for each in changes if each.on <= first)
            most = found.principal_minor_max
            paid_on = principal if most is None else min(principal, most)
            length = day_count.ordinal(after) - day_count.ordinal(first)
            weighted += max(paid_on, 0) * found.rate_ppm * length
    return divide_half_even(weighted, PPM * day_count.days_in_year)
