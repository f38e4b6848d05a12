"""Draws the figures of docs/yield.md from the real tables and from villages' models.

Run as ``python -m tools.yield_pictures DATA MODEL …``: DATA is the folder with the real
data sets, each MODEL a file of ``harvestline-satellite calibrate`` on a simulated village.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from scipy.stats import gamma

from satellite.yields.district.forward import Skill, Told, skill_of, told_forward
from satellite.yields.district.report import MONTH_NAMES
from satellite.yields.district.table import read_table
from satellite.yields.model import CropModel, read_model
from satellite.yields.prior import PLOT_SPREAD

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the backend is chosen

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
FIRST_SEASON = 2014
PLOTS_MIN = 4
DAYS = range(0, 111, 5)
INK, SOFT, WARM = "#1f5f4a", "#9bb8ad", "#c26a2d"


def main() -> None:
    """Draw both figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    asked = parser.parse_args()
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    _districts(asked.data / "zambia_maize_yield" / "climate_summary.csv")
    _plots(asked.data / "uganda_cropcut_yields" / "uganda_fields.csv", asked.models)


def _districts(table_file: Path) -> None:
    table = read_table(table_file)
    told = told_forward(table, FIRST_SEASON)
    leads = [
        skill_of(told_forward(table.first_months(count), FIRST_SEASON))
        for count in range(1, len(table.months) + 1)
    ]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.2))
    _told_axes(left, told)
    _season_axes(middle, skill_of(told))
    _lead_axes(right, leads, [MONTH_NAMES[month - 1] for month in table.months])
    _save(figure, "yield-districts.png")


def _told_axes(axes: Any, told: Told) -> None:
    inside = (told.low <= told.truth) & (told.truth <= told.high)
    for rows, colour, label in ((inside, SOFT, "inside its 90 %"), (~inside, WARM, "outside")):
        axes.scatter(
            told.told[rows] / 1000, told.truth[rows] / 1000, s=6, color=colour, label=label
        )
    axes.plot([0, 4.5], [0, 4.5], color=INK, lw=0.8)
    axes.set(xlabel="told [t/ha]", ylabel="harvested [t/ha]", title="576 district harvests")
    axes.legend(frameon=False, fontsize=8)


def _season_axes(axes: Any, skill: Skill) -> None:
    at = np.arange(len(skill.seasons))
    axes.bar(at - 0.2, [s.nrmse_average for s in skill.seasons], 0.4, color=SOFT, label="average")
    axes.bar(at + 0.2, [s.nrmse for s in skill.seasons], 0.4, color=INK, label="told")
    for i, season in enumerate(skill.seasons):
        axes.text(i, season.nrmse_average + 1, f"{season.covered:.2f}", ha="center", fontsize=7)
    axes.set_xticks(at, [f"{s.season % 100:02d}" for s in skill.seasons])
    axes.set(xlabel="season (above: share covered)", ylabel="error [% of mean]",
             title="season by season")  # fmt: skip
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _lead_axes(axes: Any, leads: Sequence[Skill], names: Sequence[str]) -> None:
    axes.axhline(0.0, color=SOFT, lw=0.8)
    axes.plot(names, [s.skill_over_average for s in leads], color=INK, marker="o", label="skill")
    axes.plot(names, [s.alarm.auc for s in leads], color=WARM, marker="s", label="alarm's AUC")
    axes.plot(names, [s.covered for s in leads], color=SOFT, marker="^", label="90 % covers")
    axes.set(xlabel="greenness known up to", title="lead time, harvest from late April",
             ylim=(-0.15, 1.02))  # fmt: skip
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(0.0, 0.42))


def _plots(fields_file: Path, models: Sequence[Path]) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
    shares = _shares(fields_file)
    grid = np.linspace(0.01, 3.2, 200)
    shape = PLOT_SPREAD**-2
    left.hist(shares, bins=24, density=True, color=SOFT, label=f"{len(shares)} crop cuts")
    left.plot(grid, gamma.pdf(grid, shape, scale=1 / shape), color=INK, label="gamma, spread 0.56")
    left.set(xlabel="plot's yield as a share of its district's mean", ylabel="density",
             title="maize and sorghum, Karamoja 2017")  # fmt: skip
    left.legend(frameon=False, fontsize=8)
    crops = [read_model(path).crops["maize"] for path in models]
    for values, colour, mark, label in (
        (_by_day(crops, "skill"), INK, "-", "skill over the average"),
        (_by_day(crops, "width"), WARM, "--", "width of 90 % / mean"),
        (_by_day(crops, "covered"), SOFT, "-", "covered in left-out seasons"),
    ):
        right.plot(list(DAYS), values, mark, color=colour, label=label)
    right.set(xlabel="days after sowing", ylim=(0.2, 1.6),
              title=f"plots of {len(crops)} simulated villages")  # fmt: skip
    right.legend(frameon=False, fontsize=8, loc="upper right")
    _save(figure, "yield-plots.png")


def _shares(fields_file: Path) -> list[float]:
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    with fields_file.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            groups[row["District"], row["crop"]].append(float(row["yield_kg_ha"]))
    kept = [values for values in groups.values() if len(values) >= PLOTS_MIN]
    return [value / (sum(values) / len(values)) for values in kept for value in values]


def _by_day(crops: Sequence[CropModel], what: str) -> list[float]:
    found: list[float] = []
    for day in DAYS:
        points = [[c for c in crop.checkpoints if c.day <= day][-1] for crop in crops]
        if what == "skill":
            values = [point.skill for point in points]
        elif what == "width":
            values = [point.offsets["p95"] - point.offsets["p05"] for point in points]
        else:
            values = [float(np.mean(list(point.coverage.values()))) for point in points]
        found.append(float(np.mean(values)))
    return found


def _save(figure: Any, name: str) -> None:
    figure.tight_layout()
    figure.savefig(FOLDER / name, dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    main()
