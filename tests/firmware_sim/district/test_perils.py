"""Planted hazards strike what they name, and leave everything else as it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from firmware_sim.app import main
from firmware_sim.district.imagery import ground_on
from firmware_sim.district.perils import Peril, draw_perils
from firmware_sim.district.record import weather_csv
from firmware_sim.district.simulate import live_season, rebuild
from firmware_sim.scenes.clouds import SCL_BARE, SCL_CLOUD_HIGH, SCL_WATER, with_water

SEEDS = (3, 5, 8)


def rows_struck(seed: int, peril: Peril) -> list[int]:
    district, _ = rebuild(seed)
    planted = draw_perils(district, live_season(drought=False), tuple(Peril))
    return [strike.plot for strike in planted.strikes if strike.peril is peril]


@pytest.mark.parametrize("peril", list(Peril))
def test_a_peril_costs_the_plots_that_it_strikes_and_no_others(peril: Peril):
    for seed in SEEDS:
        _, usual = rebuild(seed)
        _, struck = rebuild(seed, perils=(peril,))
        rows = rows_struck(seed, peril)
        assert rows
        ratio = struck.yield_kg_per_ha[rows].mean() / usual.yield_kg_per_ha[rows].mean()
        assert ratio < 0.9
        others = np.setdiff1d(np.arange(len(usual.yield_kg_per_ha)), rows)
        np.testing.assert_array_equal(struck.yield_kg_per_ha[others], usual.yield_kg_per_ha[others])


def test_one_more_peril_changes_nothing_in_the_others():
    district, _ = rebuild(5)
    spec = live_season(drought=False)
    alone = draw_perils(district, spec, (Peril.HAIL,))
    among = draw_perils(district, spec, tuple(Peril))
    assert alone.strikes == tuple(s for s in among.strikes if s.peril is Peril.HAIL)


def test_perils_do_not_reach_the_season_that_does_not_ask_for_them():
    _, before = rebuild(7)
    rebuild(7, perils=tuple(Peril))
    _, after = rebuild(7)
    for part in ("green_lai", "soil_moisture"):
        np.testing.assert_array_equal(getattr(before.plots, part), getattr(after.plots, part))
    assert after.under_water is None


def test_a_flooded_plot_stands_under_water_on_the_ground_that_the_camera_sees():
    district, truth = rebuild(3, perils=(Peril.FLOOD,))
    planted = draw_perils(district, truth.spec, (Peril.FLOOD,))
    first = planted.strikes[0]
    ground = ground_on(district, truth, first.day)
    assert ground.under_water is not None
    assert ground.under_water[first.plot] == pytest.approx(first.share)
    assert len(ground.under_water) == len(ground.green_lai)
    assert ground_on(district, truth, first.day - 1).under_water is None


def test_water_is_a_class_only_where_soil_was_seen_dark_in_the_near_infrared():
    scl = np.array([[SCL_BARE, SCL_BARE, SCL_CLOUD_HIGH]], dtype=np.uint8)
    red = np.array([[0.07, 0.16, 0.07]], dtype=np.float32)
    nir = np.array([[0.04, 0.22, 0.04]], dtype=np.float32)
    assert with_water(scl, red, nir).tolist() == [[SCL_WATER, SCL_BARE, SCL_CLOUD_HIGH]]


def test_the_weather_record_tells_the_live_season_and_its_past():
    district, truth = rebuild(5, perils=(Peril.DROUGHT,))
    rows = list(csv.DictReader(weather_csv(district, truth, 2).splitlines()))
    assert {row["place"] for row in rows} == {zone.subject_id for zone in district.zones}
    live = [
        float(row["rain_mm"])
        for row in rows
        if row["place"] == district.zones[0].subject_id
        and row["date"] >= truth.spec.first_day.isoformat()
    ]
    np.testing.assert_allclose(live, truth.weather.rain_mm[0], atol=0.051)
    assert rows[0]["date"] < "2024-01-01"


def test_commands_tell_the_same_perils(tmp_path: Path):
    run, folder, out = CliRunner(), tmp_path / "village", tmp_path / "truth.json"
    words = ["--seed", "5", "--farmers", "8", "--past-seasons", "1", "--archive-every-days", "100"]
    made = run.invoke(main, ["district", *words, "--out", str(folder)])
    assert made.exit_code == 0, made.output
    told = run.invoke(
        main, ["truth", "--district", str(folder), "--out", str(out), "--perils", "hail,flood"]
    )
    assert told.exit_code == 0, told.output
    strikes = json.loads(out.read_text())["strikes"]
    assert {strike["kind"] for strike in strikes} == {"hail", "flood"}
    record = tmp_path / "weather.csv"
    words = ["--district", str(folder), "--out", str(record), "--past-years", "1"]
    assert run.invoke(main, ["weather", *words, "--perils", "all"]).exit_code == 0
    assert record.read_text().startswith("place,lon,lat,date,rain_mm")
    wrong = run.invoke(main, ["weather", *words, "--perils", "locusts"])
    assert wrong.exit_code == 2
    assert "expected all or some of drought" in wrong.output
