"""Dates on the simulated district's scenes, whose crop model shares nothing with ours.

An index has no threshold at emergence or maturity, so a date is judged by how far it
lies from the event after the crop's usual lag, which is the median over the plots.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.wire.evidence import EvidenceKind, Stage
from firmware_sim.district.imagery import finish_catalog, scene_days, scene_rng, write_item
from firmware_sim.district.season import Stages
from firmware_sim.district.simulate import declared_sowing, rebuild
from firmware_sim.history.register import plots_geojson
from satellite.evidence.ingest import Ingest, Job
from satellite.indices import index_named
from satellite.season.detect import SeasonSeen

SEED, FARMERS = 31, 30
Told = list[tuple[SeasonSeen, Stages]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What was seen of each plot by the season's end, beside its true dates."""
    folder = tmp_path_factory.mktemp("district")
    district, truth = rebuild(SEED, FARMERS)
    for day in scene_days(truth.spec.first_day, truth.spec.last_day):
        write_item(folder / "scenes", day, truth, district, scene_rng(SEED, day))
    finish_catalog(folder / "scenes")
    sown = declared_sowing(district, truth.spec, SEED)
    plots = folder / "plots.geojson"
    plots.write_text(json.dumps(plots_geojson(district, truth.spec.season_id, sown)))
    out: Path = folder / "out"
    work = Ingest(Job(folder / "scenes" / "catalog.json", plots, out, index_named("ndvi")))
    work.run(lambda *_: None)
    seen = {one.plot.plot_id: one for one in work.subjects if one.plot.kind is EvidenceKind.CROP}
    work.close()
    return [
        (seen[plot.plot_id].season, stages)
        for plot, stages in zip(district.plots, truth.stages, strict=True)
        if plot.plot_id in seen
    ]


def _spread(told: Told, seen: str, true: str) -> np.ndarray:
    """Days from the event to the date that was seen, less their median: (plot,)."""
    pairs = [(getattr(season, seen), getattr(stages, true)) for season, stages in told]
    days = np.array([day - event.toordinal() for day, event in pairs if day and event])
    print(f"{seen} after {true}: n {len(days)}, median {np.median(days):+.0f} d, "
          f"5th–95th {np.quantile(days, 0.05):+.0f}…{np.quantile(days, 0.95):+.0f}")  # fmt: skip
    assert len(days) >= 0.8 * len(told)
    return np.asarray(days - np.median(days))


@pytest.mark.parametrize(
    ("seen", "true"),
    [("start_day", "emerged"), ("peak_day", "flowering"), ("end_day", "mature")],
)
def test_dates_follow_the_true_events_within_five_days(told: Told, seen: str, true: str) -> None:
    assert np.median(np.abs(_spread(told, seen, true))) <= 5


def test_no_season_starts_before_it_was_sown_though_weeds_stood_there(told: Told) -> None:
    early = [s.start_day < stages.sown.toordinal() for s, stages in told if s.start_day is not None]
    assert np.mean(early) <= 0.02


def test_a_plot_whose_seed_rotted_has_no_season(told: Told) -> None:
    failed = [season for season, stages in told if stages.emerged is None]
    assert failed
    assert not any(season.exists for season in failed)
    # Weeds may pass for seedlings, never for a canopy.
    assert all(season.stage.stage.rank <= Stage.EMERGENCE.rank for season in failed)


def test_a_harvest_is_not_seen_before_it_happens(told: Told) -> None:
    early = [
        stages.harvested is None or season.stage.day < stages.harvested.toordinal()
        for season, stages in told
        if season.stage.stage is Stage.HARVESTED and season.stage.day is not None
    ]
    print(f"harvested seen on {len(early)} plots, early on {sum(early)}")
    assert len(early) >= 0.5 * len(told)
    assert np.mean(early) <= 0.05
