"""Daily features and a season's, from readings through the real store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from core.canonical import canonical_hash, sha256_hex
from core.scoring.features import DailyFeature
from core.units import PPM, day_start_ms
from core.wire.telemetry import Batch, DeviceKind, Sample
from edge_node.config import Settings
from edge_node.features.compute import compute_daily_features
from edge_node.features.season import cited_documents, features_for_subject
from edge_node.intake.committer import Arrival, Committer
from edge_node.intake.messages import Heard
from edge_node.store.daily import daily_features, final_features
from edge_node.store.database import StationDatabase
from edge_node.store.devices import put_device
from tests.support.edge_station import database, device, settings_for, signed_batch

DAY = date(2026, 5, 20)
OFFSET_MS = 180 * 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = day_start_ms(DAY, OFFSET_MS)
LATER_MS = START_MS + 40 * DAY_MS
RULES: Settings = settings_for(Path())


@pytest.fixture
def db(tmp_path: Path) -> Iterator[StationDatabase]:
    found = database(tmp_path)
    for name, subject, kind in (
        ("probe-1", "plot-1", DeviceKind.SOIL_PROBE),
        ("probe-2", "plot-1", DeviceKind.SOIL_PROBE),
        ("mast-1", "village", DeviceKind.WEATHER_STATION),
        ("gate-1", "herd-1", DeviceKind.EAR_TAG_READER),
        ("tractor-1", "machine-1", DeviceKind.MACHINE),
        ("meter-1", "store-1", DeviceKind.ELECTRICITY_METER),
        ("silo-1", "store-2", DeviceKind.SILO_SENSOR),
        ("silo-2", "store-2", DeviceKind.SILO_SENSOR),
    ):
        put_device(found, device(name, subject, kind))
    yield found
    found.close()


class Diary:
    """Lets a device speak, with numbers that run on."""

    def __init__(self, db: StationDatabase) -> None:
        self._db = db
        self._seqs: dict[str, int] = {}
        self.sha256s: list[str] = []

    def say(self, name: str, rows: Sequence[tuple[float, Mapping[str, int]]]) -> None:
        """Store samples: hours after the day's start, and values."""
        first = self._seqs.get(name, 0) + 1
        samples = tuple(
            Sample(first + i, START_MS + round(hour * HOUR_MS), 0, values)
            for i, (hour, values) in enumerate(rows)
        )
        self._seqs[name] = first + len(samples) - 1
        body = Batch(name, "e1", 1, first, samples)
        raw = signed_batch(body)
        self.sha256s.append(sha256_hex(raw))
        arrival = Arrival(Heard(body, self.sha256s[-1], raw), "t", samples[-1].at_ms)
        Committer(RULES).commit(self._db, [arrival])


@pytest.fixture
def diary(db: StationDatabase) -> Diary:
    return Diary(db)


def compute(db: StationDatabase, now_ms: int = LATER_MS) -> int:
    return compute_daily_features(db, RULES, now_ms)


def values(db: StationDatabase, subject: str, day: date = DAY) -> dict[str, int]:
    days = (day.isoformat(), day.isoformat())
    return {each.feature: each.value for each in daily_features(db, subject, days)}


def one(db: StationDatabase, subject: str, name: str) -> DailyFeature:
    (found,) = daily_features(db, subject, (DAY.isoformat(), DAY.isoformat()), (name,))
    return found


def every_3h(name: str, first: int, step: int = 1) -> list[tuple[float, Mapping[str, int]]]:
    return [(3 * i, {name: first + i * step}) for i in range(8)]


def test_soil_moisture_is_the_mean_and_a_dry_day_is_stress(db: StationDatabase, diary: Diary):
    diary.say("probe-1", every_3h("soil_moisture_ppm", 120_000, 1_000))
    assert compute(db) == 1
    assert values(db, "plot-1") == {"soil_moisture_ppm": 123_500, "soil_stress": 1}
    assert one(db, "plot-1", "soil_moisture_ppm").readings_count == 8


