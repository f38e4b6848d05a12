"""A season's aggregates of daily features: what scoring uses, and what it rests on.

A feature is absent, never zero, when no day of the window has it, or only days that
were seen for less than half. The coverage counts the days that are missing, and the
provenance names the subject, the days and a hash over every day's readings, so that a
decision cites exactly what it saw; beside it stands how much of it no device signed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.scoring.features import DailyFeature, FeatureValue
from core.units import MS_PER_DAY, PPM, day_start_ms, divide_half_even
from edge_node.config import Settings
from edge_node.features.derive import DAY_COVERAGE_PPM_MIN, STRESS
from edge_node.store import daily as store
from edge_node.store.daily import GradedFeature
from edge_node.store.database import StationDatabase
from edge_node.store.doubts import doubted_days

HERD_DAYS_MAX = 14  # a herd is what passed the gate lately, not at the season's start
_SECONDS_PER_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class SeasonDefinition:
    """A feature of a season: its name, the daily feature and metric behind it, and how.

    ``days_max`` bounds the window [days]; ``reduce`` gets the days in order and the
    normal of the site, and may find that there is too little to say anything.
    ``thin_counts`` lets days in that were seen for less than half: a counter's rise
    belongs to no day alone, so nothing of it is missed. Of such a feature the days that are
    doubted are left out, for their coverage alone would not take what they earned.
    """

    name: str
    daily: str
    metric: str
    reduce: Callable[[Sequence[DailyFeature], Settings], int | None]
    days_max: int = 3_660
    thin_counts: bool = False


def rain_deficit_ppm(days: Sequence[DailyFeature], normal_um_per_day: int) -> int | None:
    """How much less rain than normal fell on days that were seen [ppm of normal].

    Positive is a deficit; −1,000,000 is twice the normal rain.
    """
    normal_um = normal_um_per_day * len(days)
    fallen_um = sum(day.value for day in days)
    return divide_half_even((normal_um - fallen_um) * PPM, normal_um)


def herd_heads(days: Sequence[DailyFeature]) -> int:
    """The middle of what the reader counted on its days; one miscount does not move it."""
    return statistics.median_low([day.value for day in days])


def _stress_days(days: Sequence[DailyFeature], _: Settings) -> int:
    return sum(day.value for day in days)


def _rain(days: Sequence[DailyFeature], settings: Settings) -> int | None:
    return rain_deficit_ppm(days, settings.rain_normal_um_per_day)


def _heads(days: Sequence[DailyFeature], _: Settings) -> int:
    return herd_heads(days)


def _hours(days: Sequence[DailyFeature], _: Settings) -> int:
    return sum(day.value for day in days) // _SECONDS_PER_HOUR


def _thirsty_days(days: Sequence[DailyFeature], _: Settings) -> int:
    return sum(day.value > 0 for day in days)


def _sum(days: Sequence[DailyFeature], _: Settings) -> int:
    return sum(day.value for day in days)


def _mean(days: Sequence[DailyFeature], _: Settings) -> int:
    return divide_half_even(sum(day.value for day in days), len(days))


def _thousandths(days: Sequence[DailyFeature], _: Settings) -> int:
    return divide_half_even(sum(day.value for day in days), 1000)


_SOIL, _AIR = "soil_moisture_ppm", "air_temperature_mdeg_c"
_WARM = "degree_days_10_30_mdeg_c"

SEASON: tuple[SeasonDefinition, ...] = (
    SeasonDefinition("soil_stress_days", "soil_stress", _SOIL, _stress_days),
    SeasonDefinition("water_stress_days", STRESS, _SOIL, _thirsty_days),
    SeasonDefinition("water_stress_mean_ppm", STRESS, _SOIL, _mean),
    SeasonDefinition("rain_deficit_ppm", "rain_um", "rain_um", _rain),
    SeasonDefinition("rain_mm", "rain_um", "rain_um", _thousandths),
    SeasonDefinition("degree_days_c", _WARM, _AIR, _thousandths),
    SeasonDefinition(
        "herd_heads_count", "heads_count", "animals_seen_count", _heads, HERD_DAYS_MAX
    ),
    SeasonDefinition("herd_steps_per_day", "activity_steps", "activity_steps", _mean),
    SeasonDefinition("machine_hours_count", "engine_s", "engine_s", _hours, thin_counts=True),
    SeasonDefinition("machine_area_m2", "area_worked_m2", "area_worked_m2", _sum, thin_counts=True),
    SeasonDefinition("machine_fuel_ml", "fuel_used_ml", "fuel_used_ml", _sum, thin_counts=True),
)
_SEASON_BY_NAME: Mapping[str, SeasonDefinition] = {each.name: each for each in SEASON}


def features_for_subject(
    db: StationDatabase, settings: Settings, subject_id: str, until_day: date, window_days: int
) -> tuple[FeatureValue, ...]:
    """What the devices of a subject say about its season, for scoring.

    Parameters
    ----------
    db
        The station's database.
    settings
        ``rain_normal_um_per_day`` of the site.
    subject_id
        A plot gives ``soil_stress_days`` and ``water_stress_days``, the place with the
        weather station ``rain_deficit_ppm`` and ``degree_days_c``, a herd
        ``herd_heads_count``, a machine ``machine_hours_count`` (docs/features.md).
    until_day
        The last civil day of the window, included.
    window_days
        Its length [days].
    """
    found = (
        _feature(db, settings, subject_id, definition, (until_day, window_days))
        for definition in SEASON
    )
    return tuple(feature for feature in found if feature is not None)


def cited_documents(
    db: StationDatabase,
    settings: Settings,
    subject_id: str,
    window: tuple[date, int],
    names: Sequence[str],
) -> tuple[str, ...]:
    """SHA-256 of the signed telemetry documents behind features of a season.

    Parameters
    ----------
    db
        The station's database.
    settings
        The site's zone.
    subject_id
        The subject, as for :func:`features_for_subject`.
    window
        Its ``until_day`` and ``window_days``.
    names
        Names of season features that a decision used.
    """
    devices = store.subject_devices(db, subject_id)
    found: set[str] = set()
    for name in names:
        if (definition := _SEASON_BY_NAME.get(name)) is None:
            continue
        first, last = _window(definition, *window)
        start_ms = day_start_ms(first, settings.utc_offset_ms)
        span = (start_ms, day_start_ms(last, settings.utc_offset_ms) + MS_PER_DAY)
        found.update(store.document_hashes(db, devices, span, definition.metric))
    return tuple(sorted(found))


def _feature(
    db: StationDatabase,
    settings: Settings,
    subject_id: str,
    definition: SeasonDefinition,
    window: tuple[date, int],
) -> FeatureValue | None:
    first, last = _window(definition, *window)
    span = (first.isoformat(), last.isoformat())
    graded = store.graded_features(db, subject_id, span, (definition.daily,))
    if definition.thin_counts:
        devices = store.subject_devices(db, subject_id)
        doubted = doubted_days(db, devices, definition.metric, span)
        seen = [one for one in graded if one.feature.day not in doubted]
    else:
        seen = [one for one in graded if one.feature.coverage_ppm >= DAY_COVERAGE_PPM_MIN]
    days = [one.feature for one in seen]
    value = definition.reduce(days, settings) if days else None
    if value is None:
        return None
    length = (last - first).days + 1
    unsigned = unsigned_share_ppm(seen)
    basis = canonical_hash([[day.day, day.readings_sha256] for day in days])
    return FeatureValue(
        name=definition.name,
        value=value,
        coverage_ppm=sum(day.coverage_ppm for day in days) // length,
        provenance=f"{subject_id} {span[0]}/{span[1]} sha256:{basis}",
        unsigned_ppm=unsigned or None,
    )


def unsigned_share_ppm(days: Sequence[GradedFeature]) -> int:
    """The share of all days' readings that no device signed [ppm], rounded up."""
    readings = sum(one.feature.readings_count for one in days)
    unsigned = sum(one.unsigned_ppm * one.feature.readings_count for one in days)
    return min(PPM, -(-unsigned // readings))


def _window(definition: SeasonDefinition, until: date, days: int) -> tuple[date, date]:
    length = max(1, min(days, definition.days_max))
    return until - timedelta(days=length - 1), until
