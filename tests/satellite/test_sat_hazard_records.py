"""The record of past seasons, the commands, and the trigger on losses."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from firmware_sim.app import main as simulator
from satellite.app import cli
from satellite.hazards.backtest import auc, backtest, heidke
from satellite.hazards.indemnities import (
    COUNTIES_FILE,
    LOSS_FILE,
    MONTHS,
    WEATHER_FILE,
    LossError,
    read_losses,
)
from satellite.hazards.past import Clock, PastError, past_of, read_past
from satellite.indices import index_named

LEVELS = index_named("ndvi").levels


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def loss_folder(folder: Path, dry: dict[tuple[str, int], float]) -> Path:
    """A folder as the real one, with losses exactly where April to June were dry."""
    codes = tomllib.loads(COUNTIES_FILE.read_text())["fips"]
    rng = np.random.default_rng(6)
    rows: dict[str, list[object]] = {
        name: [] for name in ("countyfips", "year", "month", "pr", "pet", "pdsi")
    }
    paid = []
    for county, fips in codes.items():
        state, name = county.split("/")
        for year in range(1989, 2016):
            spring = dry.get((county, year), 1.0)
            for number, month in enumerate(MONTHS, start=1):
                rain = rng.gamma(4.0, 0.5) * (spring if 4 <= number <= 6 else 1.0)
                cells = (fips, year, month, rain, 3.0, float(rng.normal()))
                for column, cell in zip(rows.values(), cells, strict=True):
                    column.append(cell)
            if spring < 1 and year >= 1990:
                paid.append((state, name, year, 1e5))
    pq.write_table(pa.table(rows), folder / WEATHER_FILE)
    with (folder / LOSS_FILE).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["state", "county", "year", "wheat_drought_indemnity_usd"])
        writer.writerows(paid)
    return folder


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("losses")
    dry = {
        (county, year): 0.15
        for i, county in enumerate(("WA/Whitman", "WA/Adams", "OR/Gilliam", "ID/Latah"))
        for year in range(1991 + i, 2015, 5)
    }
    return loss_folder(folder, dry)


def test_losses_that_follow_spring_rain_are_found_by_it_and_not_by_a_noisy_palmer(losses: Path):
    found = backtest(read_losses(losses))
    assert found.county_years == 26 * 26
    assert found.loss_years == 20
    assert found.rain.auc > 0.95
    assert found.rain.hit_rate >= 0.85
    assert found.naive.auc < 0.65
    assert found.rain.hss > found.naive.hss + 0.2
    assert set(found.rain.chosen) <= {"spi_2", "spi_3", "spi_6"}
    assert found.rain_known_until["mar"].auc < 0.7  # April's drought is not known in March


def test_rain_after_the_harvest_changes_nothing(losses: Path, tmp_path: Path):
    table = pq.read_table(losses / WEATHER_FILE).to_pydict()
    late = [
        m in MONTHS[6:] and y == 2015 for m, y in zip(table["month"], table["year"], strict=True)
    ]
    table["pr"] = [0.0 if after else rain for after, rain in zip(late, table["pr"], strict=True)]
    pq.write_table(pa.table(table), tmp_path / WEATHER_FILE)
    (tmp_path / LOSS_FILE).write_bytes((losses / LOSS_FILE).read_bytes())
    assert backtest(read_losses(tmp_path)).facts() == backtest(read_losses(losses)).facts()


def test_the_command_prints_a_table_and_json(losses: Path):
    told = run("hazards", "backtest", losses)
    assert told.exit_code == 0, told.output
    assert "676 county-years, 20 of them loss years" in told.output
    assert "missed_usd_share" in told.output
    spoken = json.loads(run("hazards", "backtest", losses, "--json").output)
    assert spoken["loss_years"] == 20
    assert spoken["rain"]["auc"] > 0.95


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("state,county,year\n", None),
        ("state,county,year,wheat_drought_indemnity_usd\nXX,Nowhere,2000,5\n", "expected a county"),
        ("state,county,year,wheat_drought_indemnity_usd\nWA,Adams,1970,5\n", "from 1990 to 2015"),
        ("state,county,year,wheat_drought_indemnity_usd\nWA,Adams,2000,-5\n", "indemnities of 0"),
        ("state,county,year,wheat_drought_indemnity_usd\nWA,Adams,2000,x\n", "as numbers"),
        ("state,county,usd\nWA,Adams,5\n", "expected the column year"),
    ],
)
def test_bad_loss_records_are_refused(losses: Path, tmp_path: Path, text: str, said: str | None):
    (tmp_path / WEATHER_FILE).write_bytes((losses / WEATHER_FILE).read_bytes())
    (tmp_path / LOSS_FILE).write_text(text)
    if said is None:
        assert read_losses(tmp_path).is_loss.sum() == 0
        return
    with pytest.raises(LossError, match=said):
        read_losses(tmp_path)
    assert run("hazards", "backtest", tmp_path).exception.__class__ is LossError


def test_a_folder_without_the_records_is_named_in_plain_words(tmp_path: Path):
    with pytest.raises(LossError, match=rf"loss records at {tmp_path}.*No such file") as raised:
        read_losses(tmp_path)
    assert "Error(" not in str(raised.value)


def test_missing_weather_is_refused(losses: Path, tmp_path: Path):
    (tmp_path / LOSS_FILE).write_bytes((losses / LOSS_FILE).read_bytes())
    with pytest.raises(LossError, match="expected monthly weather"):
        read_losses(tmp_path)
    table = pq.read_table(losses / WEATHER_FILE)
    pq.write_table(table.slice(0, table.num_rows - 8), tmp_path / WEATHER_FILE)
    with pytest.raises(LossError, match="expected the weather of county"):
        read_losses(tmp_path)


def test_on_real_indemnities_the_spi_beats_the_palmer_index(data_folder: Path):
    found = backtest(read_losses(data_folder / "rma_gridmet_pnw"))
    assert found.county_years == 676
    assert found.rain.auc > 0.78
    assert found.rain.auc > found.naive.auc + 0.10
    assert found.rain.hss > 0.40 > found.naive.hss
    assert found.rain.missed_usd_share < 0.25


def test_scores_are_those_of_the_textbook():
    fired = np.array([True, True, False, False])
    assert heidke(fired, fired) == 1.0
    assert heidke(~fired, fired) == -1.0
    assert heidke(fired, np.array([True, False, True, False])) == 0.0
    assert auc(np.array([3.0, 2.0, 1.0, 2.0]), np.array([True, True, False, False])) == 0.875


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("village")
    words = ["--seed", "5", "--farmers", "8", "--past-seasons", "3", "--archive-every-days", "20"]
    made = CliRunner().invoke(simulator, ["district", *words, "--out", str(folder)])
    assert made.exit_code == 0, made.output
    return folder


def test_a_record_is_made_from_an_archive_and_read_back(village: Path, tmp_path: Path):
    archive, out = village / "archive", tmp_path / "past.json"
    words = ("hazards", "past", archive / "catalog.json", "--plots", archive / "plots.geojson")
    told = run(*words, "--harvests", archive / "harvests.csv", "--out", out, "--json")
    assert told.exit_code == 0, told.output
    facts = json.loads(told.output)
    assert facts["region"]["sown/maize"] >= 20
    assert facts["region"]["year/grass"] >= 8
    past = read_past(out)
    usual = past.of_region(Clock.SOWN, "maize")
    assert usual is not None
    young, grown = usual.mean_at(5.0), usual.mean_at(60.0)
    assert young is not None
    assert grown is not None
    assert young < 0.5 < grown
    assert usual.mean_at(500.0) is None


def test_a_record_that_was_altered_or_is_none_is_refused(village: Path, tmp_path: Path):
    archive, out = village / "archive", tmp_path / "past.json"
    words = ("hazards", "past", archive / "catalog.json", "--plots", archive / "plots.geojson")
    assert run(*words, "--out", out).exit_code == 0
    out.write_text(out.read_text().replace('"curves":', '"curves": ', 1))
    read_past(out)  # spaces do not count
    text = out.read_text()
    at = text.index('"mean":[') + len('"mean":[')
    out.write_text(text[:at] + "9" + text[at + 1 :])
    with pytest.raises(PastError, match="the file was altered"):
        read_past(out)
    out.write_text("{}")
    with pytest.raises(PastError, match="make one with hazards past"):
        read_past(out)
    with pytest.raises(PastError, match="got"):
        read_past(tmp_path / "none.json")
    with pytest.raises(PastError, match="expected at least 3 past seasons"):
        past_of([], "ndvi", LEVELS, "test")
