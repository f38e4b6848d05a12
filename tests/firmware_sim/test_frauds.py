"""Planted frauds are opt-in: the honest season of the same seed keeps its bytes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from shapely.geometry import Polygon

from firmware_sim.commands.frauds import command
from firmware_sim.district.frauds import FraudKind, Planted, plant_frauds, write_fraud_item
from firmware_sim.district.imagery import scene_days, scene_rng, write_item
from firmware_sim.district.simulate import declared_sowing, rebuild

SEED = 17


@pytest.fixture(scope="module")
def season():
    return rebuild(SEED)


def planted_in(season, each: int) -> Planted:
    district, truth = season
    sown_on = declared_sowing(district, truth.spec, SEED)
    return plant_frauds(district, truth, sown_on, each)


def test_without_frauds_a_scene_is_the_honest_seasons_scene(season, tmp_path: Path):
    district, truth = season
    day = next(iter(scene_days(truth.spec.first_day, truth.spec.last_day)))
    honest = write_item(tmp_path / "honest", day, truth, district, scene_rng(SEED, day))
    none = planted_in(season, 0)
    same = write_fraud_item(tmp_path / "none", day, season, none, scene_rng(SEED, day))
    assert none.frauds == ()
    for file in sorted(honest.iterdir()):
        assert (same / file.name).read_bytes() == file.read_bytes(), file.name


def test_the_same_seed_plants_the_same_frauds(season):
    one, other = planted_in(season, 4), planted_in(season, 4)
    assert (one.declared, one.frauds) == (other.declared, other.frauds)


def test_every_kind_is_planted_on_a_plot_of_its_own(season):
    found = planted_in(season, 6)
    kinds = Counter(fraud.kind for fraud in found.frauds)
    assert kinds[FraudKind.DOUBLE_PLEDGE] >= 6  # slices are several plots
    assert all(kinds[kind] == 6 for kind in FraudKind if kind is not FraudKind.DOUBLE_PLEDGE)
    names = [fraud.plot_id for fraud in found.frauds]
    assert len(set(names)) == len(names)
    declared = {one.plot_id for one in found.declared}
    assert set(names) <= declared


def test_exaggerated_boundaries_are_as_much_too_large_as_is_told(season):
    district, _ = season
    truly = {plot.plot_id: Polygon(plot.ring).area for plot in district.plots}
    found = planted_in(season, 6)
    rings = {one.plot_id: Polygon(one.ring) for one in found.declared}
    wide = [f for f in found.frauds if f.kind is FraudKind.EXAGGERATED]
    for fraud in wide:
        assert 0.10 <= fraud.share <= 0.65
        share = rings[fraud.plot_id].area / truly[fraud.plot_id] - 1
        assert share == pytest.approx(fraud.share, abs=0.12)  # the walk has an error too
    assert all(ring.is_valid for ring in rings.values())


def test_a_staged_cut_is_seen_on_the_ground_from_its_day_on(season):
    _, truth = season
    found = planted_in(season, 6)
    cut = [s for row, s in found.surfaces.items() if s.green_lai.min() < 0.09 and row < 67]
    lost = [np.flatnonzero(np.diff(s.green_lai) < -0.8) for s in cut]
    assert any(len(days) for days in lost)
    assert all(len(s.green_lai) == truth.spec.days for s in found.surfaces.values())


def test_the_truth_may_not_lie_where_the_lender_reads(tmp_path: Path):
    words = ["--seed", "17", "--out", str(tmp_path / "v"), "--truth", str(tmp_path / "v" / "t")]
    done = CliRunner().invoke(command, words)
    assert done.exit_code != 0
    assert "outside" in str(done.exception)
