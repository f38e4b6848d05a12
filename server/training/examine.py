"""What a trained model is worth: beside its challengers, season by season, group by group."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.canonical import canonical_bytes
from core.scoring.drift import Alarm, alarm, psi_ppm, score_edges
from core.scoring.points import PointsTable, pd_ppm, score
from core.shape import encode
from core.wire.modelfile import Model
from server.training.catalogue import Catalogue
from server.training.challengers import TREES, fit_coarse_scorecard, fit_logistic, fit_trees
from server.training.cutoffs import cut_off, promised
from server.training.fairness import FairnessTable, examine_fairness
from server.training.intervals import Interval, bootstrap
from server.training.measure import CalibrationBin, auc_ppm, calibration, ks_ppm, rate_ppm, roc
from server.training.shapes import Additive
from server.training.split import Split
from server.training.table import Loan

ROC_POINTS_MAX = 120
RESAMPLES_SEED = 20_261_122
SEASON_DEFAULTS_MIN = 10  # of either outcome; fewer give no AUC worth showing
SCORE_BAR_POINTS = 20
FLOATS, POINTS = "additive model, floats", "integer points"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one model ranks the held-out seasons, with the bootstrap's 95 % intervals."""

    name: str
    auc_ppm: int
    ks_ppm: int
    auc_interval: Interval
    ks_interval: Interval


@dataclass(frozen=True, slots=True)
class SeasonRow:
    """One season under the model: what it promised and what came, and whether it still ranks.

    ``fitted`` seasons are scored by models of other seasons. ``auc_ppm`` is None where an
    outcome is too rare; ``psi_ppm`` compares its scores with all that were fitted on.
    """

    season: str
    fitted: bool
    loans_count: int
    promised_ppm: int
    observed_ppm: int
    auc_ppm: int | None
    psi_ppm: int

    @property
    def alarm(self) -> Alarm:
        """What the change of its scores asks for."""
        return alarm(self.psi_ppm)


@dataclass(frozen=True, slots=True)
class ScoreBar:
    """Held-out loans with scores from ``start`` on, of both outcomes [loans they stand for]."""

    start: int
    repaid: float
    defaulted: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """A model with what its card shows."""

    model: Model
    model_bytes: int
    standings: tuple[Standing, ...]
    calibration: tuple[CalibrationBin, ...]
    roc: tuple[tuple[float, float], ...]
    bars: tuple[ScoreBar, ...]
    seasons: tuple[SeasonRow, ...]
    fairness: tuple[FairnessTable, ...]
    fit_seasons: tuple[str, ...]
    test_seasons: tuple[str, ...]
    cut_off: int
    referred_ppm: int
    approved_ppm: int
    pairs_gain_ppm: int = 0
    unused_columns: tuple[str, ...] = ()


def ranked(
    split: Split, catalogue: Catalogue, additive: Additive, points: PointsTable, seed: int
) -> dict[str, list[float]]:
    """The risk that every model gives each held-out loan; stations' own is the last."""
    features, within = catalogue.feature, catalogue.training.within_season
    logistic = fit_logistic(split.fit, features, within_season=within)
    coarse = fit_coarse_scorecard(split.fit, features, within_season=within)
    found = {
        "logistic regression": logistic(split.test),
        "coarse WoE scorecard": coarse(split.test),
    }
    for name in TREES:
        trees = fit_trees(split.fit, features, seed, name, within_season=within)
        found[name] = trees(split.test)
    found[FLOATS] = [additive.log_odds(loan.values) for loan in split.test]
    found[POINTS] = [-float(score(points, loan.values)) for loan in split.test]
    return found


def standings_of(
    risks: Mapping[str, Sequence[float]], loans: Sequence[Loan]
) -> tuple[Standing, ...]:
    """How each model ranks the same loans."""
    outcomes, weights = [x.defaulted for x in loans], [x.weight for x in loans]
    resampled = bootstrap(risks, outcomes, weights, RESAMPLES_SEED)
    return tuple(
        Standing(
            name,
            auc_ppm(risk, outcomes, weights),
            ks_ppm(risk, outcomes, weights),
            resampled[name].auc_interval,
            resampled[name].ks_interval,
        )
        for name, risk in risks.items()
    )


