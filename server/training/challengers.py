"""The door to scikit-learn: what the points table is measured against, fitted in the same run.

A logistic regression, the coarse scorecard that lenders know, and boosted trees. None of
them leaves the centre. scikit-learn is loaded on first use.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.scoring.features import FeatureDefinition
from server.training.matrix import RISK_SIGN, Matrix, inputs_of, outcomes_of, weights_of
from server.training.table import Loan

Ranker = Callable[[Sequence[Loan]], list[float]]
COARSE_BINS = 5
# Each setting of trees is a challenger of its own: the best of them is what is to be reached.
TREES = {
    "monotone boosted trees, small": {"max_iter": 200, "max_leaf_nodes": 8},
    "monotone boosted trees, large": {"max_iter": 500, "max_leaf_nodes": 31},
}
SMALL_TREES = next(iter(TREES))


def fit_logistic(
    loans: Sequence[Loan], features: Sequence[FeatureDefinition], *, within_season: bool = False
) -> Ranker:
    """A logistic regression on standardised values, medians where one is missing."""
    from sklearn.impute import SimpleImputer  # noqa: PLC0415 - heavy, and only for training
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    names = [definition.name for definition in features]
    model = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), _regression()
    )
    model.fit(
        inputs_of(loans, names), outcomes_of(loans),
        logisticregression__sample_weight=weights_of(loans, within_season=within_season),
    )  # fmt: skip
    return lambda some: [float(x) for x in model.decision_function(inputs_of(some, names))]


def fit_coarse_scorecard(
    loans: Sequence[Loan], features: Sequence[FeatureDefinition], *, within_season: bool = False
) -> Ranker:
    """The lender's classic: fifths of each feature as weights of evidence, then a regression."""
    names = [definition.name for definition in features]
    evidence = [_evidence(loans, name) for name in names]

    def encoded(some: Sequence[Loan]) -> Matrix:
        rows = [
            [of(loan.values.get(name)) for name, of in zip(names, evidence, strict=True)]
            for loan in some
        ]
        return np.asarray(rows, dtype=np.float64)

    model = _regression()
    model.fit(
        encoded(loans),
        outcomes_of(loans),
        sample_weight=weights_of(loans, within_season=within_season),
    )
    return lambda some: [float(x) for x in model.decision_function(encoded(some))]


def fit_trees(
    loans: Sequence[Loan],
    features: Sequence[FeatureDefinition],
    seed: int,
    setting: str = SMALL_TREES,
    *,
    within_season: bool = False,
    half_life_seasons: int = 0,
) -> Ranker:
    """Monotone boosted trees: the challenger that stays at the centre."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn

    names = [definition.name for definition in features]
    model = trees_machine(features, seed, setting)
    # One thread: on a busy machine the others would spend their time waiting for each other.
    with threadpool_limits(1):
        model.fit(
            inputs_of(loans, names),
            outcomes_of(loans),
            sample_weight=weights_of(
                loans, within_season=within_season, half_life_seasons=half_life_seasons
            ),
        )
    return lambda some: [float(x) for x in model.decision_function(inputs_of(some, names))]


def trees_machine(features: Sequence[FeatureDefinition], seed: int, setting: str) -> Any:
    """The trees before they are fitted."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - heavy

    return HistGradientBoostingClassifier(
        learning_rate=0.06,
        l2_regularization=1.0,
        early_stopping=True,
        monotonic_cst=[RISK_SIGN[definition.direction] for definition in features],
        random_state=seed,
        **TREES[setting],
    )


def _regression() -> Any:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - heavy

    return LogisticRegression(max_iter=500)


def _evidence(loans: Sequence[Loan], name: str) -> Callable[[int | None], float]:
    """Weight of evidence of a value's fifth: log-odds of default against the average."""
    known = sorted(loan.values[name] for loan in loans if name in loan.values)
    cuts = sorted({known[len(known) * i // COARSE_BINS] for i in range(1, COARSE_BINS) if known})
    bads, goods = [0.5] * (len(cuts) + 2), [0.5] * (len(cuts) + 2)
    for loan in loans:
        side = bads if loan.defaulted else goods
        side[_place(cuts, loan.values.get(name))] += loan.weight
    whole = math.log(sum(bads) / sum(goods))
    told = [math.log(b / g) - whole for b, g in zip(bads, goods, strict=True)]
    return lambda value: told[_place(cuts, value)]


def _place(cuts: Sequence[int], value: int | None) -> int:
    return 0 if value is None else 1 + bisect_right(cuts, value)
