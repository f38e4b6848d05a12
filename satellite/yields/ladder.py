"""The ladder of yield models, and the one door to scikit-learn in this room.

average → plot average (shrunk) → ridge on the season's features (shrunk), which
moves the rung below by a share: half a crop is lost on good soil as on poor. A rung
is admitted at a checkpoint only where its leave-season-out error is below that of
the rung under it: few features, shrunk, win at field level, and nothing that does
not beat the average may price a loan (notes: Yield).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from satellite.yields.model import RidgeRung, base_of

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

PENALTIES = (1.0, 10.0, 100.0, 1000.0)
PLOT_SEASONS_MIN = 2  # a plot's own average needs as many seasons


@dataclass(frozen=True, slots=True)
class Table:
    """Harvests as arrays, all (row,): yield [kg/ha], season, plot.

    ``features`` is (row, feature), NaN rows where the curve had too few looks.
    """

    yield_kg_per_ha: Array
    season: Labels
    plot: Labels
    features: Array

    @property
    def seen(self) -> NDArray[np.bool_]:
        """The rows whose features are known: (row,) bool."""
        return np.asarray(np.isfinite(self.features).all(axis=1), dtype=np.bool_)

    def only(self, rows: NDArray[np.bool_]) -> Table:
        """Some of the rows."""
        return Table(
            self.yield_kg_per_ha[rows], self.season[rows], self.plot[rows], self.features[rows]
        )


def plot_effects(table: Table) -> dict[int, float]:
    """Each plot's deviation from its seasons' means, shrunk towards none [kg/ha].

    The shrinkage is n / (n + κ), κ the variance within plots over that between
    them (the best linear unbiased prediction of a random effect).
    """
    deviation = table.yield_kg_per_ha - _season_means(table)
    plots = np.unique(table.plot)
    own = {int(p): deviation[table.plot == p] for p in plots}
    repeated = [values for values in own.values() if len(values) >= PLOT_SEASONS_MIN]
    if len(repeated) < PLOT_SEASONS_MIN:
        return {}
    within = float(np.mean([np.var(values, ddof=1) for values in repeated]))
    means = np.array([values.mean() for values in repeated])
    seasons = float(np.mean([len(values) for values in repeated]))
    between = float(np.var(means, ddof=1)) - within / seasons
    if between <= 0.0:
        return {}
    kappa = within / between
    return {
        plot: float(values.mean() * len(values) / (len(values) + kappa))
        for plot, values in own.items()
        if len(values) >= PLOT_SEASONS_MIN
    }


def base_predictions(train: Table, test: Table, *, with_plots: bool) -> Array:
    """What the average, or the plot's average, says of rows that were not trained on."""
    average = _average(train)
    effects = plot_effects(train) if with_plots else {}
    return base_of(average, np.array([effects.get(int(p), 0.0) for p in test.plot]))


def relative_ridge(table: Table, *, with_plots: bool) -> RidgeRung:
    """The ridge on a table's seen rows, of their yields as shares of the rung below."""
    known = table.only(table.seen)
    base = base_predictions(table, known, with_plots=with_plots)
    return fit_ridge(known.features, known.yield_kg_per_ha / base - 1.0, known.season)


def fit_ridge(features: Array, target: Array, season: Labels) -> RidgeRung:
    """A ridge on standardised features, its penalty chosen by leaving seasons out."""
    mean, sd = features.mean(axis=0), features.std(axis=0)
    sd = np.where(sd > 1e-9, sd, 1.0)
    scaled = (features - mean) / sd
    penalty = _best_penalty(scaled, target, season)
    model = Ridge(alpha=penalty).fit(scaled, target)
    return RidgeRung(
        mean=tuple(float(v) for v in mean),
        scale=tuple(float(v) for v in sd),
        weights=tuple(float(v) for v in model.coef_),
        intercept=float(model.intercept_),
        penalty=penalty,
    )


def beats(table: Table, upper: Array, lower: Array) -> bool:
    """Whether a rung's left-out errors are smaller, over all and in most seasons.

    One lucky season must not admit a rung that loses in the others.
    """
    better = (table.yield_kg_per_ha - lower) ** 2 - (table.yield_kg_per_ha - upper) ** 2
    seasons = [better[table.season == s].mean() > 0 for s in np.unique(table.season)]
    return bool(better.mean() > 0 and 2 * sum(seasons) > len(seasons))


def left_out_predictions(table: Table, *, with_plots: bool, with_ridge: bool) -> Array:
    """Each row as predicted from the other seasons alone: (row,) [kg/ha]."""
    predicted = np.full(len(table.yield_kg_per_ha), np.nan)
    for season in np.unique(table.season):
        rows = table.season == season
        train, test = table.only(~rows), table.only(rows)
        base = base_predictions(train, test, with_plots=with_plots)
        if with_ridge:
            base = base * (1.0 + _ridge_steps(train, test, with_plots=with_plots))
        predicted[rows] = np.maximum(base, 0.0)
    return predicted


def _ridge_steps(train: Table, test: Table, *, with_plots: bool) -> Array:
    steps, seen = np.zeros(len(test.season)), test.seen
    if len(np.unique(train.season[train.seen])) < 2:
        return steps
    steps[seen] = relative_ridge(train, with_plots=with_plots).steps(test.features[seen])
    return steps


def _best_penalty(scaled: Array, target: Array, season: Labels) -> float:
    seasons = np.unique(season)
    if len(seasons) < 2:
        return PENALTIES[-1]
    errors = sum(_left_out_squares(scaled, target, season == s) for s in seasons)
    return PENALTIES[int(np.argmin(errors))]


def _left_out_squares(scaled: Array, target: Array, out: NDArray[np.bool_]) -> Array:
    """Squared error on the rows left out, for each penalty: (penalty,).

    The same algebra as ``Ridge``, solved for all penalties at once: this search is
    nested inside another one and would take most of a calibration.
    """
    centre, level = scaled[~out].mean(axis=0), target[~out].mean()
    x, y = scaled[~out] - centre, target[~out] - level
    gram = x.T @ x + np.array(PENALTIES)[:, None, None] * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, np.broadcast_to((x.T @ y)[:, None], (*gram.shape[:2], 1)))
    predicted = level + (scaled[out] - centre) @ weights[:, :, 0].T
    result: Array = np.sum((target[out][:, None] - predicted) ** 2, axis=0)
    return result


def _average(table: Table) -> float:
    # The mean of seasons, not of rows: a season with many plots is still one season.
    return float(
        np.mean([table.yield_kg_per_ha[table.season == s].mean() for s in np.unique(table.season)])
    )


def _season_means(table: Table) -> Array:
    means = {s: table.yield_kg_per_ha[table.season == s].mean() for s in np.unique(table.season)}
    return np.array([means[s] for s in table.season])