def test_two_probes_of_a_plot_are_averaged(db: StationDatabase, diary: Diary):
    diary.say("probe-1", every_3h("soil_moisture_ppm", 100_000))
    diary.say("probe-2", every_3h("soil_moisture_ppm", 300_000))
    compute(db)
    assert values(db, "plot-1") == {"soil_moisture_ppm": 200_004, "soil_stress": 0}


def test_weather_is_summed_averaged_and_topped(db: StationDatabase, diary: Diary):
    rows = [(3 * i, {"rain_um": 500, "air_temperature_mdeg_c": 20_000 + i}) for i in range(8)]
    diary.say("mast-1", rows)
    compute(db)
    assert values(db, "village") == {
        "rain_um": 4_000,
        "air_temperature_mean_mdeg_c": 20_004,
        "air_temperature_max_mdeg_c": 20_007,
        "air_temperature_min_mdeg_c": 20_000,
    }


def test_herd_is_the_most_that_was_seen_and_steps_add_up(db: StationDatabase, diary: Diary):
    rows = [
        (hour, {"animals_seen_count": heads, "activity_steps": 100})
        for hour, heads in ((1, 4), (5, 9), (9, 7))
    ]
    diary.say("gate-1", rows)
    compute(db)
    assert values(db, "herd-1") == {"heads_count": 9, "activity_steps": 300}


def test_counter_rises_over_midnight_and_after_a_reset(db: StationDatabase, diary: Diary):
    diary.say("tractor-1", [(-2, {"engine_s": 1_000}), (2, {"engine_s": 4_000})])
    diary.say("tractor-1", [(6, {"engine_s": 10_000}), (8, {"engine_s": 500})])
    compute(db)
    assert values(db, "machine-1") == {"engine_s": 3_000 + 6_000 + 500}


def test_the_silos_of_a_store_add_up_and_grain_that_lies_still_is_no_fault(
    db: StationDatabase, diary: Diary
):
    diary.say("silo-1", [(hour, {"store_level_kg": 8_000}) for hour in range(24)])
    diary.say("silo-2", [(hour, {"store_level_kg": 3_000}) for hour in range(24)])
    compute(db)
    assert values(db, "store-2") == {"store_level_kg": 11_000}
    assert one(db, "store-2", "store_level_kg").coverage_ppm == PPM


def test_days_of_a_counter_add_up_to_what_it_counted(db: StationDatabase, diary: Diary):
    diary.say("meter-1", [(7 * i, {"energy_wh": 1_000 + 300 * i}) for i in range(20)])
    compute(db)
    total = sum(each.value for each in daily_features(db, "store-1", ("2026-05-01", "2026-06-30")))
    assert total == 300 * 19


def test_late_day_changes_the_next_day_of_a_counter_too(db: StationDatabase, diary: Diary):
    diary.say("tractor-1", [(-30, {"engine_s": 0}), (30, {"engine_s": 9_000})])
    compute(db)
    assert values(db, "machine-1", date(2026, 5, 21)) == {"engine_s": 9_000}
    diary.say("tractor-1", [(12, {"engine_s": 4_000})])
    compute(db)
    assert values(db, "machine-1") == {"engine_s": 4_000}
    assert values(db, "machine-1", date(2026, 5, 21)) == {"engine_s": 5_000}


def test_bad_readings_are_left_out_and_their_codes_are_kept(db: StationDatabase, diary: Diary):
    rows = every_3h("soil_moisture_ppm", 200_000)
    rows[2] = (6, {"soil_moisture_ppm": 900_000})  # not possible
    diary.say("probe-1", rows)
    compute(db)
    assert one(db, "plot-1", "soil_moisture_ppm").readings_count == 7
    codes = db.conn.execute("SELECT seq, qc FROM readings WHERE qc <> 0").fetchall()
    assert codes == [(3, 1)]


