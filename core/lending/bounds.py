"""Terms by their path, and the bounds within which a bank may set them.

A path names a number of a product: ``credit.rate_ppm``, or inside a table by the row's own
name, ``stages.sowing.ltv_ppm``; in a price list it names every row's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.lending.kind_terms import Bound

_ROW_NAMES = ("stage", "crop", "goods")


def numbers_of(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a product's table, with its path."""
    for name, value in table.items():
        here = f"{path}{name}"
        if isinstance(value, Mapping):
            yield from numbers_of(value, f"{here}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            for row in value:
                if isinstance(row, Mapping):
                    named = row_name(row)
                    rest = {key: inner for key, inner in row.items() if key not in _ROW_NAMES}
                    yield from numbers_of(rest, f"{here}.{named}." if named else f"{here}.")
        else:
            yield here, value


def row_name(row: Mapping[str, Any]) -> str:
    """What a row of a table is called; empty where rows have no name."""
    return next((str(row[name]) for name in _ROW_NAMES if name in row), "")


def bound_faults(table: Mapping[str, Any], bounds: Sequence[Bound]) -> list[str]:
    """What is wrong with a product's bounds, in words."""
    found, numbers = [], dict(numbers_of(table))
    for bound in bounds:
        own = numbers.get(bound.path)
        if not isinstance(own, int) or bound.path.startswith("bounds."):
            found.append(f"bounds: expected the path of a number, got {bound.path!r}")
        elif bound.low is None and bound.high is None:
            found.append(f"bounds of {bound.path}: expected low, high or both, got neither")
        elif not _low(bound, own) <= own <= _high(bound, own):
            found.append(
                f"bounds of {bound.path}: expected the product's own {own:,} within "
                f"{_low(bound, own):,} to {_high(bound, own):,}"
            )
    return found


def outside(path: str, bound: Bound, own: int, asked: object) -> str | None:
    """Why a bank may not set a number so, in words; None if it may."""
    low, high = _low(bound, own), _high(bound, own)
    if isinstance(asked, int) and not isinstance(asked, bool) and low <= asked <= high:
        return None
    return f"{path}: expected {low:,} to {high:,}, which the policy allows, got {asked!r}"


def _low(bound: Bound, own: int) -> int:
    return own if bound.low is None else bound.low


def _high(bound: Bound, own: int) -> int:
    return own if bound.high is None else bound.high
