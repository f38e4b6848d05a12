"""One training run: from loans to a model, measured on seasons that it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from core.canonical import canonical_bytes
from core.shape import encode
from core.units import MS_PER_DAY, PPM
from core.wire.modelfile import MODEL_BYTES_MAX, Model, TrainingSummary
from server.training.booster import fit_additive
from server.training.catalogue import Catalogue, TrainingTableError
from server.training.cutoffs import calibrate, reference_of, with_references
from server.training.examine import Standing, TrainingReport, examine, ranked, standings_of
from server.training.matrix import weights_of
from server.training.measure import auc_ppm
from server.training.release import Release
from server.training.rounding import integer_table, points_of
from server.training.split import Split, season_folds, split_by_season
from server.training.table import Loan, LoanTable

KNOWN_SHARE_PPM_MIN = 20_000  # of the fitted loans
TABLE_BYTES_MAX = 8_000  # what a station walks and a microcontroller holds; words come on top
PAIRS_GAIN_PPM_MIN = 2_000  # surfaces stay only if they rank unseen seasons better by this


def train(
    table: LoanTable,
    catalogue: Catalogue,
    release: Release,
    *,
    simulated: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> TrainingReport:
    """Train, round, calibrate and measure; the report that a card is made of.

    As :func:`train_ranked`, without the risks.
    """
    return train_ranked(table, catalogue, release, simulated=simulated, progress=progress)[0]


def train_ranked(
    table: LoanTable,
    catalogue: Catalogue,
    release: Release,
    *,
    simulated: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[TrainingReport, dict[str, list[float]]]:
    """Train, round, calibrate and measure; with the risk that each model gives a loan held out.

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
    split = split_by_season(table, terms)
    require_known(split.fit, catalogue)
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
    points = calibrate(points, unseen, outcomes, terms, [loan.weight for loan in split.fit])
    points = with_references(points, split.fit, terms.approve_pd_ppm_max)
    progress("measuring against the challengers")
    risks = ranked(split, catalogue, additive, points, release.seed)
    standings = standings_of(risks, split.test)
    summary = _summary(table, split, standings[-1], simulated=simulated)
    model = Model(
        name=terms.name,
        version=release.version,
        table=points,
        features=catalogue.feature,
        training=summary,
        valid_from_ms=release.valid_from_ms,
        valid_to_ms=release.valid_from_ms + release.valid_days * MS_PER_DAY,
        reference=reference_of(points, split.fit),
    )
    require_small(model)
    progress("examining it season by season and group by group")
    report = examine(model, split, unseen, standings, catalogue)
    report = replace(report, pairs_gain_ppm=gain_ppm, unused_columns=table.unused_columns)
    return report, risks


def require_known(loans: Sequence[Loan], catalogue: Catalogue) -> None:
    """Refuse a column that hardly any fitted loan has: nothing can be learnt of it.

    Raises
    ------
    TrainingTableError
        With the columns.
    """
    thin = [f"{name} ({count} loans)" for name, count in thinly_known(loans, catalogue).items()]
    if thin:
        raise TrainingTableError(
            f"expected columns that at least {KNOWN_SHARE_PPM_MIN / PPM:.0%} of the fitted loans "
            f"have, got {', '.join(thin)}: it was not collected in those seasons; take it out"
        )


def thinly_known(loans: Sequence[Loan], catalogue: Catalogue) -> dict[str, int]:
    """The features that too few of the loans have, with how many do."""
    counts = {name: sum(name in loan.values for loan in loans) for name in catalogue.names}
    return {n: c for n, c in counts.items() if c * PPM < KNOWN_SHARE_PPM_MIN * len(loans)}


def refuse_leaks(loans: Sequence[Loan], catalogue: Catalogue) -> None:
    """Refuse a column that alone ranks too well to have been known beforehand.

    Raises
    ------
    TrainingTableError
        With the column and its discrimination.
    """
    for name in catalogue.names:
        known = [loan for loan in loans if name in loan.values]
        if len({loan.defaulted for loan in known}) < 2:
            continue
        alone = auc_ppm(
            [loan.values[name] for loan in known],
            [loan.defaulted for loan in known],
            [loan.weight for loan in known],
        )
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
    outcomes, half_life = [x.defaulted for x in split.fit], catalogue.training.half_life_seasons
    # What counts most in the fit counts most in its judgement.
    told = weights_of(split.fit, within_season=False, half_life_seasons=half_life)
    weights = None if told is None else [float(weight) for weight in told]
    gain_ppm = auc_ppm(paired, outcomes, weights) - auc_ppm(mains, outcomes, weights)
    return (paired if gain_ppm >= PAIRS_GAIN_PPM_MIN else mains), gain_ppm


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


def require_small(model: Model) -> None:
    """Return if a model's table can be held anywhere, and the whole of it be sent.

    Raises
    ------
    TrainingTableError
        With which of the two is too large.
    """
    bounds = (("table", model.table, TABLE_BYTES_MAX), ("model", model, MODEL_BYTES_MAX))
    for name, what, bytes_max in bounds:
        data = canonical_bytes(encode(what))
        if len(data) > bytes_max:
            raise TrainingTableError(
                f"expected a {name} of at most {bytes_max} bytes, got {len(data)}: "
                "lower bins_max, pairs_max or pair_bins_max in the catalogue"
            )
