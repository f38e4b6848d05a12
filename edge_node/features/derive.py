"""What follows from a day's features: evapotranspiration, warmth, the water in the root zone.

Only closed days are derived, in order, villages before plots. A plot's depletion is
what its probe measured (FAO-56, eq. 87); on a day without a probe it is carried on by
the water balance (eq. 85) from the day before, and its coverage falls by a tenth each
such day, so that after some days the feature is missing and not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.scoring.features import DailyFeature
from core.units import PPM, divide_half_even, share_ppm
from core.wire.registry import Subject, SubjectKind
from edge_node.features.crops import CROPS, Crop, Soil
from edge_node.features.evapotranspiration import DayWeather, reference_um
from edge_node.features.land import Land
from edge_node.features.probe import drained_limit_ppm, soil_of_limit
from edge_node.features.warmth import degree_days_mdeg
from edge_node.features.waterbalance import (
    RootZone,
    coefficient_ppm,
    crop_coefficient_ppm,
    depletion_share_ppm,
    infiltrated_um,
    measured_depletion_um,
    root_depth_mm,
    step,
    total_available_um,
)
from edge_node.store import daily as store
from edge_node.store import village
from edge_node.store.daily import GradedFeature
from edge_node.store.database import StationDatabase

DAY_COVERAGE_PPM_MIN = 500_000  # a day seen for less than half says nothing
PAIRS_AT_ONCE_MAX = 2_000
CARRIED_PPM = 900_000  # what a day without a probe leaves of the coverage
SOIL_DAYS = 150  # how far back a probe is asked what its soil holds
ETC_UNKNOWN_UM = 5_000  # the rate at which Table 22 gives p
REFERENCE = "reference_et_um"
DEPLETION = "soil_depletion_um"
STRESS = "water_stress_ppm"
WEATHER = (
    *("air_temperature_min_mdeg_c", "air_temperature_max_mdeg_c", "relative_humidity_ppm"),
    *("solar_radiation_w_per_m2", "wind_speed_mm_per_s"),
)
_RAIN, _MOISTURE = "rain_um", "soil_moisture_ppm"


@dataclass(frozen=True, slots=True)
class CropDay:
    """What a crop on a soil is on a day: its roots' water, and how fast it drinks."""

    crop: Crop
    soil: Soil
    age_days: int

    @property
    def taw_um(self) -> int:
        """All that the roots can take [um]."""
        return total_available_um(self.soil, root_depth_mm(self.crop, self.age_days))

    def use_um(self, reference: int) -> int:
        """What the crop would use without stress [um]."""
        return share_ppm(reference, crop_coefficient_ppm(self.crop, self.age_days))

    def zone(self, reference: int | None) -> RootZone:
        """The root zone under a day's evapotranspiration, if it is known [um]."""
        use = ETC_UNKNOWN_UM if reference is None else self.use_um(reference)
        return RootZone(self.taw_um, depletion_share_ppm(self.crop.depletion_ppm, use))


def derive_until(db: StationDatabase, land: Land, last_day: date, now_ms: int) -> int:
    """Derive what is due up to a closed day; how many (subject, day) pairs changed.

    Parameters
    ----------
    db
        The station's database.
    land
        Place and soils.
    last_day
        The last civil day that is closed.
    now_ms
        The station's time [ms UTC].
    """
    changed = 0
    while pairs := store.underived_days(db, last_day.isoformat(), PAIRS_AT_ONCE_MAX):
        day = date.fromisoformat(pairs[0][1])
        due = {subject for subject, on in pairs if on == pairs[0][1]}
        with db.atomic():
            store.clear_underived(db, [(subject, day.isoformat()) for subject in due])
            changed += _derive_day(db, _Round(db, land, day, now_ms), due, last_day)
    return changed


