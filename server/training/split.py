"""Which loans teach and which examine: always by season, never at random.

A random split would let a model learn a drought from the neighbours of the loans
that examine it. The latest seasons are held out; the others form folds of whole
seasons for the scores that calibrate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.units import PPM
from server.training.catalogue import TrainingTableError, TrainingTerms
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


def split_by_season(table: LoanTable, terms: TrainingTerms) -> Split:
    """Hold out the latest seasons, or those that the catalogue names.

    Raises
    ------
    TrainingTableError
        If there are too few seasons, or a side lacks an outcome.
    """
    fit_seasons, test_seasons = _sides(table.seasons, terms)
    if len(fit_seasons) + len(test_seasons) < SEASONS_MIN or not fit_seasons or not test_seasons:
        raise TrainingTableError(
            f"expected loans of at least {SEASONS_MIN} seasons, got "
            f"{len(fit_seasons) + len(test_seasons)}: "
            "a model is examined on later seasons than it has seen"
        )
    earlier, later = frozenset(fit_seasons), frozenset(test_seasons)
    fit = tuple(loan for loan in table.loans if loan.season in earlier)
    test = tuple(loan for loan in table.loans if loan.season in later)
    for name, loans in (("earlier", fit), ("held-out", test)):
        if len({loan.defaulted for loan in loans}) < 2:
            raise TrainingTableError(f"expected both outcomes in the {name} seasons, got one")
    return Split(fit, test, fit_seasons, test_seasons)


def _sides(
    seasons: tuple[str, ...], terms: TrainingTerms
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The seasons that teach and those that examine, in order of time."""
    if not terms.fit_until:
        held = max(1, len(seasons) * terms.test_share_ppm // PPM)
        return seasons[:-held], seasons[-held:]
    fit = tuple(name for name in seasons if terms.fit_from <= name <= terms.fit_until)
    last = terms.test_until or seasons[-1]
    return fit, tuple(name for name in seasons if terms.fit_until < name <= last)


def season_folds(loans: Sequence[Loan], seasons: Sequence[str]) -> list[tuple[int, ...]]:
    """Row numbers of each fold; a season is never divided between two."""
    fold_of = {season: number % FOLDS for number, season in enumerate(seasons)}
    return [
        tuple(i for i, loan in enumerate(loans) if fold_of[loan.season] == fold)
        for fold in range(FOLDS)
    ]
