"""Plots without history: the district's harvests ⊕ the spread of plots, and the light so far."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import gamma
from shapely import Polygon

from core.wire.evidence import EvidenceKind
from satellite.app import cli
from satellite.indices import INDICES
from satellite.season.detect import season_of
from satellite.series import Series, SeriesLook, smooth
from satellite.statistics.plots import Plot
from satellite.yields.district.table import YieldTableError, read_table, unit_yields
from satellite.yields.estimate import Outlook, Subject, outlooks
from satellite.yields.light import absorbed_share
from satellite.yields.model import Normal, Prior, YieldModel, model_bytes, read_model, write_model
from satellite.yields.prior import (
    PLOT_SPREAD,
    Label,
    district_prior,
    light_step,
    prior_quantiles,
    with_labels,
)
from satellite.yields.train import Harvest, train

NDVI = INDICES["ndvi"]
BOX = Polygon([(33.0, 2.5), (33.001, 2.5), (33.001, 2.501), (33.0, 2.501)])
SOWN = date(2025, 3, 20)
CURVE = np.interp(np.arange(0, 146), [0, 25, 60, 95, 145], [0.18, 0.25, 0.75, 0.70, 0.25])
USUAL = Normal(5, tuple(round(float(v), 6) for v in CURVE[::5]), (0.05,) * 30, 3)
PRIOR = Prior(2000.0, 0.2, 0.5, 8, 0, USUAL, "test")
HEADER = "unit,season,yield_kg_per_ha,ndvi_12,ndvi_1,ndvi_2,ndvi_3,ndvi_4\n"
TABLE = HEADER + "".join(
    f"{unit},{year},{kg},,,,,\n"
    for unit, level in (("east", 1000), ("west", 3000))
    for year, kg in zip(
        range(2018, 2023), (level, level * 0.8, level * 1.2, "", level), strict=True
    )
)


def test_a_districts_seasons_and_plots_spread_as_independent_factors() -> None:
    found = prior_quantiles(PRIOR, 0.0)
    rng = np.random.default_rng(1)
    drawn = 2000 * gamma.rvs(1 / 0.04, scale=0.04, size=200_000, random_state=rng)
    drawn *= gamma.rvs(1 / 0.25, scale=0.25, size=200_000, random_state=rng)
    for name, level in (("p05", 0.05), ("p10", 0.10), ("p50", 0.50), ("p95", 0.95)):
        assert found[name] == pytest.approx(np.quantile(drawn, level), rel=0.06)
    assert prior_quantiles(PRIOR, -0.3)["p10"] == pytest.approx(0.7 * found["p10"])


def test_a_district_with_few_seasons_is_less_sure() -> None:
    few, many = np.array([1000.0, 2000.0, 1500.0]), np.tile([1000.0, 2000.0, 1500.0], 5)
    short, long = district_prior(few, "t"), district_prior(many, "t")
    assert short.mean_kg_per_ha == long.mean_kg_per_ha == 1500
    assert short.season_spread == pytest.approx(500 / 1500 * np.sqrt(4 / 3))
    assert short.season_spread > 1.2 * long.season_spread
    assert short.plot_spread == PLOT_SPREAD


def test_labels_move_the_average_by_what_they_are_sure_of() -> None:
    one = with_labels(PRIOR, [Label("2024", 3000.0)], None)
    many = with_labels(PRIOR, [Label(f"{y}", 3000.0) for y in range(2015, 2025) for _ in range(9)],
                       None)  # fmt: skip
    assert 2000 < one.mean_kg_per_ha < 2200
    assert 2800 < many.mean_kg_per_ha < 3000
    assert (one.labels, many.labels) == (1, 90)
    assert with_labels(PRIOR, [], None) == replace(PRIOR, normal=None)


def test_a_crop_that_absorbs_as_usual_is_not_moved_and_half_of_one_by_half() -> None:
    day = SOWN.toordinal()
    assert light_step(USUAL, CURVE, day, 2.5) == pytest.approx(0.0, abs=1e-3)
    half = (0.5 * absorbed_share(CURVE) + 0.143) / 1.164
    assert light_step(USUAL, half, day, 2.5) == pytest.approx(-0.5, abs=0.02)
    early = light_step(USUAL, half[:60], day, 2.5)
    assert -0.25 < early < -0.02, "what has not grown yet counts as normal"
    assert light_step(Normal(5, (0.1,) * 20, (0.1,) * 20, 3), CURVE, day, 2.5) == 0.0


def _subject(ndvi: np.ndarray, days: int) -> Subject:
    looks = tuple(
        SeriesLook(SOWN.toordinal() + d, float(ndvi[d]), 1.0, f"s{d}", "h", used=True)
        for d in range(0, days + 1, 5)
    )
    plot = Plot("new", EvidenceKind.CROP, BOX, "0" * 64, "maize", sown_on=SOWN)
    one = Series("new", looks, 60.0, 30)
    (curve,) = smooth([one], NDVI.levels.noise_sd)
    return Subject(plot, one, curve, season_of(plot, one, curve, NDVI.levels))


def _said(model: YieldModel, ndvi: np.ndarray, days: int) -> Outlook:
    (found,) = outlooks(model, [_subject(ndvi, days)], NDVI.levels)
    return found


def test_a_plot_without_history_is_told_from_its_district_and_its_light() -> None:
    model = YieldModel("ndvi", {}, {}, "test", "f" * 64, {"maize": PRIOR})
    usual, poor = _said(model, CURVE, 100), _said(model, 0.55 * CURVE, 100)
    assert usual.estimate is not None
    assert poor.estimate is not None
    assert usual.estimate.method == "district_light"
    assert usual.estimate.p50 == pytest.approx(prior_quantiles(PRIOR, 0.0)["p50"], rel=0.08)
    assert poor.estimate.p10 < 0.75 * usual.estimate.p10
    assert usual.estimate.p95 - usual.estimate.p05 > 1.2 * 2000, "wide, and it says so"
    assert poor.anomaly_ppm is not None
    assert poor.anomaly_ppm < -200_000


def test_without_a_normal_or_on_another_index_only_the_district_speaks() -> None:
    bare = YieldModel("ndvi", {}, {}, "test", "f" * 64, {"maize": replace(PRIOR, normal=None)})
    other = YieldModel("evi", {}, {}, "test", "f" * 64, {"maize": PRIOR})
    for model in (bare, other):
        found = _said(model, 0.55 * CURVE, 100)
        assert found.estimate is not None
        assert found.estimate.method == "district"
        assert found.estimate.p50 == round(prior_quantiles(PRIOR, 0.0)["p50"])
        assert found.anomaly_ppm is None


def _few(plots: int, seasons: int) -> tuple[list[Harvest], dict[str, Series]]:
    harvests, looks = [], defaultdict(list)
    for year in range(2020, 2020 + seasons):
        for i in range(plots):
            sown = date(year, 3, 20)
            harvests.append(Harvest(f"p{i}", f"{year}", "maize", sown,
                                    sown + timedelta(days=145), 2600.0))  # fmt: skip
            looks[f"p{i}"] += [
                SeriesLook(
                    sown.toordinal() + d, float(CURVE[d]), 1.0, f"s{year}{d}", "h", used=True
                )
                for d in range(0, 146, 5)
            ]
    return harvests, {p: Series(p, tuple(k), 60.0, 30) for p, k in looks.items()}


def test_a_few_labels_move_the_prior_and_give_it_a_normal() -> None:
    harvests, series = _few(plots=8, seasons=1)
    given = {"maize": replace(PRIOR, normal=None)}
    model = train(harvests, [], series, NDVI, given)
    prior = model.priors["maize"]
    assert model.crops == {}
    assert 2000 < prior.mean_kg_per_ha < 2600
    assert prior.labels == 8
    assert prior.normal is not None
    assert prior.normal.mean[12] == pytest.approx(CURVE[60], abs=0.05)
    assert _said(replace(model, sha256="f" * 64), CURVE, 90).estimate is not None


def test_a_crop_with_enough_harvests_needs_no_prior() -> None:
    harvests, series = _few(plots=8, seasons=4)
    rng = np.random.default_rng(3)
    varied = [replace(h, yield_kg_per_ha=float(rng.normal(2600, 300))) for h in harvests]
    model = train(varied, [], series, NDVI, {"maize": PRIOR, "sorghum": PRIOR})
    assert list(model.crops) == ["maize"]
    assert list(model.priors) == ["sorghum"]


def test_priors_survive_the_model_file_and_none_leaves_its_bytes_alone(tmp_path: Path) -> None:
    model = YieldModel("ndvi", {}, {}, "test", priors={"maize": PRIOR})
    sha256 = write_model(tmp_path / "m.json", model)
    assert read_model(tmp_path / "m.json") == replace(model, sha256=sha256)
    assert b"priors" not in model_bytes(replace(model, priors={}))


def test_the_command_brings_a_district_to_a_model_file(tmp_path: Path) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "m.json"
    table.write_text(TABLE)
    words = ["yield", "prior", str(table), "--crop", "corn", "--out", str(out)]
    done = CliRunner().invoke(cli, [*words, "--unit", "west", "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.output)
    assert facts["crop"] == "maize"
    assert facts["mean_kg_per_ha"] == 3000
    again = [
        "yield",
        "prior",
        str(table),
        "--crop",
        "sorghum",
        "--out",
        str(out),
        "--add-to",
        str(out),
    ]
    text = CliRunner().invoke(cli, again).output
    assert "district mean 2000 kg/ha over 4 seasons" in text
    model = read_model(out)
    assert {crop: p.mean_kg_per_ha for crop, p in model.priors.items()} == {
        "maize": 3000.0, "sorghum": 2000.0,
    }  # fmt: skip


def test_a_district_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    table = read_table(path)
    with pytest.raises(YieldTableError, match="north"):
        unit_yields(table, "north")
    with pytest.raises(YieldTableError, match="two seasons"):
        unit_yields(table.before(2019), "east")


# Real data ------------------------------------------------------------------------------


def _fields(data_folder: Path) -> dict[tuple[str, str], list[float]]:
    """Yields of crop cuts [kg/ha] by district and crop, of which there are at least four."""
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    with (data_folder / "uganda_cropcut_yields" / "uganda_fields.csv").open() as file:
        for row in csv.DictReader(file):
            groups[row["District"], row["crop"]].append(float(row["yield_kg_ha"]))
    return {key: values for key, values in groups.items() if len(values) >= 4}


def _spread(groups: dict[tuple[str, str], list[float]]) -> float:
    """Standard deviation of plots about their group's mean, as a share of it."""
    squares = sum(float(np.sum((np.array(v) / np.mean(v) - 1) ** 2)) for v in groups.values())
    return float(np.sqrt(squares / sum(len(v) - 1 for v in groups.values())))


def test_the_spread_is_what_ugandas_fields_show(data_folder: Path) -> None:
    groups = _fields(data_folder)
    assert sum(map(len, groups.values())) == 231
    assert _spread(groups) == pytest.approx(PLOT_SPREAD, abs=0.01)


def test_the_spread_of_other_districts_covers_the_plots_of_one(data_folder: Path) -> None:
    groups = _fields(data_folder)
    inside, below = [], []
    for (district, _), yields in groups.items():
        spread = _spread({key: v for key, v in groups.items() if key[0] != district})
        for i, own in enumerate(yields):
            others = np.delete(yields, i)
            # One season is known: what is unsure is the mean of the others.
            prior = Prior(
                float(others.mean()), spread / np.sqrt(len(others)), spread, 1, 0, None, ""
            )
            q = prior_quantiles(prior, 0.0)
            inside.append(q["p05"] <= own <= q["p95"])
            below.append(own < q["p10"])
    print(f"covered {np.mean(inside):.3f}, below p10 {np.mean(below):.3f} of {len(inside)} plots")
    assert 0.86 <= np.mean(inside) <= 0.94
    assert 0.06 <= np.mean(below) <= 0.14
