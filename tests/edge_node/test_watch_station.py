"""The watch at a station: alerts and flags begin, last, end, and reach whom they are for."""

from __future__ import annotations

import json
import sqlite3
from datetime import date, timedelta

import httpx
import pytest

from core.errors import ShapeError, UnitError
from core.units import PPM, day_start_ms
from core.wire.records import Down
from core.wire.registry import Subject, SubjectKind
from core.wire.telemetry import DeviceKind
from core.wire.weather import Forecast
from edge_node.commands.alerts import row_of
from edge_node.faces.carrier import ALERTS_PATH, Cargo
from edge_node.store import foreign, village
from edge_node.store.daily import daily_features
from edge_node.store.devices import put_device
from edge_node.store.doubts import Doubt, kept_ppm, put_doubts
from edge_node.store.forecasts import keep_forecast, newest_forecast
from edge_node.watch.looking import HERD_DOUBTED_PPM
from edge_node.watch.notices import Notice, NoticeKind
from edge_node.watch.rounds import notices_of_farmer, open_notices, watch
from tests.support.carrier_door import RIGHT, Turned, served_door
from tests.support.edge_station import device
from tests.support.lending_station import Station
from tests.support.small_farm import DAY_MS, OFFSET_MS, SOWN, Farm

LOAM = '[[plot]]\nid = "plot-1"\nsoil = "loam"\n'


@pytest.fixture
def farm(tmp_path):
    plots = tmp_path / "plots.toml"
    plots.write_text(LOAM)
    found = Farm(tmp_path, plots_file=plots)
    yield found
    found.db.close()


def kinds(notices: tuple[Notice, ...]) -> list[NoticeKind]:
    return [one.kind for one in notices]


def dry_down(farm: Farm, first: int, count: int, start_ppm: int = 230_000) -> list[int]:
    """A plot that loses 4.8 mm a day; the days on which a notice of it began."""
    began = []
    for number in range(first, first + count):
        farm.weather([number])
        farm.probe(number, start_ppm - 4_800 * (number - first))
        if NoticeKind.DRY_SOIL in kinds(farm.close_day(number)):
            began.append(number)
    return began


def test_dry_soil_is_told_once_and_lasts_until_rain(farm):
    (day,) = dry_down(farm, 50, 16)
    (notice,) = open_notices(farm.db)
    assert (notice.kind, notice.about) == (NoticeKind.DRY_SOIL, "plot-1")
    assert notice.began_on == farm.day(day - 1)  # the first of the two days that it took
    assert "rain reckoned with, next 10 days: 0 um" in notice.evidence
    for number in range(66, 71):
        farm.weather([number], rain_um=6_000)
        farm.probe(number, 245_000 + number)
        farm.close_day(number)
        is_over = not open_notices(farm.db)
        assert is_over == (number >= 69)  # four good days end it
    (ended,) = open_notices(farm.db, farm.day(0))
    assert ended.ended_on == farm.day(69)


