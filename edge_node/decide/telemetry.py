"""What devices tell of an application, and which signed documents it rests on.

Only features that the farmer's consents admit are looked at. Soil is averaged over
plots by area, animals and engine hours are added up, rain comes from the village's
weather station. The window ends on the last whole day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.scoring.features import FeatureValue
from core.units import PPM, divide_half_even
from core.wire.registry import Subject, SubjectKind
from edge_node.config import Settings
from edge_node.features.season import cited_documents, features_for_subject
from edge_node.store import village
from edge_node.store.database import StationDatabase

WINDOW_DAYS = 30  # soil and rain before an application
MACHINE_DAYS = 120  # engine hours of about a season
# Two weather stations of one village measure the same season.
_OF_PLACES = ("rain_deficit_ppm", "rain_mm", "degree_days_c", "herd_steps_per_day")
_BY_AREA = ("soil_stress_days", "water_stress_days", "water_stress_mean_ppm")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What devices tell; ``readings`` are the hashes of the signed documents behind it."""

    features: tuple[FeatureValue, ...] = ()
    readings: tuple[str, ...] = ()


# From (database, farmer_id, pledged subjects, names of admitted features, today).
TelemetryOf = Callable[[StationDatabase, str, Sequence[Subject], frozenset[str], date], Telemetry]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A feature of one subject, with the subject's weight in the whole."""

    value: FeatureValue
    weight: int


def telemetry_of(settings: Settings) -> TelemetryOf:
    """The way to ask for telemetry under a station's settings."""

    def ask(
        db: StationDatabase,
        farmer_id: str,
        pledged: Sequence[Subject],
        names: frozenset[str],
        today: date,
    ) -> Telemetry:
        until = today - timedelta(days=1)
        seen: dict[str, list[_Seen]] = {}
        readings: set[str] = set()
        for subject in _measured(db, farmer_id, pledged):
            days = MACHINE_DAYS if subject.kind is SubjectKind.MACHINE else WINDOW_DAYS
            found = features_for_subject(db, settings, subject.subject_id, until, days)
            used = [value for value in found if value.name in names]
            for value in used:
                seen.setdefault(value.name, []).append(_Seen(value, subject.area_m2 or 1))
            cited = [value.name for value in used]
            window = (until, days)
            readings.update(cited_documents(db, settings, subject.subject_id, window, cited))
        area = sum(subject.area_m2 for subject in pledged) or 1
        features = tuple(_combined(name, seen[name], area) for name in sorted(seen))
        return Telemetry(features, tuple(sorted(readings)))

    return ask


def _measured(
    db: StationDatabase, farmer_id: str, pledged: Sequence[Subject]
) -> tuple[Subject, ...]:
    machines = [s for s in village.subjects_of(db, farmer_id) if s.kind is SubjectKind.MACHINE]
    places = village.subjects_of_kind(db, SubjectKind.VILLAGE)
    # A machine that is pledged is also owned, and counts once.
    return tuple({one.subject_id: one for one in (*pledged, *machines, *places)}.values())


def _combined(name: str, seen: Sequence[_Seen], area_m2: int) -> FeatureValue:
    if len(seen) == 1 and name not in _BY_AREA:
        return seen[0].value
    provenance = "; ".join(one.value.provenance for one in seen)[:4000]
    # As bad as the worst part: a signed plot does not vouch for a relayed one.
    unsigned_ppm = max(one.value.unsigned_ppm or 0 for one in seen) or None
    if name in _OF_PLACES:
        coverage_ppm = min(one.value.coverage_ppm for one in seen)
        middle = divide_half_even(sum(one.value.value for one in seen), len(seen))
        return FeatureValue(name, middle, coverage_ppm, provenance, unsigned_ppm)
    if name not in _BY_AREA:
        coverage_ppm = min(one.value.coverage_ppm for one in seen)
        total = sum(one.value.value for one in seen)
        return FeatureValue(name, total, coverage_ppm, provenance, unsigned_ppm)
    weight = sum(one.weight for one in seen)
    mean = divide_half_even(sum(one.weight * one.value.value for one in seen), weight)
    # A plot without a probe counts as not covered.
    covered = sum(one.weight * one.value.coverage_ppm for one in seen) // area_m2
    return FeatureValue(name, mean, min(covered, PPM), provenance, unsigned_ppm)
