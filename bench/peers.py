"""Known credit sets: our peers beside the published references, and the points table beside both.

``data/peer_credit``: German credit and Taiwan's card clients, five stratified folds. The
plain logistic regression and the histogram boosting must come out where the reference file
has them, or our measuring is wrong; the points table is fitted on the same folds, with text
columns as codes in the order of their names and no direction.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.public_loans import LACKING, data_folder
from bench.report import Effort, Figure, Report
from core.canonical import canonical_bytes
from core.scoring.features import INT32_MAX, Direction, FeatureDefinition, Source
from core.scoring.points import score
from core.shape import encode
from core.units import PPM
from server.training.booster import fit_additive
from server.training.catalogue import TrainingTerms
from server.training.measure import auc_ppm, ks_ppm
from server.training.rounding import integer_table
from server.training.table import Loan

SETS = ("german", "taiwan")
FOLDS, SEED = 5, 0
TERMS = TrainingTerms("peer", 24, 8, 4, 200_000, 300_000, 250_000, 950_000)
# A column of who somebody is may not be a feature; what leaving it out costs is shown.
PROTECTED = ("personal_status_and_sex", "age_in_years", "foreign_worker", "SEX", "AGE", "MARRIAGE")
LOGIT, BOOSTED, POINTS = "logistic regression", "histogram boosting", "integer points"
KEPT = "integer points, without who somebody is"


def measure(effort: Effort) -> Report:  # noqa: ARG001 - every bench is told how hard to try
    """Cross-validate on both sets."""
    data = data_folder()
    if data is None:
        return Report("Known credit sets", ("not measured",), ((LACKING,),))
    reference = references(data)
    rows, numbers = [], {}
    for name in SETS:
        found, size = measured(data, name)
        for model, (auc, ks) in found.items():
            known = reference[name].get(model, "")
            rows.append((name, model, f"{auc / PPM:.4f}", f"{ks / PPM:.3f}", known))
            numbers[f"{name}_{model.replace(' ', '_')}_auc_ppm"] = float(auc)
        rows.append((name, f"largest points table: {size:,} bytes", "", "", ""))
    worst = max(
        abs(numbers[f"{name}_{model.replace(' ', '_')}_auc_ppm"] / PPM - float(known))
        for name in SETS
        for model, known in reference[name].items()
    )
    return Report(
        title="Known credit sets, five folds",
        headings=("set", "model", "AUC", "KS", "reference AUC"),
        rows=tuple(rows),
        note=f"The references are met within {worst:.4f}; folds and encoding are not published.",
        figures=(Figure("published AUCs of peers, met within", f"{worst:.4f}", "German, Taiwan"),),
        numbers=numbers,
    )


def references(data: Path) -> dict[str, dict[str, str]]:
    """The published AUCs of both peers, by set."""
    with (data / "peer_credit" / "reference_auc.csv").open(encoding="utf-8") as file:
        return {
            row["set"]: {LOGIT: row["auc_logit_5cv"], BOOSTED: row["auc_hgb_5cv"]}
            for row in csv.DictReader(file)
        }


def measured(data: Path, name: str) -> tuple[dict[str, tuple[int, int]], int]:
    """AUC and KS [ppm] of each model over all folds, and the largest points table [bytes]."""
    names, columns, outcome = _read(data / "peer_credit" / f"{name}.csv.gz")
    wide, codes = _wide(columns), _codes(columns)
    kept = [i for i, each in enumerate(names) if each not in PROTECTED]
    sizes: list[int] = []
    fits: dict[str, Callable[[Any, Any], list[float]]] = {
        LOGIT: lambda a, b: _fitted(_logit(), wide, outcome, a, b),
        BOOSTED: lambda a, b: _fitted(
            HistGradientBoostingClassifier(random_state=SEED), codes, outcome, a, b
        ),
        POINTS: lambda a, b: _by_points(codes, names, outcome, (a, b), sizes),
        KEPT: lambda a, b: _by_points(
            codes[:, kept], [names[i] for i in kept], outcome, (a, b), sizes
        ),
    }
    bad = [bool(each) for each in outcome]
    found = {}
    for model, fit in fits.items():
        aucs, kss = [], []
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(codes, outcome)
        for train, test in folds:
            risk, truth = fit(train, test), [bad[i] for i in test]
            aucs.append(auc_ppm(risk, truth))
            kss.append(ks_ppm(risk, truth))
        found[model] = (round(sum(aucs) / FOLDS), round(sum(kss) / FOLDS))
    return found, max(sizes)


def _read(path: Path) -> tuple[list[str], list[list[str]], Any]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    columns = [list(column) for column in zip(*rows, strict=True)]
    return header[:-1], columns[:-1], np.asarray(columns[-1], dtype=int)


def _numbers(column: Sequence[str]) -> list[int] | None:
    try:
        return [round(float(cell)) for cell in column]
    except ValueError:
        return None


def _codes(columns: Sequence[Sequence[str]]) -> Any:
    """(loan, feature): numbers as they are, texts as places in the order of their names."""
    found = []
    for column in columns:
        places = {name: i for i, name in enumerate(sorted(set(column)))}
        found.append(_numbers(column) or [places[cell] for cell in column])
    return np.asarray(found, dtype=float).T


def _wide(columns: Sequence[Sequence[str]]) -> Any:
    """(loan, column): numbers as they are, a column of 0 and 1 for each text."""
    found: list[list[int]] = []
    for column in columns:
        numbers = _numbers(column)
        texts = sorted(set(column))[1:] if numbers is None else []
        found += (
            [numbers] if numbers else [[int(cell == text) for cell in column] for text in texts]
        )
    return np.asarray(found, dtype=float).T


def _logit() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


def _fitted(model: Any, inputs: Any, outcome: Any, train: Any, test: Any) -> list[float]:
    model.fit(inputs[train], outcome[train])
    return [float(x) for x in model.decision_function(inputs[test])]


def _by_points(
    codes: Any, names: Sequence[str], outcome: Any, folds: tuple[Any, Any], sizes: list[int]
) -> list[float]:
    features = tuple(
        FeatureDefinition(
            name, "as published", -INT32_MAX, INT32_MAX, Direction.FREE, Source.FARMER, "", 2, name
        )
        for name in names
    )
    loans = [
        [
            Loan("all", bool(outcome[i]), dict(zip(names, map(int, codes[i]), strict=True)))
            for i in side
        ]
        for side in folds
    ]
    additive = fit_additive(loans[0], features, TERMS, SEED, with_pairs=True)
    table = integer_table(additive, features, loans[0])
    sizes.append(len(canonical_bytes(encode(table))))
    return [-float(score(table, loan.values)) for loan in loans[1]]