def test_dry_soil_comes_seven_to_fourteen_days_before_harm(farm):
    (day,) = dry_down(farm, 50, 25)
    # Harm is Ks below 0.5.
    stresses = [farm.values(n).get("water_stress_ppm", 0) for n in range(50, 75)]
    harm = 50 + next(i for i, stress in enumerate(stresses) if stress > PPM // 2)
    assert 7 <= harm - day <= 14


def test_a_forecast_of_rain_holds_the_alert_back(farm):
    with farm.db.atomic():
        rain = (8_000,) * 14
        assert keep_forecast(farm.db, Forecast("", farm.day(60), rain, "test"))
        assert not keep_forecast(farm.db, Forecast("", farm.day(59), (0,)))
    assert newest_forecast(farm.db, "village", SOWN + timedelta(days=61))[13] == 8_000
    assert newest_forecast(farm.db, "village", SOWN + timedelta(days=59)) == {}
    assert dry_down(farm, 50, 10) == []  # not issued yet, and not near
    assert dry_down(farm, 60, 6, 182_000) == []


def test_a_soil_that_is_only_guessed_alarms_nobody(tmp_path):
    farm = Farm(tmp_path)
    assert dry_down(farm, 50, 20) == []
    farm.db.close()


def test_the_watch_looks_at_each_day_once_and_catches_up(farm):
    for number in range(50, 66):
        farm.weather([number])
        farm.probe(number, 230_000 - 4_800 * (number - 50))
    farm.close_day(50)
    began = farm.close_day(65)  # the station was off for two weeks
    assert kinds(began) == [NoticeKind.DRY_SOIL]
    rows = farm.db.conn.execute("SELECT * FROM notices").fetchall()
    end_ms = day_start_ms(SOWN + timedelta(days=66), OFFSET_MS) + farm.settings.day_grace_ms
    assert watch(farm.db, farm.settings, end_ms) == ()
    assert farm.db.conn.execute("SELECT * FROM notices").fetchall() == rows


def test_an_open_notice_is_a_feature_for_the_centre(farm):
    (day,) = dry_down(farm, 50, 16)
    told = daily_features(farm.db, "plot-1", (farm.day(40), farm.day(80)), ("notice_dry_soil",))
    assert [(one.day, one.value) for one in told] == [(farm.day(n), 1) for n in range(day, 66)]


def test_notices_are_never_rewritten_once_over(farm):
    dry_down(farm, 50, 16)
    with pytest.raises(sqlite3.IntegrityError, match="open"), farm.db.atomic():
        farm.db.execute("DELETE FROM notices")
    with farm.db.atomic():
        farm.db.execute("UPDATE notices SET ended_on = seen_on")
    with pytest.raises(sqlite3.IntegrityError, match="ended"), farm.db.atomic():
        farm.db.execute("UPDATE notices SET ended_on = NULL")


def test_damp_grain_in_a_farmers_silo(farm):
    with farm.db.atomic():
        silo = Subject("silo-1", SubjectKind.STORE, "f-1", "Ghala", "maize")
        village.keep_subject(farm.db, silo)
    put_device(farm.db, device("silo-air", "silo-1", DeviceKind.ELECTRICITY_METER))
    began = []
    for number in range(12):
        values = {"relative_humidity_ppm": 550_000 + 12_000 * number,
                  "store_temperature_mdeg_c": 24_000 + number}  # fmt: skip
        farm.say("silo-air", number, values)
        began += [(number, one) for one in farm.close_day(number)]
    ((day, notice),) = began
    assert notice.kind is NoticeKind.DAMP_GRAIN
    assert day < 10  # before the air stands at what maize keeps at
    assert notice.params["safe"] == "13.5"


def test_an_animal_that_walks_no_more(farm):
    with farm.db.atomic():
        village.keep_subject(
            farm.db, Subject("herd-1", SubjectKind.HERD, "f-1", "Ng'ombe", heads=9)
        )
    put_device(farm.db, device("collar-1", "herd-1", DeviceKind.EAR_TAG_READER))
    began = []
    for number in range(20):
        steps = 700 if number < 17 else 250
        farm.say("collar-1", number, {"activity_steps": steps + 3 * number % 60})
        began += [(number, one) for one in farm.close_day(number)]
    ((day, notice),) = began
    assert (day, notice.kind, notice.about) == (18, NoticeKind.FEVER_LIKE, "collar-1")
    assert [one.notice_id for one in notices_of_farmer(farm.db, "f-1")] == [notice.notice_id]


def test_a_tag_on_two_farms_is_a_flag_and_lowers_both_counts(farm):
    for n in (1, 2):
        with farm.db.atomic():
            village.keep_subject(
                farm.db, Subject(f"herd-{n}", SubjectKind.HERD, f"f-{n}", f"Kundi {n}", heads=9)
            )
        put_device(farm.db, device(f"gate-{n}", f"herd-{n}", DeviceKind.EAR_TAG_READER))
        farm.say(f"gate-{n}", 3, {"animals_seen_count": 9})
    start_ms = day_start_ms(SOWN + timedelta(days=3), OFFSET_MS)
    with farm.db.atomic():
        for n, minutes in ((1, 600), (2, 615)):
            at = (start_ms + minutes * 60_000, 1_000)
            foreign.put_sightings(farm.db, f"gate-{n}", [("404000000000007", 0, True)], at, at[0])
    began = farm.close_day(3)
    assert kinds(began) == [NoticeKind.TAG_ON_TWO_FARMS] * 2
    assert began[0].params["minutes"] == "15"
    farm.close_day(4)
    counts = daily_features(farm.db, "herd-1", (farm.day(3), farm.day(3)), ("heads_count",))
    assert [(one.value, one.coverage_ppm) for one in counts] == [(16, HERD_DOUBTED_PPM)]
    assert notices_of_farmer(farm.db, "f-1") == ()  # a flag is not for the kiosk


def test_a_cloned_device_that_repeats_numbers_is_a_flag(farm):
    farm.probe(1, 200_000)
    for n in range(2):  # a second device with the same key counts from one as well
        farm._seqs["probe-1e1"] = 4 * n
        done = farm.say("probe-1", 1, {"soil_moisture_ppm": 240_000 + n}, 4, late_ms=60_000)
        assert done.refused
    began = farm.close_day(1)
    assert [(one.kind, one.about) for one in began] == [(NoticeKind.COUNTER_REPEATED, "probe-1")]
    assert all(row.startswith("refused ") for row in began[0].evidence)
    farm.close_day(2)
    (moisture,) = daily_features(farm.db, "plot-1", (farm.day(1),) * 2, ("soil_moisture_ppm",))
    assert moisture.coverage_ppm == PPM // 4


def test_epochs_in_turn_are_a_flag_and_one_lost_memory_is_not(farm):
    farm.probe(1, 200_000, 4)
    farm.say("probe-1", 1, {"soil_moisture_ppm": 201_000}, 4, "e2", DAY_MS // 2)
    assert farm.close_day(1) == ()
    for number in (2, 3):
        farm.probe(number, 200_000 + number, 8)
        farm.say("probe-1", number, {"soil_moisture_ppm": 230_000 + number}, 8, "e2", 3_700_000)
    began = farm.close_day(3)
    assert kinds(began) == [NoticeKind.COUNTER_REPEATED]
    assert "turns between epochs e1, e2" in began[0].evidence[0]


def test_a_day_that_another_probe_said_is_a_flag_and_counts_nothing(farm):
    with farm.db.atomic():
        village.keep_subject(
            farm.db,
            Subject("plot-2", SubjectKind.PLOT, "f-2", "Chini", "maize", "s", "", 4_000),
        )
    put_device(farm.db, device("probe-2", "plot-2"))
    for number in (1, 2):
        assert farm.close_day(number - 1) == ()  # one such day may be chance
        farm.probe(number - 1, 213_700 - number)
        farm.say("probe-2", number, {"soil_moisture_ppm": 213_700 - number})
    began = farm.close_day(2)
    assert [(one.kind, one.about) for one in began] == [(NoticeKind.READINGS_REPEATED, "probe-2")]
    assert (began[0].params["other"], began[0].params["day"]) == ("probe-1", farm.day(1))
    farm.close_day(3)
    (copied,) = daily_features(farm.db, "plot-2", (farm.day(2),) * 2, ("soil_moisture_ppm",))
    assert copied.coverage_ppm == 0
    assert kept_ppm(farm.db, "probe-2", farm.day(2)) == {"soil_moisture_ppm": 0}
    assert not any(kept_ppm(farm.db, "probe-1", farm.day(n)) for n in range(4))


def test_of_two_that_say_one_day_the_one_that_was_heard_later_is_flagged(farm):
    """Who copies must have heard it first, whatever its name."""
    with farm.db.atomic():
        plot = Subject("plot-2", SubjectKind.PLOT, "f-2", "Chini", "maize", "s", "", 4_000)
        village.keep_subject(farm.db, plot)
    put_device(farm.db, device("a-probe", "plot-2"))
    began = []
    for number in (1, 2):
        moisture = {"soil_moisture_ppm": 213_700 - number}
        farm.say("probe-1", number, moisture)
        farm.say("a-probe", number, moisture, late_ms=60_000)
        began += farm.close_day(number)
    assert [(one.kind, one.about) for one in began] == [(NoticeKind.READINGS_REPEATED, "a-probe")]


def test_an_engine_that_stands_is_a_flag(farm):
    with farm.db.atomic():
        village.keep_subject(farm.db, Subject("machine-1", SubjectKind.MACHINE, "f-1", "Trekta"))
    put_device(farm.db, device("engine-1", "machine-1", DeviceKind.MACHINE))
    engine, began = 0, []
    for number in range(5):
        counts = {"engine_s": engine, "area_worked_m2": 5_000}
        farm.say("engine-1", number, counts, 1)
        engine += 5 * 3_600
        farm.say("engine-1", number, {**counts, "engine_s": engine}, 1, late_ms=DAY_MS // 2)
        began += [(number, one.kind) for one in farm.close_day(number)]
    assert began == [(2, NoticeKind.ENGINE_STANDS)]
    doubted = [kept_ppm(farm.db, "engine-1", farm.day(n)) for n in range(5)]
    assert {metric for each in doubted for metric in each} == {"engine_s"}


def test_doubts_about_days_whose_readings_are_gone_are_forgotten(farm):
    age_days = farm.settings.raw_age_days_max
    old, young = (farm.day(10 - age_days - gone) for gone in (1, 0))
    with farm.db.atomic():
        put_doubts(farm.db, [Doubt("probe-1", on, "rain_um", "stuck", 0) for on in (old, young)])
    farm.close_day(10)
    assert kept_ppm(farm.db, "probe-1", old) == {}
    assert kept_ppm(farm.db, "probe-1", young) == {"rain_um": 0}


def test_an_agent_with_the_token_reads_the_list_and_nobody_else(farm):
    dry_down(farm, 50, 16)

    def none(*_):
        raise AssertionError("not asked for")

    rows = [row_of(farm.db, one) for one in open_notices(farm.db)]
    cargo = Cargo(none, none, 1, lambda: rows)
    with (
        served_door(cargo, Turned()) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        assert client.get(ALERTS_PATH).status_code == 401
        (told,) = client.get(ALERTS_PATH, headers=RIGHT).json()["alerts"]
    assert (told["for"], told["farmer_id"], told["subject_id"]) == ("farmer", "f-1", "plot-1")
    assert told["what"].startswith("Juu: the soil is drying.")
    assert len(told["evidence"]) == 4


def test_a_notice_speaks_swahili(farm):
    dry_down(farm, 50, 16)
    (notice,) = open_notices(farm.db)
    row = row_of(farm.db, notice, "sw")
    assert row["what"].startswith("Juu: udongo unakauka.")
    assert "mwagilia" in row["advice"]
    assert json.dumps(row)


def test_a_forecast_comes_down_with_the_centres_log(tmp_path):
    station = Station(tmp_path)
    station.populate()
    rain = (0, 5_000, 12_000)
    station.centre.say(Down.FORECAST, Forecast("", "2026-04-01", rain, "met office"), station.at_ms)
    station.take_down()
    assert newest_forecast(station.db, "village", date(2026, 4, 2)) == {1: 5_000, 2: 12_000}
    station.close()


@pytest.mark.parametrize(
    ("issued_on", "rain_um"),
    [("2026-04-01", ()), ("2026-04-01", (-1,)), ("2026-04-01", (600_000,)), ("1 April", (0,)),
     ("2026-04-01", (0,) * 31)],
)  # fmt: skip
def test_a_forecast_that_cannot_be_is_refused(issued_on, rain_um):
    with pytest.raises((ShapeError, UnitError), match=r"expected|must be a date"):
        Forecast("", issued_on, rain_um)