def examine(
    model: Model,
    split: Split,
    unseen_scores: Sequence[int],
    standings: tuple[Standing, ...],
    catalogue: Catalogue,
) -> TrainingReport:
    """The report of a model on the seasons that were held out.

    Parameters
    ----------
    unseen_scores
        Of the fitted loans, by models that had not seen them.
    """
    table, test = model.table, split.test
    outcomes, weights = [x.defaulted for x in test], [x.weight for x in test]
    scores = [score(table, loan.values) for loan in test]
    cut = cut_off(table, catalogue.training.approve_pd_ppm_max)
    curve = roc([-s for s in scores], outcomes, weights)
    approved = [s >= cut for s in scores]
    return TrainingReport(
        model=model,
        model_bytes=len(canonical_bytes(encode(model))),
        standings=standings,
        calibration=tuple(calibration(promised(table, test), outcomes, weights)),
        roc=(*curve[:: max(1, len(curve) // ROC_POINTS_MAX)], curve[-1]),
        bars=_bars(scores, test),
        seasons=_seasons(table, split, unseen_scores, scores),
        fairness=examine_fairness(test, approved, catalogue.audit),
        fit_seasons=split.fit_seasons,
        test_seasons=split.test_seasons,
        cut_off=cut,
        referred_ppm=_share([table.refer_low <= s < table.refer_high for s in scores], weights),
        approved_ppm=_share(approved, weights),
    )


def _share(chosen: Sequence[bool], weights: Sequence[float]) -> int:
    return rate_ppm(list(zip(chosen, weights, strict=True)))


def _bars(scores: Sequence[int], loans: Sequence[Loan]) -> tuple[ScoreBar, ...]:
    low, high = min(scores) // SCORE_BAR_POINTS, max(scores) // SCORE_BAR_POINTS
    counts = [[0.0, 0.0] for _ in range(high - low + 1)]
    for points, loan in zip(scores, loans, strict=True):
        counts[points // SCORE_BAR_POINTS - low][loan.defaulted] += loan.weight
    return tuple(
        ScoreBar((low + i) * SCORE_BAR_POINTS, repaid, defaulted)
        for i, (repaid, defaulted) in enumerate(counts)
    )


def _seasons(
    table: PointsTable, split: Split, unseen: Sequence[int], scores: Sequence[int]
) -> tuple[SeasonRow, ...]:
    """A row for every season, those fitted on first."""
    edges = score_edges(table)
    then = _binned(edges, unseen, split.fit)
    found = []
    for fitted, loans, points in ((True, split.fit, unseen), (False, split.test, scores)):
        by_season: dict[str, list[tuple[Loan, int]]] = {}
        for loan, its in zip(loans, points, strict=True):
            by_season.setdefault(loan.season, []).append((loan, its))
        for season in sorted(by_season):
            rows = by_season[season]
            its_scores, its_loans = [s for _, s in rows], [loan for loan, _ in rows]
            psi = psi_ppm(then, _binned(edges, its_scores, its_loans))
            found.append(season_row(table, season, its_loans, its_scores, psi, fitted=fitted))
    return tuple(found)


def season_row(
    table: PointsTable,
    season: str,
    loans: Sequence[Loan],
    scores: Sequence[int],
    psi: int,
    *,
    fitted: bool,
) -> SeasonRow:
    """A season's row from its loans and their scores."""
    outcomes, weights = [x.defaulted for x in loans], [x.weight for x in loans]
    bads = sum(outcomes)
    tells = min(bads, len(outcomes) - bads) >= SEASON_DEFAULTS_MIN
    told = sum(pd_ppm(table, s) * w for s, w in zip(scores, weights, strict=True))
    return SeasonRow(
        season=season,
        fitted=fitted,
        loans_count=len(loans),
        promised_ppm=round(told / sum(weights)),
        observed_ppm=_share(outcomes, weights),
        auc_ppm=auc_ppm([-s for s in scores], outcomes, weights) if tells else None,
        psi_ppm=psi,
    )


def _binned(edges: Sequence[int], scores: Sequence[int], loans: Sequence[Loan]) -> list[float]:
    """The loans in each bin of the score, in rows of their mean weight."""
    counts = [0.0] * (len(edges) + 1)
    each = sum(loan.weight for loan in loans) / len(loans)
    for points, loan in zip(scores, loans, strict=True):
        counts[bisect_right(edges, points)] += loan.weight / each
    return counts
