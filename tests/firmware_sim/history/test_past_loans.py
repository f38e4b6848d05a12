from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from firmware_sim.district.village import build_district
from firmware_sim.history.loans import COLUMNS, FEATURES
from firmware_sim.history.past import LOANS_README, loans_csv, simulate_past

SEASONS = 8


@dataclass(frozen=True)
class Table:
    season: np.ndarray
    features: np.ndarray  # (loans, features), NaN where not known
    defaulted: np.ndarray
    text: str


@pytest.fixture(scope="module")
def table() -> Table:
    text = loans_csv(simulate_past(build_district(3), SEASONS, lambda: None).loans)
    rows = list(csv.DictReader(line for line in io.StringIO(text) if line[0] != "#"))
    cells = [[float(row[name] or "nan") for name in FEATURES] for row in rows]
    return Table(
        np.array([row["season_id"] for row in rows]),
        np.array(cells),
        np.array([int(row["defaulted"]) for row in rows]),
        text,
    )


def column(table: Table, name: str) -> np.ndarray:
    return table.features[:, FEATURES.index(name)]


def test_table_is_large_enough_and_says_that_it_is_simulated(table: Table) -> None:
    assert len(table.defaulted) >= 3_000
    assert len(set(table.season)) == SEASONS
    assert table.text.startswith("# simulated: yes\n" + ",".join(COLUMNS))
    assert 0.10 < table.defaulted.mean() < 0.25
    assert "SIMULATED" in LOANS_README
    assert all(name in LOANS_README for name in FEATURES)


def test_loans_separate_as_well_as_honest_data_does(table: Table) -> None:
    """Trained on earlier seasons, examined on the last two, as the server does."""
    known = np.isfinite(table.features)
    filled = np.where(known, table.features, np.nanmedian(table.features, axis=0))
    inputs = np.hstack([filled, ~known])
    later = np.isin(table.season, sorted(set(table.season))[-2:])
    model = make_pipeline(
        QuantileTransformer(n_quantiles=50), LogisticRegression(max_iter=1_000)
    ).fit(inputs[~later], table.defaulted[~later])
    auc = roc_auc_score(table.defaulted[later], model.predict_proba(inputs[later])[:, 1])
    assert 0.70 <= auc <= 0.82


@pytest.mark.parametrize(
    ("name", "riskier"),
    [
        ("past_late_days", True),
        ("other_debt_minor", True),
        ("cash_need_ratio_ppm", True),
        ("household_size_count", True),
        ("rain_deficit_ppm", True),
        ("ndvi_anomaly_ppm", False),
        ("past_seasons_repaid_count", False),
    ],
)
def test_feature_points_the_way_that_people_expect(table: Table, name: str, riskier: bool) -> None:
    values = column(table, name)
    known = np.isfinite(values)
    auc = roc_auc_score(table.defaulted[known], values[known])
    assert auc > 0.52 if riskier else auc < 0.48


def test_no_single_feature_gives_the_outcome_away(table: Table) -> None:
    for name in FEATURES:
        values = column(table, name)
        known = np.isfinite(values)
        auc = roc_auc_score(table.defaulted[known], values[known])
        assert max(auc, 1 - auc) < 0.75, name


def test_what_devices_and_clouds_hide_is_empty_not_zero(table: Table) -> None:
    empty = {name: float(np.isnan(column(table, name)).mean()) for name in FEATURES}
    assert 0.4 < empty["soil_stress_days"] < 0.7
    assert 0.1 < empty["ndvi_anomaly_ppm"] < 0.3
    assert 0.5 < empty["herd_heads_count"] < 0.95
    assert empty["past_late_days"] == empty["area_m2"] == 0


def test_same_seed_same_loans(table: Table) -> None:
    again = loans_csv(simulate_past(build_district(3), SEASONS, lambda: None).loans)
    assert again == table.text
