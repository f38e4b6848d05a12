"""Past loans of seeded districts, as the simulator's ``loans.csv`` holds them, many at once.

Every district has weather, soils, farmers and harvests of its own; a loan's outcome follows
from its harvest. Nothing of it is a real person's loan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from firmware_sim.district.village import build_district
from firmware_sim.history.loans import MISSING
from firmware_sim.history.past import simulate_past
from server.training.table import Loan, LoanTable

FARMERS = 42
SEASONS = 12  # of each district, the last quarter of which examines
SEEDS = (101, 102, 103, 104)


@dataclass(frozen=True, slots=True)
class SimulatedLoans:
    """Loans of all districts; ``places`` names the district and season of each."""

    table: LoanTable
    places: tuple[str, ...]

    def places_of(self, loans: Sequence[Loan]) -> list[str]:
        """The district and season of loans of the table, in their order."""
        by_id = {id(loan): place for loan, place in zip(self.table.loans, self.places, strict=True)}
        return [by_id[id(loan)] for loan in loans]


def simulated_loans(seeds: Sequence[int] = SEEDS, seasons: int = SEASONS) -> SimulatedLoans:
    """All loans of so many seasons in the districts of some seeds."""
    rows = [row for seed in seeds for row in _district(seed, seasons)]
    table = LoanTable(tuple(loan for loan, _ in rows), "0" * 64, simulated=True, unused_columns=())
    return SimulatedLoans(table, tuple(place for _, place in rows))


def _district(seed: int, seasons: int) -> Iterator[tuple[Loan, str]]:
    past = simulate_past(build_district(seed, FARMERS), seasons, lambda: None)
    for season in past.loans:
        names = list(season.columns)
        rows = zip(*(season.columns[name].tolist() for name in names), strict=True)
        for defaulted, row in zip(season.defaulted.tolist(), rows, strict=True):
            values = {n: v for n, v in zip(names, row, strict=True) if v != MISSING}
            yield Loan(season.season_id, bool(defaulted), values), f"{seed} {season.season_id}"
