"""What a feature is: name, unit, range, direction, source, consent.

A feature that is not known is missing, never zero: so is one whose coverage is too
thin or for which the farmer gave no consent. Daily features are computed by the
station from readings; the centre knows a farmer's history; imagery adds the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from core.errors import ShapeError
from core.units import PPM, require_date

INT32_MAX = 2**31 - 1
# Of the readings behind a feature, so many may rest on no signature of a device, unless
# the product says otherwise: what a gateway relays its owner may have made up.
UNSIGNED_PPM_MAX = 500_000


class Direction(Enum):
    """How the risk moves when the feature rises."""

    SAFER = "safer"
    RISKIER = "riskier"
    FREE = "free"


class Source(Enum):
    """Where a feature comes from."""

    FARMER = "farmer"
    HISTORY = "history"
    TELEMETRY = "telemetry"
    IMAGERY = "imagery"


@dataclass(frozen=True, slots=True)
class FeatureDefinition:
    """A line of the catalogue that travels with the model.

    ``purpose`` is the consent without which the feature is missing (empty for what
    the application itself states); ``grade`` its data grade after JR/T 0197-2020,
    1 (public) to 5; ``leaks`` names why a column may not be used, empty if it may.
    ``change`` is there only for what the farmer can change: how they are told, with
    ``{value}`` where the value stands that would be enough.
    """

    name: str
    unit: str
    low: int
    high: int
    direction: Direction
    source: Source
    purpose: str
    grade: int
    words: str
    leaks: str = ""
    change: str | None = None

    def __post_init__(self) -> None:
        if not -INT32_MAX <= self.low < self.high <= INT32_MAX:
            raise ShapeError(f"feature {self.name}: expected low < high within 32 bits")
        if not 1 <= self.grade <= 5:
            raise ShapeError(f"feature {self.name}: expected a data grade 1 to 5")

    def clamp(self, value: int) -> int:
        """The value held within the feature's range."""
        return min(max(value, self.low), self.high)


@dataclass(frozen=True, slots=True)
class FeatureValue:
    """A feature as a decision used it.

    ``coverage_ppm`` is the share of the expected readings or looks behind it;
    ``provenance`` names the day range, evidence id or record hash it came from;
    ``unsigned_ppm`` is the share of its readings that no device signed, absent if all
    are signed or it rests on none.
    """

    name: str
    value: int
    coverage_ppm: int = PPM
    provenance: str = ""
    unsigned_ppm: int | None = None


@dataclass(frozen=True, slots=True)
class DailyFeature:
    """One day's value of a feature of a subject, with the readings behind it.

    ``readings_sha256`` covers the ordered (device, epoch, seq, metric, value) rows.
    """

    subject_id: str
    feature: str
    day: str
    value: int
    coverage_ppm: int
    readings_count: int
    readings_sha256: str

    def __post_init__(self) -> None:
        require_date(self.day, "day")


def admissible(
    definitions: Iterable[FeatureDefinition],
    values: Mapping[str, FeatureValue],
    purposes: Iterable[str],
    coverage_ppm_min: int,
    unsigned_ppm_max: int = UNSIGNED_PPM_MAX,
) -> dict[str, int]:
    """The model's inputs: what is known well enough and may be used, clamped.

    Everything else is left out, which the model scores as missing: what is too thin,
    what no consent admits, and what rests on too many readings that nobody signed.
    """
    granted = set(purposes)
    inputs: dict[str, int] = {}
    for definition in definitions:
        found = values.get(definition.name)
        if found is None or found.coverage_ppm < coverage_ppm_min:
            continue
        if (found.unsigned_ppm or 0) > unsigned_ppm_max:
            continue
        if definition.purpose and definition.purpose not in granted:
            continue
        inputs[definition.name] = definition.clamp(found.value)
    return inputs
