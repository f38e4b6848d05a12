"""The feature catalogue: what a model may look at, and what it must not.

Read from TOML and held against itself before a row of data is touched. A feature
that reads a column listed under ``[leaks]`` is refused by name and reason, and so is
one that says who somebody is: such columns are looked at by the examination for
fairness alone, under a consent of their own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import HarvestlineError, ShapeError
from core.scoring.features import FeatureDefinition
from core.scoring.points import BINS_MAX, PAIRS_MAX
from core.shape import decode
from core.units import PPM

AUDIT_PURPOSE = "fairness_audit"
# What says who somebody is, whatever else the column's name holds.
_PROTECTED = re.compile(
    r"(?:^|_)(?:age|caste|disability|ethnicity|faith|gender|marital|nationality|race|religion|sex"
    r"|tribe|village)(?:_|$)"
)


class TrainingTableError(HarvestlineError):
    """The table of loans, or the catalogue that describes it, cannot be used."""

    code = "HL-SRV-008"


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns that are not features: the outcome (0 or 1), the season, and the weight.

    ``weight`` is how many loans a row stands for, empty where each is one.
    """

    outcome: str
    season: str
    weight: str = ""


@dataclass(frozen=True, slots=True)
class TrainingTerms:
    """Bounds of one training run.

    ``conformal_alpha_ppm`` is the share of each class that may fall on the wrong
    side of the refer band; ``test_share_ppm`` the share of seasons, the latest,
    that are held out; ``leak_auc_ppm_max`` the discrimination of one column alone
    above which it must have been written after the outcome. ``fit_from``,
    ``fit_until`` and ``test_until`` name seasons and take the place of that share:
    fitted on the first two and all between, examined on what follows up to the third.
    ``within_season`` fits what tells loans of one season apart and leaves the season's own
    level to the calibration: where columns came and went over the years, the years' default
    rates would otherwise be learnt as theirs.
    ``half_life_seasons`` lets a loan of so many seasons before the last that is fitted weigh
    half, 0 all alike; ``pair_bins_max`` bounds either side of a two-way table.
    """

    name: str
    bins_max: int
    pairs_max: int
    outer_bags: int
    approve_pd_ppm_max: int
    conformal_alpha_ppm: int
    test_share_ppm: int
    leak_auc_ppm_max: int
    within_season: bool = False
    half_life_seasons: int = 0
    pair_bins_max: int = 8
    fit_from: str = ""
    fit_until: str = ""
    test_until: str = ""

    def __post_init__(self) -> None:
        if not 3 <= self.bins_max <= BINS_MAX or not 0 <= self.pairs_max <= PAIRS_MAX:
            raise ShapeError(f"expected 3 to {BINS_MAX} bins and at most {PAIRS_MAX} pairs")
        for name in ("approve_pd_ppm_max", "conformal_alpha_ppm", "test_share_ppm"):
            if not 0 < getattr(self, name) < PPM:
                raise ShapeError(f"expected {name} between 0 and 1,000,000 ppm")
        if self.half_life_seasons < 0 or not 2 <= self.pair_bins_max <= BINS_MAX:
            raise ShapeError(
                f"expected a half-life of at least 0 and pairs of 2 to {BINS_MAX} bins"
            )
        if self.outer_bags < 1:
            raise ShapeError(f"expected outer_bags of at least 1, got {self.outer_bags}")


@dataclass(frozen=True, slots=True)
class AuditColumn:
    """A column that only the examination for fairness reads, never a model.

    A cell is empty where the person did not consent to ``purpose``. With ``edges`` the
    cells are whole numbers and a group is the band between two of them; otherwise each
    text is a group. ``protected`` says who somebody is, so no feature may read it.
    """

    name: str
    words: str
    purpose: str
    edges: tuple[int, ...] = ()
    protected: bool = True

    def __post_init__(self) -> None:
        if list(self.edges) != sorted(set(self.edges)):
            raise ShapeError(f"audit column {self.name}: expected rising edges")
        if self.protected and self.purpose != AUDIT_PURPOSE:
            raise ShapeError(
                f"audit column {self.name}: expected the consent {AUDIT_PURPOSE!r}, "
                f"got {self.purpose!r}"
            )

    def group(self, cell: str) -> str:
        """The group of a cell, empty if it is."""
        if not self.edges or not cell:
            return cell
        value = int(cell)
        low = max((edge for edge in self.edges if edge <= value), default=None)
        high = min((edge for edge in self.edges if edge > value), default=None)
        if low is None:
            return f"below {high:,}"
        return f"{low:,} and more" if high is None else f"{low:,} to {high - 1:,}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What may be used, what is refused, and how to train."""

    table: TableColumns
    training: TrainingTerms
    feature: tuple[FeatureDefinition, ...]
    leaks: Mapping[str, str]
    audit: tuple[AuditColumn, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(definition.name for definition in self.feature)


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue in a TOML file.

    Raises
    ------
    TrainingTableError
        If it cannot be read, is malformed, or a feature reads a leaking column.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrainingTableError(f"expected a catalogue in TOML at {path}, got: {error}") from error
    try:
        return check_catalogue(decode(Catalogue, table))
    except ShapeError as error:
        raise TrainingTableError(f"catalogue {path}: {error}") from error


def check_catalogue(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue if no feature leaks or stands twice.

    Raises
    ------
    TrainingTableError
        With every fault at once.
    """
    names = catalogue.names
    reserved = {catalogue.table.outcome, catalogue.table.season, catalogue.table.weight}
    protected = {column.name for column in catalogue.audit if column.protected}
    faults = [
        f"{name} is listed twice" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    faults += [
        f"{name} is the outcome, the season or the weight" for name in names if name in reserved
    ]
    for definition in catalogue.feature:
        why = definition.leaks or catalogue.leaks.get(definition.name, "")
        if why:
            faults.append(f"{definition.name} may not be a feature: {why}; take it out")
        if definition.name in protected or _PROTECTED.search(definition.name):
            faults.append(
                f"{definition.name} may not be a feature: it says who somebody is; it may be an "
                "[[audit]] column"
            )
    if not names:
        faults.append("expected at least one [[feature]], got none")
    if faults:
        raise TrainingTableError("catalogue: " + "; ".join(faults))
    return catalogue