@dataclass(frozen=True, slots=True)
class _Round:
    """One day of deriving."""

    db: StationDatabase
    land: Land
    day: date
    now_ms: int

    def read(self, subject_id: str, names: Sequence[str]) -> dict[str, GradedFeature]:
        """The day's features of a subject that were seen for at least half of it."""
        on = self.day.isoformat()
        found = store.graded_features(self.db, subject_id, (on, on), names)
        return {
            one.feature.feature: one
            for one in found
            if one.feature.coverage_ppm >= DAY_COVERAGE_PPM_MIN
        }

    def put(self, name: str, subject_id: str, value: int, basis: Sequence[GradedFeature]) -> bool:
        """Store a derived feature with all that it rests on; whether it is news."""
        coverage = min(one.feature.coverage_ppm for one in basis)
        return self.put_covered(name, subject_id, (value, coverage), basis)

    def put_covered(
        self, name: str, subject_id: str, value: tuple[int, int], basis: Sequence[GradedFeature]
    ) -> bool:
        """As :meth:`put`, with (value, coverage)."""
        rows = sorted([one.feature.feature, one.feature.readings_sha256] for one in basis)
        feature = DailyFeature(
            subject_id=subject_id,
            feature=name,
            day=self.day.isoformat(),
            value=value[0],
            coverage_ppm=value[1],
            readings_count=sum(one.feature.readings_count for one in basis),
            readings_sha256=canonical_hash(rows),
        )
        unsigned = max(one.unsigned_ppm for one in basis)
        return store.put_feature(self.db, feature, self.now_ms, unsigned)


def _derive_day(db: StationDatabase, now: _Round, due: set[str], last_day: date) -> int:
    stations = store.measured_subjects(db, SubjectKind.VILLAGE.value)
    plots = store.measured_subjects(db, SubjectKind.PLOT.value)
    struck = [name for name in stations if name in due]
    changed = sum(_village(now, name) for name in struck)
    touched = plots if struck else [name for name in plots if name in due]
    moved = [name for name in touched if _plot(now, village.subject(db, name))]
    following = now.day + timedelta(days=1)
    if following <= last_day:
        store.mark_underived(db, [(name, following.isoformat()) for name in moved])
    return changed + len(moved)


def _village(now: _Round, subject_id: str) -> bool:
    found = now.read(subject_id, WEATHER)
    if WEATHER[0] not in found or WEATHER[1] not in found:
        return False
    known = {name: one.feature.value for name, one in found.items()}
    weather = DayWeather(*(known.get(name) for name in WEATHER))  # type: ignore[arg-type]
    day_of_year = now.day.timetuple().tm_yday
    reference, _ = reference_um(now.land.place, day_of_year, weather)
    basis = list(found.values())
    moved = now.put(REFERENCE, subject_id, reference, basis)
    for base, top in _warmths():
        warmth = degree_days_mdeg(weather.tmin_mdeg_c, weather.tmax_mdeg_c, base, top)
        extremes = [found[WEATHER[0]], found[WEATHER[1]]]
        moved |= now.put(warmth_feature(base, top), subject_id, warmth, extremes)
    return moved


def warmth_feature(base_mdeg_c: int, top_mdeg_c: int) -> str:
    """The name of the daily degree days between two temperatures."""
    return f"degree_days_{base_mdeg_c // 1000}_{top_mdeg_c // 1000}_mdeg_c"


def _warmths() -> Iterable[tuple[int, int]]:
    return sorted({(crop.base_mdeg_c, crop.top_mdeg_c) for crop in CROPS.values()})


def _plot(now: _Round, subject: Subject) -> bool:
    standing = crop_day(now.db, now.land, subject, now.day)
    if standing is None:
        return False
    weather = weather_over(now.db, now.land, subject.subject_id, now.day)
    reference = _mean(weather, REFERENCE)
    zone = standing.zone(reference)
    probe = now.read(subject.subject_id, (_MOISTURE,)).get(_MOISTURE)
    if probe is not None:
        root = root_depth_mm(standing.crop, standing.age_days)
        depletion = measured_depletion_um(standing.soil, root, probe.feature.value)
        basis, coverage = [probe], probe.feature.coverage_ppm
    else:
        carried = _carried(now, subject.subject_id, standing, weather)
        if carried is None:
            return False
        depletion, coverage, basis = carried
    stress = PPM - coefficient_ppm(zone, depletion)
    used = [*basis, *weather.get(REFERENCE, ())]
    moved = now.put_covered(DEPLETION, subject.subject_id, (depletion, coverage), basis)
    return now.put_covered(STRESS, subject.subject_id, (stress, coverage), used) or moved


