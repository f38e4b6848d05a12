"""How sure a measure is: the bootstrap's 95 % interval, on the same resamples for all models.

Efron & Tibshirani 1993, chapter 13. Loans are drawn again with their weights; the same
draws measure every model, so that the difference of two has an interval of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.units import PPM

RESAMPLES = 300
SHARE = 0.95

Row = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of what resamples gave [ppm]."""

    low_ppm: int
    high_ppm: int


@dataclass(frozen=True, slots=True)
class Resampled:
    """A model's AUC and KS on each resample, (resample) float64 [0–1]."""

    auc: Row
    ks: Row

    @property
    def auc_interval(self) -> Interval:
        """Where the AUC lies."""
        return interval(self.auc)

    @property
    def ks_interval(self) -> Interval:
        """Where the KS distance lies."""
        return interval(self.ks)


def interval(values: Row) -> Interval:
    """The middle 95 % of resampled values."""
    low, high = np.quantile(values, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return Interval(round(float(low) * PPM), round(float(high) * PPM))


def bootstrap(
    risks: Mapping[str, Sequence[float]],
    defaulted: Sequence[bool],
    weights: Sequence[float],
    seed: int,
    resamples: int = RESAMPLES,
    blocks: Sequence[str] = (),
) -> dict[str, Resampled]:
    """Each model's measures on the same resamples of the same loans.

    Parameters
    ----------
    risks
        A risk for every loan, by model; higher is riskier.
    blocks
        As :func:`drawn` takes them.
    """
    bad = np.asarray(defaulted, dtype=np.float64)
    mass = np.asarray(weights, dtype=np.float64)
    draws = drawn(defaulted, seed, resamples, blocks)
    return {
        name: _measured(np.asarray(risk, dtype=np.float64), bad, mass, draws)
        for name, risk in risks.items()
    }


def drawn(
    defaulted: Sequence[bool], seed: int, resamples: int = RESAMPLES, blocks: Sequence[str] = ()
) -> list[npt.NDArray[np.int64]]:
    """How often each loan is drawn in each resample, (loan) int64.

    Parameters
    ----------
    blocks
        What each loan shares its luck with, such as a season's weather: whole blocks are drawn,
        else loans. Empty, every loan is a block of its own.
    """
    rng = np.random.default_rng(seed)
    bad = np.asarray(defaulted, dtype=np.float64)
    _, member = np.unique(np.asarray(blocks), return_inverse=True)
    block = member if blocks else np.arange(len(bad))
    return [_draw(rng, bad, block) for _ in range(resamples)]


def _draw(rng: np.random.Generator, bad: Row, block: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """How often each loan is drawn; a draw without both outcomes is made again."""
    count = int(block.max()) + 1
    while True:
        times = np.bincount(rng.integers(0, count, count), minlength=count)[block]
        if 0 < float(times @ bad) < times.sum():
            return times


def _measured(risk: Row, bad: Row, mass: Row, draws: Sequence[npt.NDArray[np.int64]]) -> Resampled:
    order = np.argsort(risk, kind="stable")
    ordered = risk[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    bads, goods = (bad * mass)[order], ((1 - bad) * mass)[order]
    auc, ks = np.empty(len(draws)), np.empty(len(draws))
    for i, times in enumerate(draws):
        drawn = times[order]
        bad_at = np.add.reduceat(bads * drawn, starts)
        good_at = np.add.reduceat(goods * drawn, starts)
        below = np.cumsum(good_at)
        auc[i] = float(bad_at @ (below - good_at / 2)) / (below[-1] * bad_at.sum())
        apart = below / below[-1] - np.cumsum(bad_at) / bad_at.sum()
        ks[i] = max(float(apart.max()), 0.0)
    return Resampled(auc, ks)
