"""The door to interpret-core: fit, and hand back plain shapes.

The model is an explainable boosting machine (Lou et al. 2013, doi:10.1145/2487575.2487579):
monotone shapes first, then a few surfaces on what they leave. The library is loaded
on first use, for a server that only scores never needs it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from core.scoring.features import FeatureDefinition
from server.training.catalogue import TrainingTerms
from server.training.matrix import RISK_SIGN, Matrix, inputs_of, outcomes_of, weights_of
from server.training.shapes import Additive, Shape, Surface
from server.training.table import Loan

_ROUNDS_MAX = 4000
_LEARNING_RATE = 0.05
_PAIR_LEARNING_RATE = 0.03


def fit_additive(
    loans: Sequence[Loan],
    features: Sequence[FeatureDefinition],
    terms: TrainingTerms,
    seed: int,
    *,
    with_pairs: bool,
) -> Additive:
    """Fit monotone shapes and, if asked, surfaces on what they leave.

    Parameters
    ----------
    seed
        Chooses the bags; the same loans and seed give the same model.
    """
    names = [definition.name for definition in features]
    inputs, outcome = inputs_of(loans, names), outcomes_of(loans)
    weights = weights_of(
        loans, within_season=terms.within_season, half_life_seasons=terms.half_life_seasons
    )
    mains = _machine(terms, seed, max_bins=terms.bins_max, learning_rate=_LEARNING_RATE)
    mains.set_params(
        feature_names=names,
        interactions=0,
        monotone_constraints=[RISK_SIGN[definition.direction] for definition in features],
    )
    _fit(mains, inputs, outcome, weights)
    shapes = tuple(_shape(mains, position, names) for position in range(len(names)))
    intercept = float(mains.intercept_[0])
    if not (with_pairs and terms.pairs_max):
        return Additive(intercept, shapes, ())
    pairs = _machine(terms, seed, max_bins=terms.pair_bins_max, learning_rate=_PAIR_LEARNING_RATE)
    pairs.set_params(feature_names=names, interactions=terms.pairs_max, exclude="mains")
    # interpret-core fits no surface on a monotone feature; directions are restored
    # on the sum when it is rounded.
    _fit(pairs, inputs, outcome, weights, mains.decision_function(inputs))
    surfaces = tuple(_surface(pairs, i, names) for i in range(len(pairs.term_features_)))
    return Additive(intercept + float(pairs.intercept_[0]), shapes, surfaces)


def _machine(terms: TrainingTerms, seed: int, max_bins: int, learning_rate: float) -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier  # noqa: PLC0415 - heavy

    return ExplainableBoostingClassifier(
        max_bins=max_bins,
        max_interaction_bins=max_bins,
        outer_bags=terms.outer_bags,
        learning_rate=learning_rate,
        max_rounds=_ROUNDS_MAX,
        early_stopping_rounds=50,
        smoothing_rounds=25,
        interaction_smoothing_rounds=25,
        min_samples_leaf=40,  # a bin that few loans fell into says little
        n_jobs=1,  # one process: the same bytes everywhere, and no start-up of workers
        random_state=seed,
    )


def _fit(machine: Any, inputs: Matrix, outcome: Any, weights: Any, before: Any = None) -> None:
    with warnings.catch_warnings():
        # It warns that its own plots cannot show missing values; ours do.
        warnings.filterwarnings("ignore", message="Missing values detected")
        machine.fit(inputs, outcome, sample_weight=weights, init_score=before)


def _integer_cuts(cuts: Sequence[float]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Cuts as integers, and which bins remain: one without an integer falls away."""
    whole = [math.ceil(cut) for cut in cuts]
    kept = [i for i in range(len(whole)) if i == len(whole) - 1 or whole[i] != whole[i + 1]]
    # The bin below a cut that repeats the one before it is empty for integers.
    bins = [0, *(i + 1 for i in kept)] if whole else [0]
    return tuple(whole[i] for i in kept), tuple(bins)


def _shape(machine: Any, position: int, names: Sequence[str]) -> Shape:
    scores = machine.term_scores_[position]
    cuts, bins = _integer_cuts(machine.bins_[position][0])
    return Shape(
        feature=names[position],
        cuts=cuts,
        log_odds=tuple(float(scores[1 + i]) for i in bins),
        missing=float(scores[0]),
    )


def _surface(machine: Any, term: int, names: Sequence[str]) -> Surface:
    first, second = machine.term_features_[term]
    scores = machine.term_scores_[term]
    first_cuts, rows = _integer_cuts(machine.bins_[first][-1])
    second_cuts, columns = _integer_cuts(machine.bins_[second][-1])
    kept_rows = [0, *(1 + i for i in rows)]
    kept_columns = [0, *(1 + i for i in columns)]
    return Surface(
        first=names[first],
        second=names[second],
        first_cuts=first_cuts,
        second_cuts=second_cuts,
        log_odds=tuple(tuple(float(scores[r][c]) for c in kept_columns) for r in kept_rows),
    )
