"""Which loans teach and which examine: always by season, never at random.

A random split would let a model learn a drought from the neighbours of the loans
that examine it. The latest seasons are held out; the others form folds of whole
seasons for the scores that calibrate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.units import PPM
from server.training.catalogue import TrainingTableError
from server.training.table import Loan, LoanTable

FOLDS = 3
SEASONS_MIN = 4


@dataclass(frozen=True, slots=True)
class Split:
    """Loans of earlier seasons, and loans of the later seasons that examine."""

    fit: tuple[Loan, ...]
    test: tuple[Loan, ...]
    fit_seasons: tuple[str, ...]
    test_seasons: tuple[str, ...]


def split_by_season(table: LoanTable, test_share_ppm: int) -> Split:
    """Hold out the latest seasons.

    Raises
    ------
    TrainingTableError
        If there are too few seasons, or the held-out ones lack an outcome.
    """
    seasons = table.seasons
    if len(seasons) < SEASONS_MIN:
        raise TrainingTableError(
            f"expected loans of at least {SEASONS_MIN} seasons, got {len(seasons)}: "
            "a model is examined on later seasons than it has seen"
        )
    held = max(1, len(seasons) * test_share_ppm // PPM)
    fit_seasons, test_seasons = seasons[:-held], seasons[-held:]
    later = frozenset(test_seasons)
    fit = tuple(loan for loan in table.loans if loan.season not in later)
    test = tuple(loan for loan in table.loans if loan.season in later)
    for name, loans in (("earlier", fit), ("held-out", test)):
        if len({loan.defaulted for loan in loans}) < 2:
            raise TrainingTableError(f"expected both outcomes in the {name} seasons, got one")
    return Split(fit, test, fit_seasons, test_seasons)


def season_folds(loans: Sequence[Loan], seasons: Sequence[str]) -> list[tuple[int, ...]]:
    """Row numbers of each fold; a season is never divided between two."""
    fold_of = {season: number % FOLDS for number, season in enumerate(seasons)}
    return [
        tuple(i for i, loan in enumerate(loans) if fold_of[loan.season] == fold)
        for fold in range(FOLDS)
    ]
