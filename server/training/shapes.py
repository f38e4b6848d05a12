"""An additive model before rounding: shapes of log-odds that any trainer can fill.

Log-odds are of default, so a higher value is riskier. Cuts are integers: bin i
holds ``cuts[i-1] <= value < cuts[i]``, as in the points table.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """Log-odds of one feature by bin, and of a missing value."""

    feature: str
    cuts: tuple[int, ...]
    log_odds: tuple[float, ...]
    missing: float

    def at(self, value: int | None) -> float:
        """Log-odds of a value, or of a missing one."""
        return self.missing if value is None else self.log_odds[bisect_right(self.cuts, value)]


@dataclass(frozen=True, slots=True)
class Surface:
    """Log-odds of two features together; row and column 0 are for a missing value."""

    first: str
    second: str
    first_cuts: tuple[int, ...]
    second_cuts: tuple[int, ...]
    log_odds: tuple[tuple[float, ...], ...]

    def at(self, first: int | None, second: int | None) -> float:
        """Log-odds of two values, either of which may be missing."""
        row = 0 if first is None else 1 + bisect_right(self.first_cuts, first)
        column = 0 if second is None else 1 + bisect_right(self.second_cuts, second)
        return self.log_odds[row][column]


@dataclass(frozen=True, slots=True)
class Additive:
    """Intercept, shapes and surfaces: their sum is the log-odds of default."""

    intercept: float
    shapes: tuple[Shape, ...]
    surfaces: tuple[Surface, ...]

    def log_odds(self, values: Mapping[str, int]) -> float:
        """The log-odds of default of one application."""
        total = self.intercept + sum(one.at(values.get(one.feature)) for one in self.shapes)
        for two in self.surfaces:
            total += two.at(values.get(two.first), values.get(two.second))
        return total
