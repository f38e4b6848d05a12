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
from core.units import require_date

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

    def __post_init__(self) -> None:
        require_date(self.day, "day")


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The smoothed curve on a day: index × 10⁴ with its 90 % band."""

    day: str
    mean_e4: int
    low_e4: int
    high_e4: int

    def __post_init__(self) -> None:
        require_date(self.day, "day")


@dataclass(frozen=True, slots=True)
class SceneRef:
    """A scene that the evidence rests on; the hash covers the assets that were read."""

    scene_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Season:
    """The declared crop's season as observed; an absent date has not happened yet.

    ``start_days_90``, ``peak_days_90`` and ``end_days_90`` bound the date's error either
    side at 90 % [days]; absent where it was not worked out.
    """

    start_on: str | None = None
    peak_on: str | None = None
    end_on: str | None = None
    peak_e4: int | None = None
    start_days_90: int | None = None
    peak_days_90: int | None = None
    end_days_90: int | None = None

    def __post_init__(self) -> None:
        require_date(self.start_on, "start_on")
        require_date(self.peak_on, "peak_on")
        require_date(self.end_on, "end_on")


@dataclass(frozen=True, slots=True)
class Observability:
    """How well the plot could be seen in its season, up to ``as_of``.

    Parameters
    ----------
    looks
        Days on which a scene covered the plot; ``clear_looks`` of the evidence are
        those that could be used.
    valid_mean_ppm
        Mean share of the plot that was seen on those days.
    gap_days_max
        Longest time between two used looks, or from the season's first day to the
        first, or from the last to ``as_of`` [days].
    pixels_e2, full_pixels
        Pixels that the plot covers × 100, and those wholly inside it after the inner
        buffer.
    """

    looks: int
    valid_mean_ppm: int
    gap_days_max: int
    pixels_e2: int
    full_pixels: int


@dataclass(frozen=True, slots=True)
class Anomalies:
    """The curve today against three pasts [ppm; 0 is usual]; absent where there is none.

    ``own_ppm`` against the plot's own earlier seasons, ``neighbours_ppm`` against plots
    of the same crop around it today, ``region_ppm`` against the region's earlier
    seasons. ``vci_ppm`` is the vegetation condition index (Kogan 1995): 0 the worst
    that was seen on these days of the year, 1,000,000 the best.
    """

    own_ppm: int | None = None
    neighbours_ppm: int | None = None
    region_ppm: int | None = None
    vci_ppm: int | None = None


class HazardKind(Enum):
    """What may have struck a crop, as far as imagery and weather can tell."""

    DROUGHT = "drought"
    FLOOD = "flood"
    HAIL = "hail"
    LATE_SOWING = "late_sowing"
    FAILED_EMERGENCE = "failed_emergence"


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard that is under way or has struck.

    Parameters
    ----------
    since_on
        Civil date from which it shows.
    raised_on
        Civil date of the look, or of the day's weather, by which it was sure enough.
    severity_ppm
        Share of the plot's usual greenness that is gone, or for weather the index's
        own measure; 0 if unknown.
    """

    kind: HazardKind
    since_on: str
    raised_on: str
    severity_ppm: int = 0

    def __post_init__(self) -> None:
        require_date(self.since_on, "since_on")
        require_date(self.raised_on, "raised_on")


@dataclass(frozen=True, slots=True)
class Flag:
    """A finding that should send an officer; it decides nothing by itself.

    Parameters
    ----------
    code
        What does not fit, e.g. ``boundary_exaggerated``.
    raised_on
        Civil date of the newest look that it rests on.
    precision_ppm
        Of a million such flags at the stated base rate, how many are true.
    base_rate_ppm
        That base rate: how many plots of a million have the fault.
    facts
        Numbers for the officer, as texts by name.
    picture_sha256
        The picture that shows it; absent if there is none.
    """

    code: str
    raised_on: str
    precision_ppm: int
    base_rate_ppm: int
    facts: dict[str, str]
    picture_sha256: str | None = None

    def __post_init__(self) -> None:
        require_date(self.raised_on, "raised_on")


@dataclass(frozen=True, slots=True)
class PictureRef:
    """A picture that belongs to the evidence; its bytes travel apart, named by hash.

    ``kind`` is ``true_color``, ``false_color``, ``index``, ``curve`` or a flag's code; ``day``
    is the civil date that it shows.
    """

    kind: str
    day: str
    sha256: str
    media_type: str
    size_bytes: int

    def __post_init__(self) -> None:
        require_date(self.day, "day")


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
class Findings:
    """What lies beyond the estimate: how well the plot was seen, and what stands out.

    ``hazards`` may have struck the crop, ``flags`` should send an officer, ``pictures``
    show it. ``stage_chances_ppm`` says how likely each stage is today, in the order of
    ``Stage``; empty where it was not worked out.
    """

    observability: Observability
    anomalies: Anomalies
    hazards: tuple[Hazard, ...] = ()
    flags: tuple[Flag, ...] = ()
    pictures: tuple[PictureRef, ...] = ()
    stage_chances_ppm: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        chances = self.stage_chances_ppm
        if chances and (len(chances) != len(Stage) or min(chances) < 0):
            raise ShapeError(f"expected a chance for each of {len(Stage)} stages, got {chances}")


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
    alerts
        Short words on what a reader of the estimate should know.
    findings
        What else was found; absent in documents of makers that look no further.
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
    findings: Findings | None = None

    def __post_init__(self) -> None:
        if self.stage is not Stage.SOWING and self.stage_observed_on is None:
            raise ShapeError(f"expected stage_observed_on for stage {self.stage.value}")
        if self.clear_looks < 0:
            raise ShapeError(f"expected clear_looks of at least 0, got {self.clear_looks}")
