"""What imagery lets the lender know about a plot or a pasture: an evidence document.

Made by ``satellite``, applied by ``server``, shown to the farmer. It states what
was seen, when, on which scenes (id and hash), how sure the estimate is, and which
software made it. It moves no limit: it stops at yield quantiles. Statements E1–E6
of docs/wire.md.

Scaled integers: index values × 10,000 (``_e4``), shares in ppm, yields in kg/ha.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from core.errors import ShapeError
from core.signing import DocumentType

EVIDENCE = DocumentType("evidence", 1)


class EvidenceKind(Enum):
    """What the evidence speaks of."""

    CROP = "crop"
    PASTURE = "pasture"


class Stage(Enum):
    """Growth stages that an index curve can show, in order."""

    SOWING = "sowing"  # the season is open; nothing green has been seen yet
    EMERGENCE = "emergence"
    VEGETATIVE = "vegetative"
    HEADING = "heading"
    RIPENING = "ripening"
    HARVESTED = "harvested"

    @property
    def rank(self) -> int:
        """Position in the season, from 0."""
        return list(Stage).index(self)


@dataclass(frozen=True, slots=True)
class Observation:
    """One scene over one plot.

    ``day`` is the civil date of the scene (ISO 8601); ``mean_e4`` the index × 10⁴;
    ``valid_ppm`` the share of the plot that was seen.
    """

    day: str
    mean_e4: int
    valid_ppm: int
    scene_id: str
    used: bool


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The smoothed curve on a day: index × 10⁴ with its 90 % band."""

    day: str
    mean_e4: int
    low_e4: int
    high_e4: int


@dataclass(frozen=True, slots=True)
class SceneRef:
    """A scene that the evidence rests on; the hash covers the assets that were read."""

    scene_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Season:
    """The declared crop's season as observed; an absent date has not happened yet."""

    start_on: str | None = None
    peak_on: str | None = None
    end_on: str | None = None
    peak_e4: int | None = None


@dataclass(frozen=True, slots=True)
class YieldEstimate:
    """Quantiles of the plot's yield at harvest [kg/ha].

    For a pasture the same quantiles are of forage relative to normal [ppm].
    ``method`` names the rung of the ladder that was admitted.
    """

    p05: int
    p10: int
    p50: int
    p90: int
    p95: int
    method: str
    model_sha256: str

    def __post_init__(self) -> None:
        ordered = (self.p05, self.p10, self.p50, self.p90, self.p95)
        if min(ordered) < 0 or list(ordered) != sorted(ordered):
            raise ShapeError(f"expected rising, non-negative yield quantiles, got {ordered}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One plot or pasture, as seen up to ``as_of``.

    Parameters
    ----------
    evidence_id
        UUIDv7 minted by the maker, or a UUIDv5 of its content: the same content
        has the same id.
    subject_id, subject_sha256
        The plot or pasture and the hash of the polygon that was used.
    season_id
        The declared season, e.g. ``2026-long-rains``.
    as_of
        Civil date of the newest scene taken into account.
    last_clear_on
        Civil date of the newest scene on which the plot was seen; absent if never.
    clear_looks
        Number of observations used in the season.
    stage, stage_observed_on
        The latest stage that was *seen*, and the date of that look; for
        ``sowing`` there need be no look.
    anomaly_ppm
        The curve today against what is normal for this crop, place and date
        [ppm; 0 is normal, −250,000 is a quarter below]; absent if unknown.
    yield_estimate
        Absent while nothing can be said: the limit then holds.
    """

    evidence_id: str
    kind: EvidenceKind
    subject_id: str
    subject_sha256: str
    season_id: str
    crop: str
    index: str
    as_of: str
    clear_looks: int
    stage: Stage
    season: Season
    observations: tuple[Observation, ...]
    curve: tuple[CurvePoint, ...]
    scenes: tuple[SceneRef, ...]
    software: str
    last_clear_on: str | None = None
    stage_observed_on: str | None = None
    anomaly_ppm: int | None = None
    yield_estimate: YieldEstimate | None = None
    alerts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.stage is not Stage.SOWING and self.stage_observed_on is None:
            raise ShapeError(f"expected stage_observed_on for stage {self.stage.value}")
        if self.clear_looks < 0:
            raise ShapeError(f"expected clear_looks of at least 0, got {self.clear_looks}")
