"""What a default rate will come to, from what of it is known today.

Loans run for years, so the youngest show few of their defaults. Older ones say how many
of all defaults are known at each age: the chain ladder of actuaries (Mack 1993,
doi:10.2143/AST.23.2.2005092). Only what was known on the day goes in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.units import PPM


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
    """By how much defaults grew from each age to the next, over all that was known then."""
    known = [vintage.known_by(year) for vintage in vintages]
    longest = max((len(each) for each in known), default=0)
    found = []
    for age in range(longest - 1):
        reached = [each for each in known if len(each) > age + 1]
        before = sum(each[age] for each in reached)
        found.append(sum(each[age + 1] for each in reached) / before if before else 1.0)
    return tuple(found)


def expected_ppm(vintages: Sequence[Vintage], year: int, age_min: int) -> Mapping[int, int]:
    """The share of each vintage that will have defaulted in the end, as seen then [ppm].

    Parameters
    ----------
    age_min
        Full years that a vintage must have been seen for; a younger one is left out.
    """
    growth = factors(vintages, year)
    found = {}
    for vintage in vintages:
        known = vintage.known_by(year)
        if len(known) < max(age_min, 1):
            continue
        ultimate = known[-1]
        for factor in growth[len(known) - 1 :]:
            ultimate *= factor
        found[vintage.year] = min(round(PPM * ultimate / vintage.loans), PPM)
    return found
