"""What the checkers of each tick have seen already."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from core.lending.relief import Relief
from core.lending.terms import RepaymentTerms

Plan = tuple[RepaymentTerms, Relief | None]  # what a line's dues follow from, beside its facts


@dataclass
class Noted:
    """How far each table was looked through, and what was known then."""

    upto: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    newest: dict[str, int] = field(default_factory=dict)  # the last row of each, by this tick
    drawn: dict[str, str] = field(default_factory=lambda: defaultdict(str))
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    causes: set[tuple[str, str]] = field(default_factory=set)
    states: dict[str, str] = field(default_factory=dict)
    due_on: dict[str, str] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)  # that are no longer the product's
    homes: set[tuple[str, str]] = field(default_factory=set)
    sealed: tuple[Any, ...] = (0, 0.0, 0.0)
