"""Draw the figures of docs/hazards.md: ``python -m tools.hazard_pictures [LOSS_FOLDER]``."""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from core.wire.evidence import HazardKind
from firmware_sim.district.perils import Peril
from satellite.hazards.alerts import hazards_of
from satellite.hazards.backtest import backtest
from satellite.hazards.crowd import crowds_of
from satellite.hazards.drought import HARM_SHARE, SURE_SHARE
from satellite.hazards.indemnities import read_losses
from satellite.hazards.thirst import thirst_of
from tests.support.watched_village import NDVI, Live, Seen, Village

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
SEED = 4
SUDDEN = (Peril.HAIL, Peril.FLOOD, Peril.LATE_SOWING, Peril.FAILED_EMERGENCE)
GREEN, GREY, RED, BLUE = "#2f7d32", "#9e9e9e", "#b3261e", "#1565c0"
SHOWN = {
    HazardKind.HAIL: "hail: half of the leaves at once",
    HazardKind.FLOOD: "flood: water over the plot",
    HazardKind.LATE_SOWING: "late sowing: bare while others green",
    HazardKind.FAILED_EMERGENCE: "failed emergence: weeds only",
}


def main() -> None:
    """Draw all figures; that of the losses only if their folder is given."""
    mpl.use("Agg")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        village = Village(SEED, Path(folder))
        _save(_struck(village, village.live(SUDDEN)), "hazards-looks.png")
        _save(
            _drought(village, village.live((Peril.DROUGHT,)), village.live()), "hazards-drought.png"
        )
    if len(sys.argv) > 1:
        _save(_losses(Path(sys.argv[1])), "hazards-losses.png")


def _save(figure: Figure, name: str) -> None:
    figure.savefig(PICTURES / name, dpi=80, bbox_inches="tight")


def _line(axes: Axes, seen: Seen, color: str, width: float, label: str | None = None) -> None:
    looks = [(k.date, k.mean) for k in seen.series.looks if k.mean and k.valid_fraction > 0.4]
    days = np.array([np.datetime64(day) for day, _ in looks])
    values = [value for _, value in looks]
    axes.plot(days, values, color=color, lw=width, marker="o", ms=2.5 * width, label=label)


def _struck(village: Village, live: Live) -> Figure:
    said = hazards_of(live.seen, village.past, live.weather, NDVI.levels, live.water)
    figure = Figure(figsize=(9, 6))
    for axes, (kind, title) in zip(
        figure.subplots(2, 2, sharey=True).flat, SHOWN.items(), strict=True
    ):
        told = [
            (one, h)
            for one, hazards in zip(live.seen, said, strict=True)
            for h in hazards
            if h.kind is kind and (kind is not HazardKind.LATE_SOWING or len(hazards) == 1)
        ]
        one, hazard = max(told, key=lambda pair: pair[1].severity_ppm)
        for other in live.seen[:25]:
            _line(axes, other, "#dddddd", 0.5)
        _line(axes, one, GREEN, 1.2, "the plot")
        axes.axvline(date.fromisoformat(hazard.raised_on), color=RED, ls="--", label="alert")
        axes.set_title(title, fontsize=10)
        axes.set_xlim(date(2026, 3, 20), date(2026, 8, 5))
        axes.set_ylabel("NDVI")
        axes.tick_params(labelsize=8)
        axes.legend(fontsize=8, loc="lower right")
    figure.autofmt_xdate()
    return figure


def _drought(village: Village, dry: Live, calm: Live) -> Figure:
    spell = dry.truth.spec.drought
    if spell is None:
        raise SystemExit("expected a season with a drought")
    first = dry.truth.spec.first_day
    days = [date.fromordinal(first.toordinal() + i) for i in range(dry.truth.spec.days)]
    rows = [i for i, plot in enumerate(village.district.plots) if plot.zone == spell.zone]
    said = hazards_of(dry.seen, village.past, dry.weather, NDVI.levels)
    raised = [h.raised_on for some in said for h in some if h.kind is HazardKind.DROUGHT]
    figure = Figure(figsize=(9, 5))
    above, below = figure.subplots(2, 1, sharex=True)
    above.axhline(100 * HARM_SHARE, color=RED, lw=0.8, label="the alert's threshold")
    for live, color, label in ((calm, GREY, "without"), (dry, GREEN, "with the drought")):
        known, likely = _thirst(village, live, spell.zone)
        above.plot(known, likely, color=color, label=f"expected loss {label}")
        mass = live.truth.plots.biomass_kg_per_ha[rows].mean(axis=0) / 1000
        below.plot(days, mass, color=color, label=f"true biomass {label}")
    for axes in (above, below):
        axes.axvspan(days[spell.start_day], days[spell.start_day + spell.days], color="#f3e1c7",
                     label="dry spell")  # fmt: skip
        alert = date.fromisoformat(sorted(raised)[len(raised) // 2])
        axes.axvline(alert, color="black", ls="--", label="alert (median plot)")
        axes.legend(fontsize=8, loc="upper left")
    above.set_ylabel("% of the harvest, or more,\nafter 8 of 10 past years")
    below.set_ylabel("t/ha")
    return figure


def _thirst(village: Village, live: Live, zone: int) -> tuple[list[date], np.ndarray]:
    """What nearly any of the past years' weather would take of a zone's usual plot [%]."""
    names = {plot.plot_id for plot in village.district.plots if plot.zone == zone}
    (crowd, *_) = crowds_of(live.seen, village.past, NDVI.levels)
    rows = [i for i, at in enumerate(crowd.rows) if live.seen[int(at)].plot.plot_id in names]
    row = sorted(rows, key=lambda i: int(crowd.sown_day[i]))[len(rows) // 2]
    sown, ripe = int(crowd.sown_day[row]), int(crowd.ripe_day[row])
    place, latitude = live.weather.places[zone], crowd.lon_lat[row][1]
    outlook = thirst_of(place, latitude, crowd.crop, sown, ripe)
    if outlook is None:
        raise SystemExit("expected weather with temperatures")
    days = [date.fromordinal(sown + i) for i in range(len(outlook.loss_share))]
    return days, 100 * np.quantile(outlook.loss_share, 1 - SURE_SHARE, axis=1)


def _losses(folder: Path) -> Figure:
    found = backtest(read_losses(folder))
    bars = {"Palmer index\n(naive), to June": found.naive}
    bars |= {f"SPI\nto {m.title()}": s for m, s in found.rain_known_until.items()}
    bars |= {"SPI\nto June": found.rain}
    figure = Figure(figsize=(9, 3.4))
    axes = figure.subplots()
    at = np.arange(len(bars))
    for shift, color, label, pick in (
        (-0.27, GREEN, "loss years found", [s.hit_rate for s in bars.values()]),
        (0.0, RED, "other years alarmed", [s.false_alarm_rate for s in bars.values()]),
        (0.27, BLUE, "Heidke skill", [s.hss for s in bars.values()]),
    ):
        axes.bar(at + shift, pick, 0.25, color=color, label=label)
    axes.set_xticks(at, list(bars))
    axes.set_ylim(0, 1)
    axes.legend(fontsize=8, ncols=3)
    axes.set_title("County-years of wheat, each judged by the others", fontsize=10)
    return figure


if __name__ == "__main__":
    main()
