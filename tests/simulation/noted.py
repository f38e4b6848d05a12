"""What the checkers of each tick have seen already."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Noted:
    """How far each table was looked through, and what was known then."""

    upto: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    drawn: dict[str, str] = field(default_factory=lambda: defaultdict(str))
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    causes: set[tuple[str, str]] = field(default_factory=set)
    states: dict[str, str] = field(default_factory=dict)
    due_on: dict[str, str] = field(default_factory=dict)
    homes: set[tuple[str, str]] = field(default_factory=set)
    sealed: tuple[Any, ...] = (0, 0.0, 0.0)
