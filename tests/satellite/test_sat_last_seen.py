"""A cloud moves no quantile: a plot is told as on the day on which it was last seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from shapely import Polygon

from core.wire.evidence import EvidenceKind, YieldEstimate
from satellite.evidence.document import evidence_of
from satellite.indices import INDICES
from satellite.season.detect import season_of
from satellite.series import Series, SeriesLook, smooth
from satellite.statistics.plots import Plot
from satellite.yields.estimate import Outlook, Subject, outlooks
from satellite.yields.model import YieldModel
from satellite.yields.train import Harvest, train

NDVI = INDICES["ndvi"]
SOWN = date(2025, 3, 20)
BOX = Polygon([(37.0, -1.0), (37.001, -1.0), (37.001, -0.999), (37.0, -0.999)])
PLOTS = [f"p{i}" for i in range(12)]


def _looks(chance: np.random.Generator, sown: date, vigour: float) -> list[SeriesLook]:
    days = np.arange(0, 141, 5)
    curve = 0.18 + 0.55 * vigour / (1 + np.exp(-(days - 40) / 7)) / (1 + np.exp((days - 118) / 8))
    return [
        SeriesLook(sown.toordinal() + int(day), float(value + chance.normal(0, 0.02)), 1.0,
                   f"s{day}", "h", used=True)
        for day, value in zip(days, curve, strict=True)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> YieldModel:
    chance = np.random.default_rng(3)
    harvests: list[Harvest] = []
    looks: dict[str, list[SeriesLook]] = {name: [] for name in PLOTS}
    for year in range(2017, 2025):
        shock = chance.normal(1.0, 0.2)
        for name in PLOTS:
            vigour = float(np.clip(shock * chance.normal(1, 0.1), 0.3, 1.3))
            sown = date(year, 3, 20)
            looks[name] += _looks(chance, sown, vigour)
            kg = 3_000 * vigour * float(chance.normal(1, 0.05))
            harvests.append(Harvest(name, str(year), "maize", sown, sown + timedelta(days=145), kg))
    series = {name: Series(name, tuple(found), 60.0, 30) for name, found in looks.items()}
    plots = [Plot(name, EvidenceKind.CROP, BOX, "0" * 64, "maize") for name in PLOTS]
    return replace(train(harvests, plots, series, NDVI), sha256="f" * 64)


def _told(
    model: YieldModel, series: dict[str, Series], until_day: int
) -> dict[str, YieldEstimate | None]:
    subjects = []
    for name, whole in series.items():
        one = whole.between(SOWN.toordinal(), SOWN.toordinal() + until_day)
        plot = Plot(name, EvidenceKind.CROP, BOX, "0" * 64, "maize", sown_on=SOWN)
        (curve,) = smooth([one], NDVI.levels.noise_sd)
        subjects.append(Subject(plot, one, curve, season_of(plot, one, curve, NDVI.levels)))
    found = outlooks(model, subjects, NDVI.levels)
    return dict(zip(series, (one.estimate for one in found), strict=True))


def _clouded(series: Series, from_day: int) -> Series:
    first = SOWN.toordinal() + from_day
    hidden = [replace(k, mean=None, used=False, valid_fraction=0.0) for k in series.looks]
    looks = [h if k.day >= first else k for k, h in zip(series.looks, hidden, strict=True)]
    return replace(series, looks=tuple(looks))


def test_a_plot_under_cloud_keeps_its_last_quantiles_whatever_its_neighbours_do(
    model: YieldModel,
) -> None:
    chance = np.random.default_rng(8)
    series = {name: Series(name, tuple(_looks(chance, SOWN, 0.9)), 60.0, 30) for name in PLOTS}
    under_cloud = series | {"p0": _clouded(series["p0"], 65)}
    before, after = (_told(model, under_cloud, day) for day in (60, 90))
    assert before["p0"] is not None
    assert after["p0"] == before["p0"]
    assert after["p1"] != before["p1"], "what was seen again must be told anew"


def test_a_plot_that_was_never_seen_is_told_by_what_is_usual(model: YieldModel) -> None:
    chance = np.random.default_rng(9)
    series = {name: Series(name, tuple(_looks(chance, SOWN, 0.9)), 60.0, 30) for name in PLOTS}
    hidden = series | {"p0": _clouded(series["p0"], 0)}
    assert _told(model, hidden, 60)["p0"] is not None


def _alerts(series: Series) -> tuple[str, ...]:
    plot = Plot("p", EvidenceKind.CROP, BOX, "0" * 64, "maize", sown_on=SOWN)
    (curve,) = smooth([series], NDVI.levels.noise_sd)
    subject = Subject(plot, series, curve, season_of(plot, series, curve, NDVI.levels))
    return evidence_of(subject, Outlook(), NDVI.name).alerts


def test_a_crop_that_was_cut_is_not_missed_and_one_that_stands_is() -> None:
    looks = _looks(np.random.default_rng(4), SOWN, 1.0)
    last = looks[-1].day
    after = [replace(looks[-1], day=last + days, mean=None, used=False, valid_fraction=0.0)
             for days in range(5, 60, 5)]  # fmt: skip
    stubble = [replace(looks[-1], day=last + days, mean=0.18) for days in (5, 10, 15, 20)]
    assert "not_seen_lately" in _alerts(_clouded(Series("p", (*looks, *after), 60.0, 30), 80))
    later = [look for look in after if look.day > stubble[-1].day]
    assert "not_seen_lately" not in _alerts(Series("p", (*looks, *stubble, *later), 60.0, 30))
    unseen = [replace(look, mean=None, used=False, valid_fraction=0.0) for look in looks]
    assert "not_seen_lately" in _alerts(Series("p", tuple(unseen), 60.0, 30))