def _carried(
    now: _Round,
    subject_id: str,
    standing: CropDay,
    weather: Mapping[str, Sequence[GradedFeature]],
) -> tuple[int, int, list[GradedFeature]] | None:
    """Depletion without a probe: the day before, and the weather since."""
    before_on = (now.day - timedelta(days=1)).isoformat()
    before = store.graded_features(now.db, subject_id, (before_on, before_on), (DEPLETION,))
    reference, rain = _mean(weather, REFERENCE), _mean(weather, _RAIN)
    if not before or reference is None or rain is None:
        return None
    basis = [*before, *weather[REFERENCE], *weather[_RAIN]]
    coverage = share_ppm(min(one.feature.coverage_ppm for one in basis), CARRIED_PPM)
    if coverage < DAY_COVERAGE_PPM_MIN:
        return None
    depletion_um = step(
        standing.zone(reference),
        before[0].feature.value,
        infiltrated_um(rain, reference),
        standing.use_um(reference),
    )
    return depletion_um, coverage, basis


def crop_day(
    db: StationDatabase, land: Land, subject: Subject, day: date, ahead_days: int = 0
) -> CropDay | None:
    """The crop of a plot on a day, on its soil; None outside its season, or if unknown.

    Parameters
    ----------
    db
        The station's database.
    land
        Soils.
    subject
        The plot.
    day
        The day up to which its probe is asked for its soil.
    ahead_days
        How many days after it the crop is looked at.
    """
    crop = CROPS.get(subject.crop)
    if crop is None or not subject.sown_on:
        return None
    age = (day - date.fromisoformat(subject.sown_on)).days + ahead_days
    if not 0 <= age <= crop.season_days:
        return None
    return CropDay(crop, soil_of(db, land, subject.subject_id, day), age)


def soil_of(db: StationDatabase, land: Land, plot_id: str, day: date) -> Soil:
    """A plot's soil as far as it is known, else the site's usual one."""
    return known_soil(db, land, plot_id, day) or land.soil


def known_soil(db: StationDatabase, land: Land, plot_id: str, day: date) -> Soil | None:
    """A plot's soil: as measured, as its probe says it, by its texture; None if none has."""
    named = land.plot(plot_id)
    if named.soil is not None and named.is_measured:
        return named.soil
    first = day - timedelta(days=SOIL_DAYS)
    found = store.daily_features(db, plot_id, (first.isoformat(), day.isoformat()), (_MOISTURE,))
    by_day = {one.day: one.value for one in found if one.coverage_ppm >= DAY_COVERAGE_PPM_MIN}
    days = ((first + timedelta(days=i)).isoformat() for i in range(SOIL_DAYS + 1))
    limit = drained_limit_ppm([by_day.get(on) for on in days])
    return named.soil if limit is None else soil_of_limit(limit)


def weather_over(
    db: StationDatabase, land: Land, plot_id: str, day: date
) -> dict[str, tuple[GradedFeature, ...]]:
    """The day's evapotranspiration and rain over a plot, from its own station or from all."""
    named = land.plot(plot_id).weather
    stations = (named,) if named else store.measured_subjects(db, SubjectKind.VILLAGE.value)
    on = day.isoformat()
    found: dict[str, tuple[GradedFeature, ...]] = {}
    for station in stations:
        for one in store.graded_features(db, station, (on, on), (REFERENCE, _RAIN)):
            if one.feature.coverage_ppm >= DAY_COVERAGE_PPM_MIN:
                found[one.feature.feature] = (*found.get(one.feature.feature, ()), one)
    return found


def _mean(weather: Mapping[str, Sequence[GradedFeature]], name: str) -> int | None:
    values = [one.feature.value for one in weather.get(name, ())]
    return divide_half_even(sum(values), len(values)) if values else None
