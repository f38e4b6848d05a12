"""What a plot without history may yield: its district's harvests, spread as plots spread.

yield = district's average × season × (1 + light step) × plot. The season and the plot are
independent factors of mean one, and their product is taken as a gamma: never negative,
skewed as measured yields are. Measured on crop cuts of 231 smallholder fields (maize and
sorghum, Karamoja 2017; docs/yield.md): plots vary by 0.56 of their district's mean, of
which villages 0.22; a gamma of that width covered 0.89 of plots in districts that it was
not measured in. A log-normal of that width covers as many and misses the low end.

The light step is light use × harvest index (``light``): the crop's light so far against
a normal crop's, the rest of the season taken as normal. It is not fitted; labels, where
there are some, only move the average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from satellite.yields.light import absorbed_share, sunlight
from satellite.yields.model import LEVELS, Normal, Prior

Array = NDArray[np.float64]

PLOT_SPREAD = 0.56
VILLAGE_SPREAD = 0.22
LIGHT_INDEX = "ndvi"  # the index that the share of light absorbed was measured against
LIGHT_STEP_MAX = 0.9


@dataclass(frozen=True, slots=True)
class Label:
    """One harvest that is known: season and yield [kg/ha]."""

    season_id: str
    yield_kg_per_ha: float


def district_prior(yields: Array, source: str, plot_spread: float = PLOT_SPREAD) -> Prior:
    """The prior of a district from its seasons' mean yields.

    Parameters
    ----------
    yields
        (season,) [kg/ha]; NaN where unknown, at least two known, of a mean above 0.
    plot_spread
        Standard deviation between a district's plots, as a share of their mean.

    Notes
    -----
    The season's spread is that of a season yet to come about an average that is itself
    unsure: s · √(1 + 1/n).
    """
    known = yields[np.isfinite(yields)]
    mean = float(known.mean())
    spread = float(known.std(ddof=1)) / mean * float(np.sqrt(1.0 + 1.0 / len(known)))
    return Prior(mean, spread, plot_spread, len(known), 0, None, source)


def with_labels(prior: Prior, labels: Sequence[Label], normal: Normal | None) -> Prior:
    """The prior moved by the harvests that are known of a village, and its crop's normal.

    Notes
    -----
    The village's average departs from the district's by ``VILLAGE_SPREAD``; its labels
    tell that with the error of their seasons and plots. The two are weighed by their
    variances, so that a handful of one season's plots moves little.
    """
    if not labels:
        return replace(prior, normal=normal)
    seasons = {label.season_id for label in labels}
    means = [
        np.mean([one.yield_kg_per_ha for one in labels if one.season_id == season])
        for season in sorted(seasons)
    ]
    ratio = float(np.mean(means)) / prior.mean_kg_per_ha
    unsure = prior.season_spread**2 / len(seasons) + prior.plot_spread**2 / len(labels)
    weight = VILLAGE_SPREAD**2 / (VILLAGE_SPREAD**2 + unsure)
    mean = prior.mean_kg_per_ha * (1.0 + weight * (ratio - 1.0))
    return replace(prior, mean_kg_per_ha=mean, labels=len(labels), normal=normal)


def light_step(normal: Normal, curve: Array, sown_day: int, latitude_degrees: float) -> float:
    """The share by which the light absorbed since sowing moves a whole season's.

    Parameters
    ----------
    curve
        NDVI by day since sowing, (day,); later days count as normal.
    sown_day
        Proleptic ordinal.
    """
    length = (len(normal.mean) - 1) * normal.step_days + 1
    if length < 2:
        return 0.0
    ages = np.arange(length, dtype=np.float64)
    usual = np.interp(ages, np.arange(len(normal.mean)) * normal.step_days, normal.mean)
    first = date.fromordinal(sown_day).timetuple().tm_yday
    light = sunlight(np.mod(first + ages - 1.0, 365.0) + 1.0, latitude_degrees)
    known = min(len(curve), length)
    gained = (absorbed_share(curve[:known]) - absorbed_share(usual[:known])) * light[:known]
    whole = float((absorbed_share(usual) * light).sum())
    if whole <= 0.0:
        return 0.0
    return float(np.clip(gained.sum() / whole, -LIGHT_STEP_MAX, LIGHT_STEP_MAX))


def prior_quantiles(prior: Prior, step: float) -> dict[str, float]:
    """Quantiles of a plot's yield [kg/ha], by name of level."""
    season, plot = prior.season_spread**2, prior.plot_spread**2
    shape = 1.0 / (season + plot + season * plot)
    mean = prior.mean_kg_per_ha * (1.0 + step)
    return {name: float(gammaincinv(shape, level) / shape * mean) for name, level in LEVELS.items()}
