"""The smoother's two paths, beside scipy's solver and each other; without numba too."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.linalg import solveh_banded

from satellite.series import LAMBDA, Path, whittaker, whittaker_mean
from satellite.series.whittaker import COMPILED_CELLS_MIN
from tests.support.requirements import oracle
from tests.support.tree import REPOSITORY

SHAPES = [(1, 3), (1, 4), (17, 5), (33, 72), (40, 365), (2_050, 72)]
WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None  # as if it were not installed
import numpy as np
from satellite.series import Path, whittaker, whittaker_mean
value, weight = np.ones((4, 30)), np.ones((4, 30))
assert np.allclose(whittaker_mean(value, weight, 10.0), 1.0)
assert whittaker(value, weight, 10.0)[1].min() > 0
try:
    whittaker(value, weight, 10.0, Path.COMPILED)
except ModuleNotFoundError as error:
    assert "satellite-fast" in str(error)
    print("refused")
"""
NOT_IMPORTED = """
import sys
import numpy as np
from satellite.series import whittaker
whittaker(np.ones((500, 200)), np.ones((500, 200)), 10.0)
print("numba" in sys.modules)
"""


def _looks(series: int, days: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([series, days])
    value = rng.normal(0.5, 0.2, (series, days))
    weight = np.where(rng.random((series, days)) < 0.5, rng.random((series, days)), 0.0)
    weight[:, [0, days // 2, days - 1]] = 1.0
    return value, weight


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("penalty", [1.0, LAMBDA])
def test_both_paths_agree_within_1e_9_and_with_scipy(
    shape: tuple[int, int], penalty: float
) -> None:
    oracle("numba")
    value, weight = _looks(*shape)
    plain, fast = (whittaker(value, weight, penalty, p) for p in (Path.NUMPY, Path.COMPILED))
    for ours, compiled in zip(plain, fast, strict=True):
        assert np.abs(ours - compiled).max() <= 1e-9
    for path in (Path.NUMPY, Path.COMPILED):
        assert (whittaker_mean(value, weight, penalty, path) == plain[0]).all()
    difference = np.diff(np.eye(shape[1]), 2, axis=0)
    square = penalty * difference.T @ difference
    bands = np.zeros((3, shape[1]))
    for k in range(3):
        bands[2 - k, k:] = np.diagonal(square, k)
    for row in range(0, shape[0], 97):
        whole = bands.copy()
        whole[2] += weight[row]
        assert plain[0][row] == pytest.approx(solveh_banded(whole, weight[row] * value[row]))


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_without_numba_numpy_does_the_same_and_the_compiled_path_is_refused_by_name() -> None:
    assert _python(WITHOUT_NUMBA) == "refused"


def test_numba_is_not_even_imported_where_it_would_not_pay() -> None:
    assert COMPILED_CELLS_MIN > 500 * 200
    assert _python(NOT_IMPORTED) == "False"
