"""What a default rate will come to, from what of it is known today.

Loans run for years, so the youngest show few of their defaults. Older ones say how many
of all defaults are known at each age, as actuaries reckon claims (Mack 1993,
doi:10.2143/AST.23.2.2005092). Only what was known on the day goes in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.units import PPM

GROWTH_YEARS = 3


@dataclass(frozen=True, slots=True)
class Vintage:
    """Loans of one year: how many, and how many had defaulted at the end of each year of age.

    ``defaults[a]`` counts those known ``a`` full years after the vintage's own year ended;
    it never falls. Weighted counts are welcome.
    """

    year: int
    loans: float
    defaults: tuple[float, ...]

    def known_by(self, year: int) -> tuple[float, ...]:
        """What of it was known when a year began."""
        return self.defaults[: max(year - self.year, 0)]


def factors(vintages: Sequence[Vintage], year: int) -> tuple[float, ...]:
    """By how much defaults grew from each age to the next, in the last years known then.

    Over the last ``GROWTH_YEARS`` vintages that reached the age: how fast loans fail changes
    with the times.
    """
    known = [vintage.known_by(year) for vintage in vintages]
    longest = max((len(each) for each in known), default=0)
    found = []
    for age in range(longest - 1):
        reached = [each for each in known if len(each) > age + 1][-GROWTH_YEARS:]
        before = sum(each[age] for each in reached)
        found.append(sum(each[age + 1] for each in reached) / before if before else 1.0)
    return tuple(found)


def expected_ppm(vintages: Sequence[Vintage], year: int) -> Mapping[int, int]:
    """The share of each vintage that will have defaulted in the end, as seen then [ppm].

    What is known, and of what is not yet known as much as the vintage before came to
    (Bornhuetter & Ferguson 1972): a young vintage's few defaults are not multiplied.
    """
    growth = factors(vintages, year)
    found: dict[int, int] = {}
    before = 0.0
    for vintage in sorted(vintages, key=lambda each: each.year):
        known = vintage.known_by(year)
        if not known:
            continue
        to_come = 1 - 1 / math.prod(growth[len(known) - 1 :])
        share = known[-1] / vintage.loans + to_come * before
        found[vintage.year] = round(PPM * min(share, 1.0))
        before = share
    return found
