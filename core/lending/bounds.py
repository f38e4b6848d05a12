"""Terms by their path, and the bounds within which a bank may set them.

A path names a number of a product: ``credit.rate_ppm``, or inside a table by the row's own
name, ``stages.sowing.ltv_ppm``; in a price list it names every row's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.lending.kind_terms import Bound

VALUES_TOLD_MAX = 6  # of the fields that a fault names
_PATH = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")
_VERBS = frozenset({"name"})  # fields whose names faults use as verbs
_WORD = re.compile(r"[a-z][a-z0-9_]*")
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


def with_what_came(fault: str, table: Mapping[str, Any]) -> str:
    """A fault that says what was expected, and what came of the fields that it names.

    Fields are found by their paths in the fault, else by their names among its words, in the
    table that it names if there is one of that name. What tells already what came stays as it is.
    """
    words = set(_WORD.findall(fault)) - _VERBS
    if "got" in words:
        return fault
    values, paths = list(_scalars(table)), _PATH.findall(fault)
    whole = [each for each in values if f"{each[0]}.".startswith(tuple(f"{x}." for x in paths))]
    named = [each for each in values if each[0].rpartition(".")[2] in words]
    inside = [each for each in named if each[0].partition(".")[0] in words]
    rows = [each for each in values if words.issuperset(each[0].split(".")[:-1]) and "." in each[0]]
    told = [f"{path} {_as_written(value)}" for path, value in whole or inside or named or rows]
    more = ", …" if len(told) > VALUES_TOLD_MAX else ""
    return f"{fault}, got {', '.join(told[:VALUES_TOLD_MAX]) or 'none'}{more}"


def _scalars(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every value with its path, and lists of plain values whole."""
    yield from numbers_of(table)
    for name, value in table.items():
        if isinstance(value, list) and not any(isinstance(each, Mapping) for each in value):
            yield name, value


def _as_written(value: Any) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_number else json.dumps(value, ensure_ascii=False)


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
