"""How long before a limit would have been cut the drought was known, on simulated villages.

A stand-in for the rule of core/lending: a limit falls with the harvest's lower
quantile, by more than a fifth and at two looks in a row, as in the demonstration.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

from core.wire.evidence import HazardKind
from firmware_sim.district.imagery import scene_days
from firmware_sim.district.perils import Peril, draw_perils
from firmware_sim.district.simulate import live_season
from firmware_sim.history.past import harvests_csv
from satellite.hazards.alerts import hazards_of
from satellite.yields.estimate import Subject, outlooks
from satellite.yields.train import read_harvests, train
from tests.support.watched_village import NDVI, Live, Village

FALL_SHARE = 0.20
LOOKS_TO_CUT = 2
FIRST_ON = date(2026, 4, 20)
LAST_ON = date(2026, 7, 31)


def limit_leads(seed: int, folder: Path) -> list[tuple[int | None, int | None]]:
    """Days from the drought's start to the alert and to the cut, of each struck plot."""
    folder.mkdir(parents=True, exist_ok=True)
    village = Village(seed, folder)
    live = village.live((Peril.DROUGHT,))
    planted = draw_perils(village.district, live_season(drought=False), (Peril.DROUGHT,))
    start = {
        village.district.plots[s.plot].plot_id: live.truth.spec.first_day + timedelta(days=s.day)
        for s in planted.strikes
    }
    told = _told(village, live)
    cut = _cuts(village, live, folder)
    return [
        (_days(told.get(plot), since), _days(cut.get(plot), since)) for plot, since in start.items()
    ]


def _days(on: date | None, since: date) -> int | None:
    return None if on is None or on < since else (on - since).days


def _told(village: Village, live: Live) -> dict[str, date]:
    said = hazards_of(live.seen, village.past, live.weather, NDVI.levels)
    return {
        one.plot.plot_id: date.fromisoformat(hazard.raised_on)
        for one, hazards in zip(live.seen, said, strict=True)
        for hazard in hazards
        if hazard.kind is HazardKind.DROUGHT
    }


def _cuts(village: Village, live: Live, folder: Path) -> dict[str, date]:
    path = folder / "harvests.csv"
    path.write_text(harvests_csv(village.district, tuple(village.past_truths)))
    model = train(read_harvests(path), live.plots, village.archive, NDVI)
    highest: dict[str, float] = {}
    low: dict[str, int] = {}
    cut: dict[str, date] = {}
    for day in scene_days(FIRST_ON, LAST_ON):
        subjects = [Subject(s.plot, s.series, s.curve, s.season) for s in live.until(day)]
        for subject, outlook in zip(subjects, outlooks(model, subjects, NDVI.levels), strict=True):
            name, estimate = subject.plot.plot_id, outlook.estimate
            if estimate is None:
                continue
            highest[name] = max(highest.get(name, 0.0), float(estimate.p10))
            fell = estimate.p10 < (1 - FALL_SHARE) * highest[name]
            low[name] = low.get(name, 0) + 1 if fell else 0
            if low[name] >= LOOKS_TO_CUT:
                cut.setdefault(name, day)
    return cut


def summary(pairs: list[tuple[int | None, int | None]]) -> str:
    """One line: how many were told and cut, and the days between."""
    cut = [(told, cut) for told, cut in pairs if cut is not None]
    leads = np.array([cut - told for told, cut in cut if told is not None])
    spread = (
        "–"
        if not len(leads)
        else " / ".join(f"{v:.0f}" for v in np.percentile(leads, [10, 50, 90]))
    )
    return (
        f"{len(pairs)} struck plots, {len(cut)} limits cut, {len(leads)} of them told; "
        f"days from alert to cut (10th/50th/90th percentile) {spread}; "
        f"at least 7 days: {np.mean(leads >= 7) if len(leads) else 0:.2f}"
    )
