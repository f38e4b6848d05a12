"""The yield ladder: no rung without skill, no interval that a bad year breaks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from shapely import Polygon

from core.wire.evidence import EvidenceKind
from satellite.indices import INDICES
from satellite.season.detect import season_of
from satellite.series import Series, SeriesLook, smooth
from satellite.statistics.plots import Plot
from satellite.yields.anomalies import features, stand_of
from satellite.yields.conformal import season_offsets, tightened
from satellite.yields.curves import SownSeries
from satellite.yields.estimate import Outlook, Subject, outlooks
from satellite.yields.ladder import Table, beats, fit_ridge, plot_effects
from satellite.yields.model import (
    Checkpoint,
    Normal,
    YieldModel,
    YieldModelError,
    error_scale,
    read_model,
    write_model,
)
from satellite.yields.train import Harvest, read_harvests, train, while_learning

NDVI = INDICES["ndvi"]
LEVELS = NDVI.levels
PLOTS, YEARS = 24, range(2018, 2024)
BOX = Polygon([(37.0, -1.0), (37.001, -1.0), (37.001, -0.999), (37.0, -0.999)])


def _looks(rng: np.random.Generator, sown: date, vigour: float, days: int) -> list[SeriesLook]:
    t = np.arange(0, days + 1, 5)
    peak = 0.25 + 0.55 * vigour
    curve = 0.18 + (peak - 0.18) / (1 + np.exp(-(t - 40) / 7)) / (1 + np.exp((t - 118) / 8))
    return [
        SeriesLook(sown.toordinal() + int(d), float(v + rng.normal(0, 0.02)), 1.0, f"s{d}", "h",
                   used=True)
        for d, v in zip(t, curve, strict=True)
        if rng.random() < 0.75
    ]  # fmt: skip


def _seasons(
    seed: int, *, seen: bool, years: range = YEARS
) -> tuple[list[Harvest], dict[str, Series]]:
    """Seasons with a common shock a year; yields follow the vigour that is seen, or noise."""
    rng = np.random.default_rng(seed)
    soil = rng.normal(1.0, 0.10, PLOTS)
    harvests: list[Harvest] = []
    looks: dict[str, list[SeriesLook]] = {f"p{i}": [] for i in range(PLOTS)}
    for year in years:
        shock = rng.normal(1.0, 0.15)
        for i in range(PLOTS):
            sown = date(year, 3, 15) + timedelta(days=int(rng.integers(0, 15)))
            vigour = float(np.clip(soil[i] * shock * rng.normal(1, 0.08), 0.3, 1.3))
            looks[f"p{i}"] += _looks(rng, sown, vigour * 0.7 if seen else 0.7, 145)
            drives = vigour if seen else float(rng.normal(1.0, 0.2))
            kg = 3000 * drives * float(rng.normal(1, 0.08))
            harvests.append(
                Harvest(f"p{i}", f"{year}", "maize", sown, sown + timedelta(days=145), max(kg, 0))
            )
    return harvests, {
        p: Series(p, tuple(sorted(k, key=lambda x: x.day)), 60.0, 30) for p, k in looks.items()
    }


def _plots(kind: EvidenceKind = EvidenceKind.CROP) -> list[Plot]:
    return [Plot(f"p{i}", kind, BOX, "0" * 64, "maize") for i in range(PLOTS)]


@pytest.fixture(scope="module")
def model() -> YieldModel:
    harvests, series = _seasons(1, seen=True)
    return replace(train(harvests, _plots(), series, NDVI), sha256="f" * 64)


def test_features_that_carry_the_yield_are_admitted_and_gain_skill(model: YieldModel) -> None:
    crop = model.crops["maize"]
    start, late = crop.checkpoint(0), crop.checkpoint(90)
    assert late.rung == "season_ridge"
    assert late.skill > 0.5
    assert late.rmse_kg_per_ha < start.rmse_kg_per_ha <= start.average_rmse_kg_per_ha


def test_features_without_skill_are_admitted_only_by_luck_and_then_say_little() -> None:
    skills, admitted = [], []
    for seed in (2, 3, 5):
        harvests, series = _seasons(seed, seen=False)
        points = train(harvests, _plots(), series, NDVI).crops["maize"].checkpoints
        skills += [point.skill for point in points]
        admitted += [point.rung == "season_ridge" for point in points]
    assert min(skills) >= 0
    assert np.mean(skills) < 0.03
    assert np.mean(admitted) < 0.4


def test_a_rung_that_wins_by_one_lucky_season_is_not_admitted() -> None:
    season = np.repeat(np.arange(5), 10)
    truth = np.zeros(50)
    table = Table(truth, season, np.arange(50), np.full((50, 4), np.nan))
    lower = np.full(50, 100.0)
    lucky = np.where(season == 0, 0.0, 101.0)
    steady = np.where(season == 0, 101.0, 90.0)
    assert np.mean(lucky**2) < np.mean(lower**2)
    assert not beats(table, lucky, lower)
    assert beats(table, steady, lower)
    assert not beats(table, lower, lower)


def test_intervals_of_90_percent_cover_new_seasons() -> None:
    covered, widths = [], []
    for seed in range(3, 8):
        harvests, series = _seasons(seed, seen=True, years=range(2017, 2024))
        past = [h for h in harvests if h.season_id != "2023"]
        fitted = replace(train(past, _plots(), series, NDVI), sha256="f" * 64)
        now = [h for h in harvests if h.season_id == "2023"]
        for harvest, outlook in zip(now, _outlooks(fitted, now, series, 75), strict=True):
            assert outlook.estimate is not None
            covered.append(outlook.estimate.p05 <= harvest.yield_kg_per_ha <= outlook.estimate.p95)
            widths.append(outlook.estimate.p95 - outlook.estimate.p05)
    assert np.mean(covered) >= 0.85
    assert np.median(widths) < 3000, "an interval as wide as the average says nothing"


def _outlooks(
    fitted: YieldModel, harvests: list[Harvest], series: dict[str, Series], day: int
) -> list[Outlook]:
    subjects = []
    for harvest in harvests:
        first = harvest.sown_on.toordinal()
        plot = Plot(harvest.plot_id, EvidenceKind.CROP, BOX, "0" * 64, "maize",
                    sown_on=harvest.sown_on)  # fmt: skip
        one = series[harvest.plot_id].between(first, first + day)
        (curve,) = smooth([one], LEVELS.noise_sd)
        subjects.append(Subject(plot, one, curve, season_of(plot, one, curve, LEVELS)))
    return outlooks(fitted, subjects, LEVELS)


def test_a_failing_crop_lowers_the_quantiles_and_shows_as_an_anomaly(model: YieldModel) -> None:
    rng = np.random.default_rng(5)
    sown = date(2025, 3, 20)
    good, bad = (
        Series("new", tuple(_looks(rng, sown, vigour, 80)), 60.0, 30) for vigour in (0.75, 0.35)
    )
    harvest = Harvest("new", "2025", "maize", sown, sown + timedelta(days=145), 0.0)
    (up,), (down,) = (_outlooks(model, [harvest], {"new": one}, 80) for one in (good, bad))
    assert up.estimate is not None
    assert down.estimate is not None
    assert down.estimate.p10 < 0.7 * up.estimate.p10
    assert down.estimate.p50 < up.estimate.p50
    assert up.anomaly_ppm is not None
    assert down.anomaly_ppm is not None
    assert down.anomaly_ppm < -200_000 < up.anomaly_ppm


def test_without_sowing_date_crop_or_looks_less_is_said(model: YieldModel) -> None:
    harvests, series = _seasons(1, seen=True)
    empty = {"p0": Series("p0", (series["p0"].looks[0],), 60.0, 30)}
    sown = harvests[0].sown_on
    unseen = replace(harvests[0], sown_on=sown)
    (first_day,) = _outlooks(model, [unseen], empty, 145)
    assert first_day.estimate is not None
    assert first_day.estimate.method in ("average", "plot_average")
    assert first_day.anomaly_ppm is None
    plot = Plot("p0", EvidenceKind.CROP, BOX, "0" * 64, "maize")
    one = series["p0"]
    (curve,) = smooth([one], LEVELS.noise_sd)
    subject = Subject(plot, one, curve, season_of(plot, one, curve, LEVELS))
    assert outlooks(model, [subject], LEVELS) == [Outlook()]


def test_pasture_is_measured_against_the_same_dates_of_other_years() -> None:
    def looks(year: int, green: float) -> list[SeriesLook]:
        first = date(year, 3, 1).toordinal()
        shape = [0.2 + green * np.exp(-(((d - 60) / 35) ** 2)) for d in range(0, 150, 5)]
        return [SeriesLook(first + 5 * i, float(v), 1.0, "s", "h", used=True)
                for i, v in enumerate(shape)]  # fmt: skip

    past = [look for year in range(2018, 2024) for look in looks(year, 0.4)]
    plot = Plot("g", EvidenceKind.PASTURE, BOX, "0" * 64, season_id="2025-long-rains")
    harvests, series = _seasons(1, seen=True)
    fitted = train(harvests, [plot], series | {"g": Series("g", tuple(past), 60.0, 30)}, NDVI)
    results = []
    for green in (0.4, 0.2):
        one = Series("g", tuple(k for k in looks(2025, green)[:15]), 60.0, 30)
        (curve,) = smooth([one], LEVELS.noise_sd)
        subject = Subject(plot, one, curve, season_of(plot, one, curve, LEVELS))
        results += outlooks(fitted, [subject], LEVELS)
    normal, dry = (result.estimate for result in results)
    assert normal is not None
    assert dry is not None
    assert 900_000 <= normal.p50 <= 1_100_000
    assert 450_000 <= dry.p50 <= 700_000
    assert normal.p05 < normal.p10 < normal.p50 < normal.p90 < normal.p95
    assert normal.method == "pasture_climatology"


def test_a_season_that_failed_widens_the_interval_more_than_pooling_would() -> None:
    season = np.repeat(np.arange(8), 50)
    calm = np.random.default_rng(1).normal(0, 0.1, 400)
    shocked = calm - np.where(season == 2, 0.8, 0.0)
    quiet, wary = season_offsets(calm, season), season_offsets(shocked, season)
    assert quiet["p05"] == pytest.approx(-0.165, abs=0.03), "no shock: the plain quantile"
    # shocks: seven times 0, once −0.8: sd 0.283, × √(1 + 1/8) = 0.30, about their mean −0.10;
    # Student's t of 7 degrees at 5 % is −1.895 sd, and the plots' own 0.1 adds in quadrature
    assert wary["p05"] == pytest.approx(-0.10 - 1.895 * np.hypot(0.30, 0.1 / 1.183), abs=0.04)
    assert list(wary.values()) == sorted(wary.values())


def test_few_seasons_make_intervals_wider() -> None:
    rng = np.random.default_rng(3)
    season = np.repeat(np.arange(6), 50)
    shocks = np.array([-0.2, 0.2, 0.0, -0.2, 0.2, 0.0])[season]
    residual = shocks + rng.normal(0, 0.05, 300)
    few = season < 3
    wide = season_offsets(residual[few], season[few])
    narrow = season_offsets(residual, season)
    assert wide["p95"] - wide["p05"] > 1.2 * (narrow["p95"] - narrow["p05"])


def test_intervals_never_widen_with_age_and_keep_their_mean_width() -> None:
    found = [
        {"p05": -w, "p10": -0.8 * w, "p50": 0.0, "p90": 0.8 * w, "p95": w}
        for w in (1.0, 0.6, 0.8, 0.5)
    ]
    steady = tightened(found)
    assert [round(o["p95"], 6) for o in steady] == [1.0, 0.7, 0.7, 0.5]
    assert [round(o["p10"], 6) for o in steady] == [-0.8, -0.56, -0.56, -0.4]
    assert [o["p50"] for o in steady] == [0.0] * 4


FLAT = Normal(5, (0.6,) * 31, (0.1,) * 31, 8)
SOWN = date(2025, 3, 20).toordinal()


def _grown(*looks: tuple[int, float]) -> SownSeries:
    rows = tuple(SeriesLook(SOWN + d, v, 1.0, f"s{d}", "h", used=True) for d, v in looks)
    return SownSeries(Series("p", rows, 60.0, 30), SOWN)


def _features(
    grown: list[SownSeries], places: list[tuple[float, float] | None], age: int
) -> np.ndarray:
    stand = stand_of(grown, places, FLAT, 110, LEVELS.dip)
    return features(stand, np.full(len(grown), age))


def test_a_departure_is_split_into_what_is_shared_and_what_is_a_plots_own() -> None:
    grown = [_grown((60, 0.4))] * 9 + [_grown((60, 0.6))]
    places = [(37.0 + 0.001 * i, -1.0) for i in range(10)]
    seen = _features(grown, places, 60)
    shared = 9 * -0.2 / (10 + 1)
    assert seen[:, 0] == pytest.approx(shared)
    assert seen[0, 1] == pytest.approx((-0.2 - shared) / 2)
    assert seen[9, 1] == pytest.approx((0.0 - shared) / 2)


def test_plots_far_away_or_nowhere_are_no_neighbours() -> None:
    grown = [_grown((60, 0.4)), _grown((60, 0.8)), _grown((60, 0.8))]
    seen = _features(grown, [(37.0, -1.0), (37.2, -1.0), None], 60)
    assert seen[:, 0] == pytest.approx([-0.1, 0.1, 0.1])
    assert np.isfinite(_features(grown[:1], [None], 60)).all()


def test_a_plot_that_was_never_seen_is_known_by_its_neighbours_alone() -> None:
    grown = [_grown(), _grown((60, 0.4)), _grown()]
    seen = _features(grown, [(37.0, -1.0), (37.001, -1.0), (38.0, -1.0)], 60)
    assert seen[0] == pytest.approx([-0.1, 0.0, -0.1, 0.0])
    assert np.isnan(seen[2]).all()


def test_nothing_later_than_today_enters_and_cloud_counts_until_it_is_known() -> None:
    places = [(37.0, -1.0)]
    before = _grown((50, 0.6), (58, 0.2))
    after = _grown((50, 0.6), (58, 0.2), (63, 0.6), (80, 0.1))
    assert _features([before], places, 58) == pytest.approx(_features([after], places, 58))
    assert _features([after], places, 58)[0, 0] < -0.05
    assert _features([after], places, 63) == pytest.approx(np.zeros((1, 4)))


def test_an_estimate_does_not_jump_on_a_checkpoint(model: YieldModel) -> None:
    crop = model.crops["maize"]
    (whole,) = crop.around(45)
    assert (whole[0].day, whole[1]) == (45, 1.0)
    assert [(c.day, share) for c, share in crop.around(47)] == [(45, 0.6), (50, 0.4)]
    assert [c.day for c, _ in crop.around(300)] == [crop.last_day]
    assert [c.day for c, _ in crop.around(0)] == [0]


def test_a_drought_next_door_lowers_a_plot_that_looks_well(model: YieldModel) -> None:
    rng = np.random.default_rng(6)
    sown = date(2025, 3, 20)
    own = Series("own", tuple(_looks(rng, sown, 0.7, 80)), 60.0, 30)
    results = []
    for vigour in (0.7, 0.3):
        near = {f"n{i}": Series(f"n{i}", tuple(_looks(rng, sown, vigour, 80)), 60.0, 30)
                for i in range(8)}  # fmt: skip
        rows = [Harvest(name, "2025", "maize", sown, sown + timedelta(days=145), 0.0)
                for name in ("own", *near)]  # fmt: skip
        results.append(_outlooks(model, rows, near | {"own": own}, 80)[0].estimate)
    well, dry = results
    assert well is not None
    assert dry is not None
    assert dry.p50 < 0.9 * well.p50


def test_errors_scale_between_constant_and_proportional() -> None:
    scale = error_scale(np.array([4000.0, 1000.0, 0.0]), 1000.0)
    assert scale == pytest.approx([2000.0, 1000.0, np.sqrt(0.1) * 1000])


def test_the_penalty_search_is_the_ridge_that_is_fitted() -> None:
    rng = np.random.default_rng(4)
    features = rng.normal(0, 1, (60, 4))
    season = np.repeat(np.arange(6), 10)
    strong = features @ np.array([300.0, 0, 0, 0]) + rng.normal(0, 10, 60)
    noise = rng.normal(0, 300, 60)
    assert fit_ridge(features, strong, season).penalty == 1.0
    assert fit_ridge(features, noise, season).penalty > 1.0
    rung = fit_ridge(features, strong, season)
    assert rung.steps(features) == pytest.approx(strong, abs=60)


def test_plot_effects_are_shrunk_towards_none() -> None:
    rng = np.random.default_rng(2)
    season, plot = np.repeat(np.arange(5), 20), np.tile(np.arange(20), 5)
    effect = rng.normal(0, 300, 20)
    noisy = 3000 + effect[plot] + rng.normal(0, 300, 100)
    table = Table(noisy, season, plot, np.full((100, 4), np.nan))
    found = np.array([plot_effects(table)[p] for p in range(20)])
    raw = np.array([noisy[plot == p].mean() for p in range(20)]) - noisy.mean()
    assert np.abs(found).mean() < np.abs(raw).mean()
    assert np.corrcoef(found, effect)[0, 1] > 0.8
    none = Table(rng.normal(3000, 1, 100), season, plot, table.features)
    assert max(map(abs, plot_effects(none).values()), default=0.0) < 1.5


def test_a_model_survives_its_file_and_an_altered_one_is_refused(
    model: YieldModel, tmp_path: Path
) -> None:
    path = tmp_path / "model.json"
    sha256 = write_model(path, model)
    again = read_model(path)
    assert again.sha256 == sha256
    assert again.crops["maize"].checkpoint(60).rung == model.crops["maize"].checkpoint(60).rung
    assert write_model(tmp_path / "again.json", again) == sha256
    document = json.loads(path.read_text())
    document["body"]["crops"]["maize"]["average_kg_per_ha"] = 99_999
    path.write_text(json.dumps(document))
    with pytest.raises(YieldModelError, match="altered"):
        read_model(path)
    for text in ("{}", "no", '{"format": "harvestline/yield-model/v9"}'):
        path.write_text(text)
        with pytest.raises(YieldModelError):
            read_model(path)


HEADER = "plot_id,season_id,crop,sown_on,harvested_on,yield_kg_per_ha\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("plot_id,crop\np,maize\n", "columns"),
        (HEADER + "p,2020,maize,2020-03-20,2020-08-15,much\n", ":2"),
        (HEADER + "p,2020,maize,2020-03-20,soon,3000\n", ":2"),
        (HEADER + "p,2020,maize,2020-08-20,2020-03-15,3000\n", "after sown_on"),
        (HEADER + "p,2020,maize,2020-03-20,2020-08-15,-3\n", "yield of 0"),
    ],
)
def test_bad_harvests_are_refused_with_their_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "harvests.csv"
    path.write_text(text)
    with pytest.raises(YieldModelError, match=says):
        read_harvests(path)


def test_too_few_seasons_make_no_model() -> None:
    harvests, series = _seasons(1, seen=True, years=range(2020, 2022))
    with pytest.raises(YieldModelError, match="2 seasons"):
        train(harvests, _plots(), series, NDVI)


def test_an_estimate_stands_still_where_late_looks_have_misled() -> None:
    def errors(*found: float) -> list[int]:
        points = [
            Checkpoint(day, "season_ridge", {}, 0.5, error, 900.0, {}, with_plots=True)
            for day, error in zip((40, 60, 80, 100, 110), found, strict=True)
        ]
        return [point.day for point in while_learning(points, 60)]

    assert errors(700, 690, 640, 700, 720) == [40, 60, 80]
    assert errors(700, 690, 640, 645, 720) == [40, 60, 80, 100]
    assert errors(500, 690, 660, 640, 600) == [40, 60, 80, 100, 110], "early luck stops nothing"
    assert errors(700, 500, 640, 645, 720) == [40, 60]