def test_spike_is_coded_when_the_day_is_computed(db: StationDatabase, diary: Diary):
    rows = [(i, {"air_temperature_mdeg_c": 20_000 + i}) for i in range(24)]
    rows[7] = (7, {"air_temperature_mdeg_c": 55_000})
    diary.say("mast-1", rows)
    compute(db)
    assert values(db, "village")["air_temperature_max_mdeg_c"] == 20_023
    assert db.conn.execute("SELECT seq, qc FROM readings WHERE qc <> 0").fetchall() == [(8, 2)]


def test_half_a_day_has_half_the_coverage(db: StationDatabase, diary: Diary):
    diary.say("probe-1", every_3h("soil_moisture_ppm", 200_000)[:4])
    compute(db)
    assert one(db, "plot-1", "soil_moisture_ppm").coverage_ppm == PPM // 2


def test_order_of_arrival_does_not_matter(tmp_path: Path, db: StationDatabase, diary: Diary):
    rows = [(i, {"air_temperature_mdeg_c": 20_000 + 40_000 * (i == 5)}) for i in range(9)]
    first = Batch("mast-1", "e1", 1, 1, tuple(
        Sample(i + 1, START_MS + round(hour * HOUR_MS), 0, value)
        for i, (hour, value) in enumerate(rows)
    ))  # fmt: skip
    halves = [replace(first, samples=first.samples[:5]), replace(first, samples=first.samples[5:])]
    folder = tmp_path / "other"
    folder.mkdir()
    other = database(folder)
    put_device(other, device("mast-1", "village", DeviceKind.WEATHER_STATION))
    for target, order in ((db, halves), (other, halves[::-1])):
        for body in order:
            raw = signed_batch(replace(body, oldest=1))
            heard = Heard(replace(body, oldest=1), sha256_hex(raw), raw)
            Committer(RULES).commit(target, [Arrival(heard, "t", LATER_MS)])
            compute(target)
    days = ("2026-01-01", "2026-12-31")
    assert daily_features(db, "village", days) == daily_features(other, "village", days)
    other.close()


def test_computing_again_changes_nothing_and_late_data_make_a_version(
    db: StationDatabase, diary: Diary
):
    diary.say("probe-1", every_3h("soil_moisture_ppm", 100_000)[:4])
    compute(db)
    assert compute(db) == 0
    diary.say("probe-1", every_3h("soil_moisture_ppm", 300_000)[4:])
    compute(db)
    versions = db.conn.execute(
        "SELECT version, value FROM daily_features WHERE feature = 'soil_moisture_ppm'"
    ).fetchall()
    assert versions == [(1, 100_002), (2, 200_004)]
    assert one(db, "plot-1", "soil_moisture_ppm").value == 200_004


def test_open_day_keeps_one_version_however_often_it_is_computed(db: StationDatabase, diary: Diary):
    for row in every_3h("soil_moisture_ppm", 100_000):
        diary.say("probe-1", [row])
        compute(db, START_MS + DAY_MS)
    rows = db.conn.execute("SELECT version, readings_count FROM daily_features").fetchall()
    assert rows == [(1, 8), (1, 8)]


def test_settled_version_can_be_neither_altered_nor_deleted(db: StationDatabase, diary: Diary):
    diary.say("probe-1", every_3h("soil_moisture_ppm", 100_000))
    compute(db)
    for change in ("UPDATE daily_features SET value = 1", "DELETE FROM daily_features"):
        with pytest.raises(sqlite3.IntegrityError, match="settled feature is never"), db.atomic():
            db.execute(change)


def test_day_is_settled_after_its_grace_and_late_data_settle_again(
    db: StationDatabase, diary: Diary
):
    diary.say("probe-1", every_3h("soil_moisture_ppm", 100_000)[:4])
    compute(db, START_MS + DAY_MS + RULES.day_grace_ms - 1)
    assert final_features(db, 0, 10) == ()
    compute(db, START_MS + DAY_MS + RULES.day_grace_ms)
    settled = final_features(db, 0, 10)
    assert [(each.final_no, each.version) for each in settled] == [(1, 1), (2, 1)]
    diary.say("probe-1", every_3h("soil_moisture_ppm", 300_000)[4:])
    compute(db)
    (again, stress) = final_features(db, 2, 10)
    assert (again.final_no, again.version, again.feature.value) == (3, 2, 200_004)
    assert stress.feature.value == 0


