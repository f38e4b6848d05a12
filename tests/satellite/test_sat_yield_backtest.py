"""Districts told forward: nothing later is looked at, and the figures are what they claim."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from mapie.regression import SplitConformalRegressor
from sklearn.dummy import DummyRegressor
from sklearn.metrics import roc_auc_score

from satellite.app import cli
from satellite.yields.district.bounds import (
    Bounds,
    Pooling,
    Spread,
    conformal_quantile,
    interval,
)
from satellite.yields.district.choice import choose, nrmse
from satellite.yields.district.forward import Skill, Told, rank_auc, skill_of, told_forward
from satellite.yields.district.rungs import (
    Base,
    Departure,
    Light,
    Residual,
    Rungs,
    base_yields,
    light_step,
    predicted,
)
from satellite.yields.district.table import DistrictTable, YieldTableError, read_table
from satellite.yields.light import absorbed_share, sunlight

FIRST = 2012
ZAMBIA = Path("zambia_maize_yield") / "climate_summary.csv"


def _table(seed: int, *, seen: bool = True, units: int = 24, seasons: int = 12) -> DistrictTable:
    """Districts whose yields follow their greenness (or do not), with a shock a season."""
    rng = np.random.default_rng(seed)
    level = rng.normal(2000, 300, (units, 1))
    shock = rng.normal(0, 0.08, (1, seasons)) + rng.normal(0, 0.15, (units, seasons))
    drives = shock if seen else rng.normal(0, 0.17, (units, seasons))
    yields = level * (1 + 1.5 * drives + rng.normal(0, 0.08, (units, seasons)))
    normal = np.array([0.45, 0.6, 0.68, 0.66, 0.6])
    ndvi = normal * (1 + 0.6 * shock[:, :, None]) + rng.normal(0, 0.01, (units, seasons, 5))
    return DistrictTable(
        tuple(f"d{i:02}" for i in range(units)),
        tuple(range(2008, 2008 + seasons)),
        (12, 1, 2, 3, 4),
        np.maximum(yields, 0),
        ndvi,
        np.full(5, 0.2),
    )


def _altered(table: DistrictTable, first: int, seed: int) -> DistrictTable:
    """The same table with everything from a season on replaced by other numbers."""
    rng = np.random.default_rng(seed)
    later = np.array(table.seasons) >= first
    yields, ndvi = table.yields.copy(), table.ndvi.copy()
    yields[:, later] = rng.uniform(0, 9000, yields[:, later].shape)
    ndvi[:, later] = rng.uniform(0, 1, ndvi[:, later].shape)
    return replace(table, yields=yields, ndvi=ndvi)


@pytest.fixture(scope="module")
def told() -> Told:
    return told_forward(_table(1), FIRST)


@pytest.mark.parametrize("seed", [2, 3])
def test_no_row_of_a_held_out_season_can_change_a_choice(seed: int) -> None:
    table = _table(seed)
    assert (
        told_forward(table, FIRST).choice
        == told_forward(_altered(table, FIRST, seed), FIRST).choice
    )


def test_no_later_row_changes_what_was_said_of_a_season(told: Told) -> None:
    again = told_forward(_altered(_table(1), FIRST + 1, 9), FIRST)
    assert again.told[:, 0] == pytest.approx(told.told[:, 0])
    assert again.low[:, 0] == pytest.approx(told.low[:, 0])
    assert again.told[:, 1] != pytest.approx(told.told[:, 1])


def test_a_seasons_own_yields_do_not_reach_what_is_said_of_it(told: Told) -> None:
    table = _table(1)
    yields = table.yields.copy()
    yields[:, list(table.seasons).index(FIRST)] *= 3
    again = told_forward(replace(table, yields=yields), FIRST)
    assert again.told[:, 0] == pytest.approx(told.told[:, 0])


def test_greenness_that_carries_the_yield_gains_skill_and_noise_gains_none(told: Told) -> None:
    good = skill_of(told)
    assert good.skill_over_average > 0.3
    assert good.alarm.auc is None or good.alarm.auc > 0.8
    noise = [skill_of(told_forward(_table(s, seen=False), FIRST)) for s in (4, 5, 6)]
    assert max(one.skill_over_average for one in noise) < 0.05
    assert min(one.skill_over_average for one in noise) > -0.10


def test_a_rung_without_left_out_skill_is_not_admitted() -> None:
    for seed in (1, 4):
        ladder = choose(_table(seed).before(FIRST)).ladder
        best = ladder[0].nrmse
        for step in ladder[1:]:
            assert step.admitted == (step.nrmse < best)
            best = min(best, step.nrmse)


def test_average_and_trend_are_what_a_reader_works_out() -> None:
    table = replace(
        _table(1, units=2, seasons=4),
        yields=np.array([[1.0, 2.0, 3.0, np.nan], [4.0, np.nan, 4.0, 4.0]]) * 1000,
    )
    learn = (0, 1, 2)
    assert base_yields(table, Base.AVERAGE, learn, 3) == pytest.approx([2000, 4000])
    assert base_yields(table, Base.TREND, learn, 3) == pytest.approx([4000, 4000])


def test_a_tenth_less_light_is_a_tenth_less_yield() -> None:
    base = _table(1, units=1, seasons=3)
    ndvi = np.full((1, 3, 5), 0.5)
    share = float(absorbed_share(np.array(0.5)))
    ndvi[0, 2] = (0.9 * share + 0.143) / 1.164
    table = replace(base, ndvi=ndvi)
    # normal is the mean of all three seasons' light: (1 + 1 + 0.9) / 3
    step = light_step(table, Light.SEASON, (0, 1), 2)
    assert step == pytest.approx([-0.1 / (2.9 / 3)])


def test_the_months_slope_is_the_regression_between_districts_within_a_season() -> None:
    table = _table(3, units=30, seasons=5)
    rungs = Rungs(residual=Residual(Departure.INDEX, relative=False, penalty=0.0))
    one = table.first_months(1)
    said = predicted(one, rungs, (0, 1, 2, 3), 4)
    x = one.ndvi[:, :, 0]
    dx = x[:, :4] - x[:, :4].mean(axis=1, keepdims=True)
    dy = one.yields[:, :4] - one.yields[:, :4].mean(axis=1, keepdims=True)
    dx_w, dy_w = dx - dx.mean(axis=0), dy - dy.mean(axis=0)
    slope = np.polyfit(dx_w.ravel(), dy_w.ravel(), 1)[0]
    away = x[:, 4] - x[:, :4].mean(axis=1)
    assert said == pytest.approx(one.yields[:, :4].mean(axis=1) + slope * away)


def test_missing_yields_and_months_are_borne() -> None:
    table = _table(1)
    yields, ndvi = table.yields.copy(), table.ndvi.copy()
    yields[0, :4] = np.nan
    yields[3, 6] = np.nan
    ndvi[5, 2, 1] = ndvi[6, 8, 3] = np.nan
    skill = skill_of(told_forward(replace(table, yields=yields, ndvi=ndvi), FIRST))
    assert np.isfinite(skill.nrmse)
    assert len(skill.districts) == len(table.units)


def test_the_plain_conformal_bound_is_mapies() -> None:
    rng = np.random.default_rng(8)
    errors = rng.normal(0, 1, 87)
    oracle = SplitConformalRegressor(
        DummyRegressor(strategy="constant", constant=0.0), confidence_level=0.9, prefit=False
    )
    x = np.zeros((87, 1))
    oracle.fit(x[:5], np.zeros(5)).conformalize(x, errors)
    _, bounds = oracle.predict_interval(x[:1])
    assert conformal_quantile(np.abs(errors)) == pytest.approx(float(bounds[0, 1, 0]))


def test_the_widest_season_makes_the_interval() -> None:
    told_then = np.full((40, 4), 2000.0)
    errors = np.random.default_rng(2).normal(0, 100, (40, 4))
    errors[:, 2] *= 5
    told = np.full(40, 2000.0)
    wide, pooled = (
        interval(told, errors, told_then, Bounds(pooling, Spread.CONSTANT))
        for pooling in (Pooling.SEASON_MAX, Pooling.POOLED)
    )
    assert (wide[1] - told)[0] == pytest.approx(conformal_quantile(np.abs(errors[:, 2])))
    assert (wide[1] - wide[0]).mean() > (pooled[1] - pooled[0]).mean()


def test_auc_counts_ties_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(3)
    score, case = rng.integers(0, 6, 200).astype(float), rng.random(200) < 0.3
    assert rank_auc(score, case) == pytest.approx(roc_auc_score(case, score))
    assert rank_auc(score, np.zeros(200, bool)) is None


def test_sunlight_follows_latitude_and_day() -> None:
    days = np.array([172.0, 355.0])
    north, south = sunlight(days, 45.0), sunlight(days, -45.0)
    assert north[0] > 2 * north[1]
    assert north == pytest.approx(south[::-1], rel=0.01)
    assert sunlight(np.array([80.0]), 0.0) == pytest.approx(1 / np.pi, rel=0.01)


# Real data ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def zambia(data_folder: Path) -> DistrictTable:
    return read_table(data_folder / ZAMBIA)


@pytest.fixture(scope="module")
def zambia_skill(zambia: DistrictTable) -> Skill:
    return skill_of(told_forward(zambia, 2014))


def test_zambia_is_told_better_than_its_average(zambia_skill: Skill) -> None:
    assert zambia_skill.nrmse <= 24.7
    assert zambia_skill.nrmse_average == pytest.approx(25.69, abs=0.01)
    assert zambia_skill.nrmse_trend == pytest.approx(29.25, abs=0.01)
    assert zambia_skill.districts_no_worse >= 0.90
    assert zambia_skill.alarm.auc is not None
    assert zambia_skill.alarm.auc > 0.73


def test_zambias_intervals_cover_season_by_season(zambia_skill: Skill) -> None:
    assert len(zambia_skill.seasons) == 8
    assert zambia_skill.seasons_covered >= 7
    assert zambia_skill.width_over_pooled <= 1.45


def test_zambias_choices_do_not_know_of_2014_and_later(zambia: DistrictTable) -> None:
    altered = _altered(zambia, 2014, 1)
    assert told_forward(zambia, 2014).choice == told_forward(altered, 2014).choice


def test_months_after_the_harvest_are_not_read(data_folder: Path, tmp_path: Path) -> None:
    lines = (data_folder / ZAMBIA).read_text().splitlines()
    names = lines[0].split(",")
    late = [names.index(f"ndvi_{m}") for m in range(5, 12)]
    rows = [line.split(",") for line in lines[1:]]
    for row in rows:
        for i in late:
            row[i] = "1"
    altered = tmp_path / "altered.csv"
    altered.write_text("\n".join([lines[0], *(",".join(row) for row in rows)]))
    first, again = read_table(data_folder / ZAMBIA), read_table(altered)
    assert np.array_equal(first.ndvi, again.ndvi)
    assert 2011 not in [first.seasons[i] for i in first.harvested]


# The command ----------------------------------------------------------------------------


def _csv(table: DistrictTable) -> str:
    lines = ["unit,season,yield_kg_per_ha," + ",".join(f"ndvi_{m}" for m in range(1, 13))]
    years = [table.seasons[0] - 1, *table.seasons]
    for u, unit in enumerate(table.units):
        for year in years:
            cells = dict.fromkeys(range(1, 13), "0.3")
            if year in table.seasons:
                s = table.seasons.index(year)
                cells |= {m: f"{table.ndvi[u, s, i]:.5f}" for i, m in enumerate((12, 1, 2, 3, 4))}
            following = year + 1
            if following in table.seasons:
                cells[12] = f"{table.ndvi[u, table.seasons.index(following), 0]:.5f}"
            kg = (
                f"{table.yields[u, table.seasons.index(year)]:.1f}" if year in table.seasons else ""
            )
            lines.append(f"{unit},{year},{kg}," + ",".join(cells.values()))
    return "\n".join(lines) + "\n"


def test_the_command_prints_what_the_functions_find(tmp_path: Path, told: Told) -> None:
    path = tmp_path / "table.csv"
    path.write_text(_csv(_table(1)))
    words = ["yield", "backtest", str(path), "--from", str(FIRST)]
    done = CliRunner().invoke(cli, [*words, "--json"], obj=None)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.output)
    assert facts["skill"]["nrmse"] == pytest.approx(nrmse(told.told, told.truth), abs=0.05)
    assert [row["known_to"] for row in facts["lead"]] == ["Dec", "Jan", "Feb", "Mar", "Apr"]
    text = CliRunner().invoke(cli, [*words, "--worst", "3"]).output
    for what in ("skill over average", "90 % covers", "AUC", "x pooled", "hit", "worst"):
        assert what in text
    assert facts["districts_over_average"][2]["unit"] in text
    assert facts["districts_over_average"][3]["unit"] not in text


def test_columns_of_any_name_can_be_mapped(tmp_path: Path) -> None:
    path, columns = tmp_path / "t.csv", tmp_path / "c.toml"
    path.write_text(_csv(_table(1)).replace("unit,season,yield_kg_per_ha", "area,jahr,dt"))
    columns.write_text(
        'unit = "area"\nseason = "jahr"\nyield = "dt"\nndvi = "ndvi_{month}"\n'
        "months = [12, 1, 2, 3, 4]\nlatitude_degrees = -13.5\ndrop = [2009]\n"
    )
    table = read_table(path, columns)
    assert table.yields[:, 0] == pytest.approx(_table(1).yields[:, 0], abs=0.1)
    assert [table.seasons[i] for i in table.harvested][:2] == [2008, 2010]
    assert table.ndvi == pytest.approx(_table(1).ndvi, abs=1e-4)


HEADER = "unit,season,yield_kg_per_ha,ndvi_12,ndvi_1,ndvi_2,ndvi_3,ndvi_4\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "--columns"),
        (HEADER + "d,2010,much,0.5,0.5,0.5,0.5,0.5\n", ":2"),
        (HEADER + "d,2010,2000,0.5,0.5,0.5,0.5,5800\n", "ndvi_scale"),
        (HEADER + "d,2010,-4,0.5,0.5,0.5,0.5,0.5\n", "yield of 0"),
        (HEADER + "d,2010,inf,0.5,0.5,0.5,0.5,0.5\n", "finite"),
        (HEADER + "d,2010,5,.5,.5,.5,.5,.5\nd,2010,5,.5,.5,.5,.5,.5\n", ":3"),
        (HEADER, "two years"),
        (HEADER + "d,,2000,0.5,0.5,0.5,0.5,0.5\n", "year in season"),
        (HEADER + "d,2010\n", "two years"),
        (HEADER + "d,1,5,.5,.5,.5,.5,.5\nd,2010,5,.5,.5,.5,.5,.5\n", "seasons"),
    ],
)
def test_bad_tables_are_refused_with_their_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(YieldTableError, match=says):
        read_table(path)


MAP = 'unit="u"\nseason="s"\nyield="y"\nndvi="n_{month}"\nmonths=[1, 2]\nlatitude_degrees=0\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("unit = ", "map of columns"),
        ('unit = "u"\n', "expected 'season' named in"),
        ('unit = "u"\ncolour = "red"\n', "colour"),
        ('unit="u"\nseason="s"\nyield="y"\nndvi="n_{month}"\nmonths=[1, 3]\nlatitude_degrees=0\n',
         "in a row"),
        ('unit="u"\nseason="s"\nyield="y"\nndvi="n"\nmonths=[1, 2]\nlatitude_degrees=0\n', "month"),
        ('unit="u"\nseason="s"\nyield="y"\nndvi="n_{month}"\nmonths=[1, 2]\nlatitude_degrees=80\n',
         "latitude"),
        (MAP + 'yield_unit="dt"\n', "t/ha"),
    ],
)  # fmt: skip
def test_bad_maps_of_columns_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path, columns = tmp_path / "table.csv", tmp_path / "columns.toml"
    path.write_text(HEADER)
    columns.write_text(text)
    with pytest.raises(YieldTableError, match=says):
        read_table(path, columns)


def test_too_few_seasons_are_refused_by_name(tmp_path: Path) -> None:
    table = _table(1, seasons=4)
    with pytest.raises(YieldTableError, match="2008, 2009"):
        told_forward(table, 2010)
    with pytest.raises(YieldTableError, match="2030"):
        told_forward(table, 2030)
    path = tmp_path / "few.csv"
    path.write_text(_csv(table))
    done = CliRunner().invoke(cli, ["yield", "backtest", str(path)])
    assert isinstance(done.exception, YieldTableError)
