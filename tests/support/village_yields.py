"""Villages of many seeds, from simulation to evidence, with the real commands.

What the estimate said on some days is laid beside what truly grew, which only the
simulator knows. Two processes work through the villages and keep what they imported:
a program started anew for each of a village's seven commands cost half of the time.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from firmware_sim.app import main as sim
from satellite.app import main as satellite

T = TypeVar("T")
FROM, TO = "2026-03-01", "2026-08-20"
PROCESSES = 2
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
    """Everything that was said of the villages, printed as it comes."""
    found: list[Said] = []
    for said in two_at_a_time(_live, villages, [folder / str(one.seed) for one in villages]):
        found += said
        print("\n".join(one.line() for one in said), flush=True)
    return found


def two_at_a_time(act: Callable[..., T], *each: Iterable[object]) -> Iterable[T]:
    """What a function gives of each village, in order, by two fresh processes."""
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        yield from pool.map(act, *each)


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
    said, error, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(error):
        try:
            (satellite if room == "satellite" else sim)([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
    assert code == 0, f"{room} {words}: {error.getvalue()[-2000:]}"


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