def test_hash_covers_the_readings(db: StationDatabase, diary: Diary):
    diary.say("probe-1", every_3h("soil_moisture_ppm", 100_000))
    compute(db)
    rows = [["probe-1", "e1", i + 1, "soil_moisture_ppm", 100_000 + i] for i in range(8)]
    assert one(db, "plot-1", "soil_moisture_ppm").readings_sha256 == canonical_hash(rows)


def season(db: StationDatabase, subject: str, until: date = DAY, days: int = 10) -> dict[str, int]:
    return {each.name: each.value for each in features_for_subject(db, RULES, subject, until, days)}


def test_season_counts_days_of_stress(db: StationDatabase, diary: Diary):
    for day, moisture in enumerate((100_000, 200_000, 120_000)):
        rows = [(24 * day + 3 * i, {"soil_moisture_ppm": moisture + i}) for i in range(8)]
        diary.say("probe-1", rows)
    compute(db)
    until = date(2026, 5, 22)
    assert season(db, "plot-1", until, 3) == {"soil_stress_days": 2}
    (feature,) = features_for_subject(db, RULES, "plot-1", until, 6)
    assert feature.coverage_ppm == PPM // 2
    assert feature.provenance.startswith("plot-1 2026-05-17/2026-05-22 sha256:")


@pytest.mark.parametrize(
    ("rain_um", "deficit_ppm"), [(0, PPM), (500, 0), (250, 500_000), (1_500, -2 * PPM)]
)
def test_rain_deficit_is_against_the_normal_of_the_days_that_were_seen(
    db: StationDatabase, diary: Diary, rain_um: int, deficit_ppm: int
):
    diary.say("mast-1", [(3 * i, {"rain_um": rain_um}) for i in range(8)])
    diary.say("mast-1", [(24, {"rain_um": 90_000})])  # a day seen for an eighth says nothing
    compute(db)
    found = season(db, "village", date(2026, 5, 21))
    assert found == {"rain_deficit_ppm": deficit_ppm, "rain_mm": 8 * rain_um // 1_000}


def test_herd_is_not_moved_by_one_miscount(db: StationDatabase, diary: Diary):
    heads = (30, 31, 90, 30, 31)
    diary.say("gate-1", [(24 * i + 6, {"animals_seen_count": n}) for i, n in enumerate(heads)])
    compute(db)
    assert season(db, "herd-1", date(2026, 5, 24)) == {"herd_heads_count": 31}


def test_machine_hours_are_whole_hours_of_the_window(db: StationDatabase, diary: Diary):
    diary.say("tractor-1", [(3 * i, {"engine_s": 5_000 * i}) for i in range(8)])
    compute(db)
    assert season(db, "machine-1") == {"machine_hours_count": 35_000 // 3_600}


def test_subject_without_readings_has_no_features(db: StationDatabase):
    assert features_for_subject(db, RULES, "plot-1", DAY, 100) == ()


def test_decision_can_cite_the_signed_documents(db: StationDatabase, diary: Diary):
    diary.say("probe-1", every_3h("soil_moisture_ppm", 100_000))
    diary.say("probe-1", [(30, {"soil_moisture_ppm": 100_000})])
    diary.say("probe-1", [(500, {"soil_moisture_ppm": 100_000})])
    diary.say("mast-1", every_3h("rain_um", 1))
    compute(db)
    window = (date(2026, 5, 21), 2)
    cited = cited_documents(db, RULES, "plot-1", window, ("soil_stress_days", "no_such"))
    assert cited == tuple(sorted(diary.sha256s[:2]))
    assert cited_documents(db, RULES, "plot-1", window, ("rain_deficit_ppm",)) == ()
