"""Villages of many seeds, from simulation to evidence, with the real commands as processes.

What the estimate said on some days is laid beside what truly grew, which only the
simulator knows.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FROM, TO = "2026-03-01", "2026-08-20"
PROCESSES = 2
COMMAND_S_MAX = 300
EAST = 1  # the zone that the drought strikes
HEADER = (
    "seed drought    as of       plots  covered  width/mean   "
    "west p10   p50  true   east p10   p50  true"
)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of a village's plots on a day, beside the truth; arrays (plot,) [kg/ha]."""

    seed: int
    drought: bool
    as_of: str
    east: np.ndarray
    truth: np.ndarray
    p05: np.ndarray
    p10: np.ndarray
    p50: np.ndarray
    p95: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        """Whether the truth lies in the 90 % interval: (plot,) bool."""
        return np.asarray((self.p05 <= self.truth) & (self.truth <= self.p95))

    @property
    def width(self) -> float:
        """Mean width of the interval, as a share of the village's mean yield."""
        return float((self.p95 - self.p05).mean() / self.truth.mean())

    def p10_of_east(self) -> float:
        """Mean p10 of the eastern zone [kg/ha]."""
        return float(self.p10[self.east].mean())

    def line(self) -> str:
        """The row of a table under ``HEADER``."""
        zones = [
            f"{self.p10[at].mean():8.0f}{self.p50[at].mean():6.0f}{self.truth[at].mean():6.0f}"
            for at in (~self.east, self.east)
        ]
        return (
            f"{self.seed:4d} {'drought' if self.drought else '-':7s} {self.as_of}"
            f"{len(self.truth):7d}{self.covered.mean():9.2f}{self.width:12.2f}   "
            + "   ".join(zones)
        )


@dataclass(frozen=True, slots=True)
class Village:
    """One seed's order: which seasons are told, and on which days evidence is read."""

    seed: int
    told: tuple[tuple[bool, tuple[str, ...]], ...]


def outlooks_of(villages: Sequence[Village], folder: Path) -> list[Said]:
    """Everything that was said of the villages, two of them at a time."""
    with ThreadPoolExecutor(PROCESSES) as pool:
        found = pool.map(lambda village: _live(village, folder / str(village.seed)), villages)
        return [said for one in found for said in one]


def table(every: Iterable[Said]) -> str:
    """One line for each seed and day."""
    return "\n".join([HEADER, *(said.line() for said in every)])


def _live(village: Village, folder: Path) -> list[Said]:
    district, model = folder / "village", folder / "yield.json"
    archive = district / "archive"
    run("sim", "district", "--seed", village.seed, "--out", district)
    run("satellite", "calibrate", archive / "catalog.json", "--plots", archive / "plots.geojson",
         "--harvests", archive / "harvests.csv", "--out", model)  # fmt: skip
    found: list[Said] = []
    for drought, days in village.told:
        weather = "--drought" if drought else "--no-drought"
        scenes, out, truth = (folder / f"{name}{weather}" for name in ("scenes", "out", "truth"))
        run("sim", "scenes", "--district", district, "--out", scenes, "--from", FROM,
             "--to", max(days), weather)  # fmt: skip
        run("sim", "truth", "--district", district, "--out", truth, weather)
        for day in days:
            run("satellite", "ingest", scenes / "catalog.json", "--plots",
                 district / "plots.geojson", "--out", out, "--model", model, "--as-of", day,
                 "--no-picture")  # fmt: skip
            found.append(said_of(village.seed, drought, day, out, truth))
    shutil.rmtree(folder)
    return found


def run(room: str, *words: object) -> None:
    """One command of a room to its end, which must be a good one."""
    command = str(Path(sys.executable).parent / f"harvestline-{room}")
    done = subprocess.run(
        [command, *map(str, words)],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        timeout=COMMAND_S_MAX,
    )  # fmt: skip
    assert done.returncode == 0, f"{room} {words}: {done.stderr[-2000:]}"


def said_of(seed: int, drought: bool, as_of: str, out: Path, truth_file: Path) -> Said:
    """What the evidence in a folder says of the crops, beside the truth."""
    truth = {plot["plot_id"]: plot for plot in json.loads(truth_file.read_text())["plots"]}
    rows: list[tuple[float, ...]] = []
    for path in sorted((out / "evidence").glob("*.json")):
        evidence = json.loads(path.read_text())
        estimate = evidence.get("yield_estimate")
        if evidence["kind"] == "crop" and estimate is not None:
            grown = truth[evidence["subject_id"]]
            quantiles = (estimate[name] for name in ("p05", "p10", "p50", "p95"))
            rows.append((grown["zone"], grown["yield_kg_per_ha"], *quantiles))
    zone, grown_kg, p05, p10, p50, p95 = np.array(rows, dtype=float).T
    return Said(seed, drought, as_of, zone == EAST, grown_kg, p05, p10, p50, p95)
