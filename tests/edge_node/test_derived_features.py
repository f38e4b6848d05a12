"""Water balance, warmth and grades of a plot, through the real store and real readings."""

from __future__ import annotations

import pytest

from core.units import PPM
from edge_node.config import SettingError
from edge_node.features.crops import SOILS, Soil
from edge_node.features.land import read_land
from edge_node.features.probe import drained_limit_ppm, soil_of_limit
from edge_node.store.daily import daily_features, final_features
from edge_node.store.doubts import Doubt, put_doubts
from tests.support.edge_station import settings_for
from tests.support.small_farm import DAY_MS, Farm


@pytest.fixture
def farm(tmp_path):
    found = Farm(tmp_path)
    yield found
    found.db.close()


def test_a_probe_says_the_depletion_and_the_stress(farm):
    farm.weather([60])
    farm.probe(60, 160_000)
    farm.compute(60)
    values = farm.values(60)
    # Loam of FAO-56: (250 - 160.004) mm in a metre; TAW 130 mm, p from ETc = 1.2 × ET0.
    assert values["soil_depletion_um"] == pytest.approx(90_000, abs=20)
    use = 1.2 * farm.values(60, "village")["reference_et_um"]
    share = 0.55 + 0.04 * (5 - use / 1000)
    ks = (130_000 - values["soil_depletion_um"]) / ((1 - share) * 130_000)
    assert values["water_stress_ppm"] == pytest.approx(PPM * (1 - ks), abs=100)


def test_wet_soil_has_no_stress_and_that_is_known_not_missing(farm):
    farm.weather([60])
    farm.probe(60, 240_000)
    farm.compute(60)
    assert farm.values(60)["water_stress_ppm"] == 0
    assert farm.season(60, 1)["water_stress_days"].value == 0


def test_the_balance_carries_a_silent_probe_and_then_gives_up(farm):
    farm.weather(range(60, 70))
    farm.probe(60, 200_000)
    farm.compute(69)
    reference = farm.values(61, "village")["reference_et_um"]
    depletions = [farm.values(n).get("soil_depletion_um") for n in range(60, 70)]
    assert depletions[1] - depletions[0] == pytest.approx(1.2 * reference, abs=2)
    coverages = [
        one.coverage_ppm
        for one in daily_features(farm.db, "plot-1", ("2026-01-01", "2026-12-31"),
                                  ("soil_depletion_um",))
    ]  # fmt: skip
    assert coverages[:3] == [PPM, 900_000, 810_000]
    assert len(coverages) == 7  # 0.9^6 is the last above a half: then it is missing
    assert depletions[7:] == [None, None, None]


def test_rain_of_a_silent_day_wets_the_soil_again(farm):
    farm.weather([60])
    farm.probe(60, 180_000)
    farm.weather([61], rain_um=5_000)
    farm.compute(61)
    before, after = (farm.values(n)["soil_depletion_um"] for n in (60, 61))
    reference = farm.values(61, "village")["reference_et_um"]
    fallen = farm.values(61, "village")["rain_um"]
    assert after - before == pytest.approx(1.2 * reference - fallen, abs=2)


def test_late_readings_change_the_days_that_followed_from_them(farm):
    farm.weather(range(60, 64))
    farm.probe(60, 200_000)
    farm.compute(63)
    before = farm.values(63)["soil_depletion_um"]
    settled = len(final_features(farm.db, 0, 1_000))
    farm.probe(61, 240_000)
    farm.compute(63)
    assert farm.values(63)["soil_depletion_um"] < before - 30_000
    assert len(final_features(farm.db, 0, 1_000)) > settled


def test_computing_again_derives_nothing_new(farm):
    farm.weather(range(60, 64))
    farm.probe(60, 200_000)
    farm.compute(63)
    versions = farm.db.conn.execute("SELECT count(*) FROM daily_features").fetchone()
    farm.compute(63)
    assert farm.db.conn.execute("SELECT count(*) FROM daily_features").fetchone() == versions
    assert farm.db.conn.execute("SELECT count(*) FROM underived_days").fetchone() == (0,)


def test_a_day_that_is_open_is_not_derived(farm):
    farm.weather([60, 61])
    farm.probe(61, 200_000)
    farm.compute(60)
    assert "soil_depletion_um" not in farm.values(61)
    farm.compute(61)
    assert "soil_depletion_um" in farm.values(61)


@pytest.mark.parametrize("number", [-1, 126])
def test_outside_the_season_there_is_no_water_balance(farm, number):
    farm.weather([number])
    farm.probe(number, 200_000)
    farm.compute(number)
    assert "soil_depletion_um" not in farm.values(number)


def test_thin_days_are_missing_and_never_zero(farm):
    farm.weather([60])
    farm.probe(59, 100_000)
    farm.probe(60, 100_000, count=2)
    farm.compute(60)
    assert farm.values(60)["soil_stress"] == 1
    # The second day is carried by the balance; its own two readings say nothing.
    assert farm.season(60, 1).keys() == {"water_stress_days", "water_stress_mean_ppm"}
    assert farm.season(60, 2)["soil_stress_days"].value == 1


