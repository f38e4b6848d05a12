"""Smoothing: our Whittaker, by numpy and compiled, beside scipy's solver and whittaker-eilers.

20,000 series of 72 steps and 2,000 daily ones of a year, 45 % of the looks missing. The
peers are called once a series, as they are made to be (hdc-algo, which works on arrays as
ours does, is not on PyPI). Ours is timed with and without its posterior band, which no
peer gives. Times are CPU seconds of this process, taken in turns; the ratios are medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from whittaker_eilers import WhittakerSmoother

from bench.report import Effort, Figure, Report
from satellite.series import LAMBDA, Path, whittaker, whittaker_mean

Array = NDArray[np.float64]

GAPS = 0.45
PEER_PART = 8  # the peers do an eighth of the series, and are reckoned up
SCIPY, EILERS = "scipy solveh_banded, a series a call", "whittaker-eilers, a series a call"
COLD = (
    "import time; s = time.process_time(); import numba; a = time.process_time();"
    "from satellite.series.compiled import solve; import numpy as np;"
    "from satellite.series.whittaker import _ends as e; o = np.ones((20, 72));"
    "solve(o, o, 10.0, e(72), (o.copy(), o.copy())); print(a - s, time.process_time() - a)"
)


@dataclass(frozen=True, slots=True)
class Load:
    """So many series of so many steps, a look possible every ``every`` steps."""

    name: str
    series: int
    steps: int
    every: int
    penalty: float


LOADS = (Load("72 steps", 20_000, 72, 1, 10.0), Load("daily", 2_000, 365, 5, LAMBDA))


def measure(effort: Effort) -> Report:
    """Every smoother on both loads, and what compiling costs."""
    found = {load.name: _timed(load, max(effort.repeats, 3)) for load in LOADS}
    cold, warm = _compile_s(effort, "cold"), _compile_s(effort, "cold")
    return _report(found, cold, warm)


def _timed(load: Load, repeats: int) -> dict[str, list[float]]:
    value, weight = _series(load)
    ways: dict[str, tuple[Callable[[], Array], int]] = {
        SCIPY: (partial(_scipy, value, weight, _bands(load)), PEER_PART),
        EILERS: (partial(_eilers, value, weight, load.penalty), PEER_PART),
    }
    for path in (Path.NUMPY, Path.COMPILED):
        args = (value, weight, load.penalty, path)
        ways[f"ours, {path.value}, curve"] = (partial(whittaker_mean, *args), 1)
        ways[f"ours, {path.value}, curve and band"] = (partial(_curve, *args), 1)
    reference = ways[SCIPY][0]()
    for way, _ in ways.values():
        gap = float(np.abs(way()[: len(reference)] - reference).max())
        assert gap < 1e-6, gap
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, (way, part) in ways.items():
            started = time.process_time()
            way()
            times[name].append((time.process_time() - started) * part)
    return times


def _report(found: dict[str, dict[str, list[float]]], cold: float, warm: float) -> Report:
    rows, numbers = [], {"import_and_compile_s": cold, "import_and_load_s": warm}
    for load in LOADS:
        times = found[load.name]
        for name, seconds in times.items():
            ratio = statistics.median(
                one / own for one, own in zip(times[SCIPY], seconds, strict=True)
            )
            each_us = statistics.median(seconds) / load.series * 1e6
            rows.append((f"{name} ({load.name})", f"{each_us:.2f}", f"{ratio:.1f}"))
            numbers[f"{name}, {load.name}, ratio"] = ratio
    fast, plain = (
        numbers[f"ours, {path.value}, curve and band, 72 steps, ratio"]
        for path in (Path.COMPILED, Path.NUMPY)
    )
    return Report(
        title="Smoothing: Whittaker with its posterior band",
        headings=("what", "CPU [µs] a series", "times as fast as scipy"),
        rows=tuple(rows),
        note=(
            f"{LOADS[0].series:,} series of {LOADS[0].steps} steps, and {LOADS[1].series:,} of "
            f"{LOADS[1].steps} days with a look possible every {LOADS[1].every}th; "
            f"{GAPS:.0%} of the looks missing. All curves agree within 1e-6, both paths of ours "
            f"bit by bit. Importing numba and compiling takes {cold:.1f} s of CPU once a machine, "
            f"importing it and loading what was compiled {warm:.1f} s once a process."
        ),
        figures=(
            Figure(
                "smoothing with posterior band, compiled / numpy",
                f"{fast:.0f} × / {plain:.0f} × scipy's solver",
                f"curve alone, whittaker-eilers "
                f"{numbers[f'{EILERS}, {LOADS[0].name}, ratio']:.1f} × scipy's",
            ),
        ),
        numbers=numbers,
    )


def _series(load: Load) -> tuple[Array, Array]:
    rng = np.random.default_rng(7)
    t = np.arange(load.steps) / load.steps
    middle, width = rng.uniform(0.3, 0.7, (2, load.series, 1)) * [[[1.0]], [[0.3]]]
    truth = 0.2 + 0.6 * np.exp(-(((t - middle) / width) ** 2))
    value = truth + rng.normal(0, 0.03, truth.shape)
    weight = (rng.random(truth.shape) >= GAPS).astype(float)
    weight[:, np.arange(load.steps) % load.every != 0] = 0.0
    weight[:, [0, load.steps // 2, -1]] = 1.0
    return value, weight


def _bands(load: Load) -> Array:
    """The penalty's three diagonals, laid out before the clock runs: (3, step)."""
    difference = np.diff(np.eye(load.steps), 2, axis=0)
    square = load.penalty * difference.T @ difference
    bands = np.zeros((3, load.steps))
    for k in range(3):
        bands[2 - k, k:] = np.diagonal(square, k)
    return bands


def _scipy(value: Array, weight: Array, penalty: Array) -> Array:
    """Only the banded matrix's diagonal changes from series to series."""
    some, steps = len(value) // PEER_PART, value.shape[1]
    bands = penalty.copy()
    main, right = bands[2].copy(), weight[:some] * value[:some]
    curves = np.empty((some, steps))
    for i in range(some):
        np.add(main, weight[i], out=bands[2])
        curves[i] = solveh_banded(bands, right[i], check_finite=False)
    return curves


def _eilers(value: Array, weight: Array, penalty: float) -> Array:
    some, steps = len(value) // PEER_PART, value.shape[1]
    smoother = WhittakerSmoother(lmbda=penalty, order=2, data_length=steps)
    curves = np.empty((some, steps))
    for i in range(some):
        smoother.update_weights(weight[i].tolist())
        curves[i] = smoother.smooth(value[i].tolist())
    return curves


def _curve(value: Array, weight: Array, penalty: float, path: Path) -> Array:
    return whittaker(value, weight, penalty, path)[0]


def _compile_s(effort: Effort, cache: str) -> float:
    """CPU time of a new process that imports numba and needs the smoother [s]."""
    environ = {"NUMBA_CACHE_DIR": str(effort.scratch / cache), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", COLD], capture_output=True, text=True, check=True, env=environ
    )
    return sum(float(word) for word in done.stdout.split())
