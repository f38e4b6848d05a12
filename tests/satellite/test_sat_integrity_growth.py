"""Phantom plots, other crops, staged losses: on curves that a reader can follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from shapely import box

from core.canonical import sha256_hex
from core.wire.evidence import EvidenceKind
from satellite.indices import index_named
from satellite.integrity.crop import other_crop
from satellite.integrity.flags import CODES, Known, findings_of, flags_of
from satellite.integrity.growth import cycle_of, neighbours_of
from satellite.integrity.loss import lone_loss
from satellite.integrity.phantom import no_crop
from satellite.season.detect import season_of
from satellite.series import Series, SeriesLook, smooth
from satellite.statistics.plots import Plot
from satellite.yields.estimate import Subject

LEVELS = index_named("ndvi").levels
SOWN = date(2026, 3, 15)
DAYS = range(-10, 160, 5)
PLOTS = 10


def maize(age: int) -> float:
    """Green from day 10, greenest on day 60, bare again from day 110."""
    rise = 1 / (1 + np.exp(-(age - 30) / 6))
    return float(0.25 + 0.5 * rise / (1 + np.exp((age - 95) / 6)))


def beans(age: int) -> float:
    return float(0.25 + 0.5 * np.exp(-(((age - 44) / 14) ** 2)))


def peas(age: int) -> float:
    return float(0.25 + 0.5 / (1 + np.exp(-(age - 75) / 10)))


def cut_on_50(age: int) -> float:
    return maize(age) if age < 50 else 0.27


def watched(
    k: int, grows=maize, full_pixels: int = 40, days=DAYS, sown: date | None = SOWN
) -> Subject:
    """The k-th plot of a row of plots, seen every five days."""
    corner = 37.1 + 0.002 * k
    plot = Plot(f"plot-{k}", EvidenceKind.CROP, box(corner, -1.0, corner + 0.001, -0.999), "",
                "maize", "2026-long-rains", sown)  # fmt: skip
    looks = tuple(
        SeriesLook(SOWN.toordinal() + age, grows(age), 1.0, f"scene-{age}", "", used=True)
        for age in days
    )
    series = Series(plot.plot_id, looks, 60.0, full_pixels)
    (curve,) = smooth([series], LEVELS.noise_sd)
    return Subject(plot, series, curve, season_of(plot, series, curve, LEVELS))


def village(*odd: Subject, grows=maize) -> list[Subject]:
    return [*odd, *(watched(k, grows) for k in range(len(odd), PLOTS))]


def codes(every: list[Subject], claims: dict[str, int] | None = None) -> dict[str, set[str]]:
    found = flags_of(every, LEVELS, Known(claims or {}))
    return {plot_id: {flag.code for flag in flags} for plot_id, flags in found.items()}


def test_honest_plots_raise_no_flag():
    assert codes(village()) == {}


@pytest.mark.parametrize(
    ("level", "cover"), [(0.27, "bare land"), (0.68, "bush or trees"), (-0.1, "water")]
)
def test_land_that_never_greens_up_bears_no_crop(level: float, cover: str):
    every = village(watched(0, lambda _: level))
    found = no_crop(0, every, neighbours_of(every)[0], LEVELS)
    assert found is not None
    assert found.cover == cover
    assert codes(every) == {"plot-0": {"phantom_plot"}}


def test_where_the_rains_failed_for_all_nothing_is_said_of_one_plot():
    assert codes(village(grows=lambda _: 0.27)) == {}


def test_too_few_clear_looks_and_too_small_a_plot_are_not_judged():
    seldom = watched(0, lambda _: 0.27, days=(-10, 5, 60, 100, 150))
    small = watched(0, lambda _: 0.27, full_pixels=5)
    assert codes(village(seldom)) == {}
    assert codes(village(small)) == {}


def test_before_the_crop_is_due_nothing_is_missing():
    early = watched(0, lambda _: 0.27, days=range(-10, 40, 5))
    assert no_crop(0, village(early), list(range(1, PLOTS)), LEVELS) is None


@pytest.mark.parametrize(("grows", "what"), [(beans, "ended early"), (peas, "greenest too late")])
def test_another_crop_shows_by_its_dates(grows, what: str):
    every = village(watched(0, grows))
    found = other_crop(0, every, neighbours_of(every)[0], LEVELS)
    assert found is not None
    assert found.what == what
    assert codes(every) == {"plot-0": {"wrong_crop"}}


def test_maize_that_was_sown_three_weeks_late_is_still_maize():
    assert codes(village(watched(0, lambda age: maize(age - 21)))) == {}


def test_a_crop_that_is_cut_alone_is_named_with_its_neighbours():
    every = village(watched(0, cut_on_50))
    found = lone_loss(0, every, neighbours_of(every)[0], LEVELS, {})
    assert found is not None
    assert (found.what, found.neighbours_alike) == ("fell alone", 0)
    assert found.before - found.after > 0.3
    assert abs(found.neighbours_change) < 0.1
    assert "staged_loss" in codes(every)["plot-0"]


@pytest.mark.parametrize("sown", [SOWN, None])
def test_a_catch_crop_that_is_ploughed_in_alone_is_no_staged_loss(sown: date | None):
    def after_clover(age: int) -> float:
        return 0.78 if age < -12 else maize(age)

    days = range(-60, 160, 5)
    one = watched(0, after_clover, days=days, sown=sown)
    every = [one, *(watched(k, days=days, sown=sown) for k in range(1, PLOTS))]
    assert one.season.declared.first_day < SOWN.toordinal()
    assert codes(every) == {}
    cut = [watched(0, cut_on_50, days=days, sown=sown), *every[1:]]
    assert "staged_loss" in codes(cut)["plot-0"]


def test_hail_that_struck_many_is_no_staged_loss():
    struck = [watched(k, cut_on_50) for k in range(5)]
    every = village(*struck)
    assert all("staged_loss" not in found for found in codes(every).values())


def test_a_claim_without_a_loss_is_named_and_a_claim_of_many_is_not():
    day = SOWN.toordinal() + 50
    assert codes(village(), {"plot-3": day}) == {"plot-3": {"staged_loss"}}
    assert codes(village(), {f"plot-{k}": day + k for k in range(5)}) == {}


def test_a_claim_that_the_plot_bears_out_is_left_alone():
    fades = watched(0, lambda age: maize(age) - 0.2 * (age > 50) * min((age - 50) / 10, 1))
    assert codes(village(fades), {"plot-0": SOWN.toordinal() + 50}) == {}


def test_a_cycle_is_read_without_the_crops_calendar():
    curve = watched(0, peas).curve
    assert curve is not None
    found = cycle_of(curve, SOWN.toordinal() - 10, SOWN.toordinal() + 155)
    assert found is not None
    assert 45 <= found.start_day - SOWN.toordinal() <= 62
    assert found.end_day is None
    assert found.rise == pytest.approx(0.5, abs=0.05)


def test_every_flag_says_how_often_it_is_true_and_carries_its_picture():
    every = village(watched(0, lambda _: 0.27), watched(1, peas), watched(2, cut_on_50))
    found = findings_of(every, LEVELS, Known(), draw=True)
    assert {one.flag.code for one in found} >= {"phantom_plot", "wrong_crop", "staged_loss"}
    for one in found:
        assert one.flag.code in CODES
        assert 0 < one.flag.precision_ppm < 1_000_000
        assert one.flag.base_rate_ppm == 1_800
        assert one.flag.facts
        assert one.picture.startswith(b"\x89PNG")
        assert one.flag.picture_sha256 == sha256_hex(one.picture)
        ref = one.picture_ref
        assert ref is not None
        assert (ref.kind, ref.size_bytes) == (one.flag.code, len(one.picture))
    again = findings_of(every, LEVELS, Known(), draw=True)
    assert [replace(one) for one in again] == found  # the same bytes