def test_without_any_weather_the_probe_alone_says_the_stress(farm):
    farm.probe(60, 130_000)
    farm.compute(60)
    assert farm.values(60)["water_stress_ppm"] > 500_000


def test_hargreaves_stands_in_where_only_temperature_is_known(farm):
    farm.say("mast-1", 60, {"air_temperature_mdeg_c": 20_000})
    farm.compute(60)
    assert farm.values(60, "village").keys() >= {"reference_et_um", "degree_days_10_30_mdeg_c"}


def test_warmth_of_a_season_adds_up(farm):
    for number in range(60, 63):
        farm.say("mast-1", number, {"air_temperature_mdeg_c": 20_000})
    farm.compute(62)
    warm = farm.season(62, 3, "village")["degree_days_c"]
    assert (warm.value, warm.coverage_ppm) == (30, PPM)


def test_a_season_tells_how_much_no_device_signed(farm):
    farm.probe(60, 200_000, count=4)
    farm.say("probe-1", 60, {"soil_moisture_ppm": 200_100}, 4, "x-lora-1", DAY_MS // 2)
    farm.probe(61, 200_000)
    farm.compute(61)
    assert farm.season(61, 2)["soil_stress_days"].unsigned_ppm in range(200_000, 300_000)
    assert farm.season(61, 1)["soil_stress_days"].unsigned_ppm is None


def test_a_doubt_lowers_the_coverage_and_leaves_the_readings(farm):
    farm.weather([60])
    farm.probe(60, 200_000)
    farm.compute(60)
    readings = farm.db.conn.execute("SELECT * FROM readings ORDER BY 1, 2, 3").fetchall()
    doubt = Doubt("probe-1", farm.day(60), "soil_moisture_ppm", "probe_disagrees", 250_000)
    with farm.db.atomic():
        assert put_doubts(farm.db, [doubt]) == 1
        assert put_doubts(farm.db, [doubt]) == 0
    farm.compute(60)
    on = farm.day(60)
    (moisture,) = daily_features(farm.db, "plot-1", (on, on), ("soil_moisture_ppm",))
    assert (moisture.value, moisture.coverage_ppm) == (200_004, 250_000)
    assert farm.db.conn.execute("SELECT * FROM readings ORDER BY 1, 2, 3").fetchall() == readings
    assert "soil_stress_days" not in farm.season(60, 1)


def test_plots_file_names_soil_and_weather(tmp_path):
    path = tmp_path / "plots.toml"
    path.write_text(
        '[[plot]]\nid = "plot-1"\nsoil = "sandy loam"\nweather = "village"\n'
        '[[plot]]\nid = "plot-2"\nfield_capacity_ppm = 300000\nwilting_point_ppm = 140000\n'
    )
    land = read_land(settings_for(tmp_path, plots_file=path))
    assert land.plot("plot-1").soil == SOILS["sandy loam"]
    assert land.plot("plot-1").weather == "village"
    assert land.plot("plot-2").soil == Soil(300_000, 140_000)
    assert land.plot("plot-3").soil is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[plot]\n", "TOML"),
        ('[[plot]]\nid = "a"\nsoil = "rock"\n', "soil among"),
        ('[[plot]]\nid = "a"\ncolour = "red"\n', "expected one"),
        ('[[plot]]\nsoil = "loam"\n', "expected one"),
        ('[[plot]]\nid = "a"\n[[plot]]\nid = "a"\n', "expected one"),
        ('[[plot]]\nid = "a"\nfield_capacity_ppm = 1\nwilting_point_ppm = 2\n', "wilting"),
        ('[[plot]]\nid = "a"\nfield_capacity_ppm = 200000\n', "wilting"),
        ('[[plot]]\nid = "a"\nweather = 3\n', "text"),
        ("plot = 3\n", "tables"),
    ],
)
def test_a_wrong_plots_file_is_refused_by_name(tmp_path, text, complaint):
    path = tmp_path / "plots.toml"
    path.write_text(text)
    with pytest.raises(SettingError, match=complaint):
        read_land(settings_for(tmp_path, plots_file=path))


def test_a_probe_tells_its_soil_after_a_wet_month():
    dry = [150_000] * 20
    wet = [252_000, 265_000, 254_000, 253_000] * 8  # soaked now and then, and drained
    assert drained_limit_ppm(dry * 3) is None
    assert drained_limit_ppm(wet[:20]) is None
    assert drained_limit_ppm([*dry, *wet]) == 254_000
    assert drained_limit_ppm([None] * 60) is None
    assert soil_of_limit(SOILS["loam"].field_capacity_ppm) == SOILS["loam"]
    assert 110_000 < soil_of_limit(240_000).wilting_point_ppm < 120_000


def test_a_probe_in_a_dry_year_tells_nothing():
    assert drained_limit_ppm([200_000 - 1_000 * i for i in range(60)]) is None
    assert drained_limit_ppm([180_000, 212_000, 206_000, 200_000, 194_000, 188_000] * 10) is None
