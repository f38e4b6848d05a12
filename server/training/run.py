"""One training run: from loans to a model, measured on seasons that it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.canonical import canonical_bytes
from core.scoring.points import PointsTable, score
from core.shape import encode
from core.units import MS_PER_DAY, PPM
from core.wire.modelfile import MODEL_BYTES_MAX, Model, TrainingSummary
from server.training.booster import fit_additive, fit_logistic, fit_trees
from server.training.catalogue import Catalogue, TrainingTableError
from server.training.cutoffs import calibrate, cut_off, promised, with_references
from server.training.measure import CalibrationBin, auc_ppm, calibration, ks_ppm, roc
from server.training.release import Release
from server.training.rounding import integer_table, points_of
from server.training.shapes import Additive
from server.training.split import Split, season_folds, split_by_season
from server.training.table import Loan, LoanTable

PAIRS_GAIN_PPM_MIN = 2_000  # surfaces stay only if they rank unseen seasons better by this
ROC_POINTS_MAX = 120


@dataclass(frozen=True, slots=True)
class Standing:
    """How one model ranks the held-out seasons."""

    name: str
    auc_ppm: int
    ks_ppm: int


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """A model with what its card shows."""

    model: Model
    model_bytes: int
    standings: tuple[Standing, ...]
    calibration: tuple[CalibrationBin, ...]
    roc: tuple[tuple[float, float], ...]
    fit_seasons: tuple[str, ...]
    test_seasons: tuple[str, ...]
    cut_off: int
    referred_ppm: int
    approved_ppm: int
    pairs_gain_ppm: int = 0
    unused_columns: tuple[str, ...] = ()


def train(
    table: LoanTable,
    catalogue: Catalogue,
    release: Release,
    *,
    simulated: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> TrainingReport:
    """Train, round, calibrate and measure.

    Parameters
    ----------
    progress
        Told the name of each step as it begins.

    Raises
    ------
    TrainingTableError
        If a column leaks, seasons are too few, or the model is too large to send.
    """
    terms = catalogue.training
    split = split_by_season(table, terms.test_share_ppm)
    refuse_leaks(split.fit, catalogue)
    progress("scoring each season by a model that has not seen it")
    log_odds, gain_ppm = _unseen_log_odds(split, catalogue, release.seed)
    with_pairs = gain_ppm >= PAIRS_GAIN_PPM_MIN
    progress("fitting the additive model")
    additive = fit_additive(
        split.fit, catalogue.feature, terms, release.seed, with_pairs=with_pairs
    )
    outcomes = [loan.defaulted for loan in split.fit]
    points = integer_table(additive, catalogue.feature, split.fit)
    unseen = [round(points_of(value)) for value in log_odds]
    points = calibrate(points, unseen, outcomes, terms)
    points = with_references(points, split.fit, terms.approve_pd_ppm_max)
    progress("measuring against the challengers")
    standings = _standings(split, catalogue, additive, points, release.seed)
    summary = _summary(table, split, standings[-1], simulated=simulated)
    model = Model(
        name=terms.name,
        version=release.version,
        table=points,
        features=catalogue.feature,
        training=summary,
        valid_from_ms=release.valid_from_ms,
        valid_to_ms=release.valid_from_ms + release.valid_days * MS_PER_DAY,
    )
    report = _report(model, split, standings, terms.approve_pd_ppm_max)
    return replace(report, pairs_gain_ppm=gain_ppm, unused_columns=table.unused_columns)


def refuse_leaks(loans: Sequence[Loan], catalogue: Catalogue) -> None:
    """Refuse a column that alone ranks too well to have been known beforehand.

    Raises
    ------
    TrainingTableError
        With the column and its discrimination.
    """
    for name in catalogue.names:
        known = [(loan.values[name], loan.defaulted) for loan in loans if name in loan.values]
        if len({bad for _, bad in known}) < 2:
            continue
        alone = auc_ppm([value for value, _ in known], [bad for _, bad in known])
        if max(alone, PPM - alone) > catalogue.training.leak_auc_ppm_max:
            raise TrainingTableError(
                f"{name} alone tells the outcome (AUC {max(alone, PPM - alone) / PPM:.3f}): it was "
                "written after the loan was given; take it out or list it under [leaks]"
            )


def _unseen_log_odds(split: Split, catalogue: Catalogue, seed: int) -> tuple[list[float], int]:
    """Log-odds of every fit loan by a model of other seasons; and what surfaces gain [ppm]."""
    mains, paired = [0.0] * len(split.fit), [0.0] * len(split.fit)
    for rows in season_folds(split.fit, split.fit_seasons):
        held = set(rows)
        others = [loan for i, loan in enumerate(split.fit) if i not in held]
        for found, with_pairs in ((mains, False), (paired, True)):
            model = fit_additive(
                others, catalogue.feature, catalogue.training, seed, with_pairs=with_pairs
            )
            for i in rows:
                found[i] = model.log_odds(split.fit[i].values)
    outcomes = [loan.defaulted for loan in split.fit]
    gain_ppm = auc_ppm(paired, outcomes) - auc_ppm(mains, outcomes)
    return (paired if gain_ppm >= PAIRS_GAIN_PPM_MIN else mains), gain_ppm


def _standings(
    split: Split, catalogue: Catalogue, additive: Additive, points: PointsTable, seed: int
) -> tuple[Standing, ...]:
    outcomes = [loan.defaulted for loan in split.test]
    logistic = fit_logistic(split.fit, catalogue.feature)
    trees = fit_trees(split.fit, catalogue.feature, seed)
    ranked = {
        "logistic regression": logistic(split.test),
        "monotone boosted trees": trees(split.test),
        "additive model, floats": [additive.log_odds(loan.values) for loan in split.test],
        "integer points": [-float(score(points, loan.values)) for loan in split.test],
    }
    return tuple(
        Standing(name, auc_ppm(risk, outcomes), ks_ppm(risk, outcomes))
        for name, risk in ranked.items()
    )


def _summary(
    table: LoanTable, split: Split, standing: Standing, *, simulated: bool
) -> TrainingSummary:
    outcomes = "SIMULATED outcomes" if simulated else "observed outcomes"
    return TrainingSummary(
        data_sha256=table.sha256,
        rows_count=len(table.loans),
        defaults_count=sum(loan.defaulted for loan in table.loans),
        auc_ppm=standing.auc_ppm,
        ks_ppm=standing.ks_ppm,
        simulated=simulated,
        described=(
            f"Trained on {len(split.fit)} loans of {split.fit_seasons[0]} to "
            f"{split.fit_seasons[-1]}, examined on {len(split.test)} loans of "
            f"{split.test_seasons[0]} to {split.test_seasons[-1]}; {outcomes}."
        ),
    )


def _report(
    model: Model,
    split: Split,
    standings: tuple[Standing, ...],
    approve_pd_ppm: int,
) -> TrainingReport:
    data = canonical_bytes(encode(model))
    if len(data) > MODEL_BYTES_MAX:
        raise TrainingTableError(
            f"expected a model of at most {MODEL_BYTES_MAX} bytes, got {len(data)}: "
            "lower bins_max or pairs_max in the catalogue"
        )
    outcomes = [loan.defaulted for loan in split.test]
    scores = [score(model.table, loan.values) for loan in split.test]
    cut = cut_off(model.table, approve_pd_ppm)
    curve = roc([-s for s in scores], outcomes)
    low, high = model.table.refer_low, model.table.refer_high
    return TrainingReport(
        model=model,
        model_bytes=len(data),
        standings=standings,
        calibration=tuple(calibration(promised(model.table, split.test), outcomes)),
        roc=(*curve[:: max(1, len(curve) // ROC_POINTS_MAX)], curve[-1]),
        fit_seasons=split.fit_seasons,
        test_seasons=split.test_seasons,
        cut_off=cut,
        referred_ppm=PPM * sum(low <= s < high for s in scores) // len(scores),
        approved_ppm=PPM * sum(s >= cut for s in scores) // len(scores),
    )
