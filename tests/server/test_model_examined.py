"""What a card shows of a model: weights, groups, seasons, intervals, and the same bytes again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pypdf import PdfReader

from core.canonical import canonical_bytes, sha256_hex
from core.errors import ShapeError
from core.scoring.drift import Alarm
from core.shape import encode
from server.training.card import model_card, model_sheet
from server.training.catalogue import (
    AUDIT_PURPOSE,
    AuditColumn,
    Catalogue,
    TrainingTableError,
    check_catalogue,
    read_catalogue,
)
from server.training.command import CATALOGUE
from server.training.cutoffs import refer_band
from server.training.examine import POINTS, TrainingReport
from server.training.fairness import examine_fairness
from server.training.intervals import bootstrap
from server.training.matrix import weights_of
from server.training.measure import auc_ppm, calibration, ks_ppm
from server.training.release import Release
from server.training.run import require_known, train
from server.training.split import split_by_season
from server.training.table import Loan, LoanTable, read_table
from tests.support.loans import SEASONS, write_loans


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(CATALOGUE)


@pytest.fixture(scope="module")
def loans(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> LoanTable:
    path = write_loans(tmp_path_factory.mktemp("loans") / "loans.csv", 100)
    return read_table(path, catalogue)


@pytest.fixture(scope="module")
def report(loans: LoanTable, catalogue: Catalogue) -> TrainingReport:
    return train(loans, catalogue, Release(1, 0, 365, seed=1), simulated=True)


def loan(defaulted: bool, weight: float = 1.0, season: str = "1", **groups: str) -> Loan:
    return Loan(season, defaulted, {}, weight, groups)


def test_a_weight_of_two_is_the_loan_twice():
    risk, bad = [1.0, 2.0, 2.0, 3.0], [False, True, False, True]
    twice = ([1.0, 1.0, 2.0, 2.0, 3.0], [False, False, True, False, True])
    weights = [2.0, 1.0, 1.0, 1.0]
    assert auc_ppm(risk, bad, weights) == auc_ppm(*twice)
    assert ks_ppm(risk, bad, weights) == ks_ppm(*twice)
    scores = [10, 20, 30, 40]
    doubled = refer_band([10, 10, 20, 20, 30, 30, 40, 40], [False] * 4 + [True] * 4, 300_000)
    assert refer_band(scores, [False, False, True, True], 300_000, [1.0] * 4)[0] == doubled[0]
    assert calibration([5, 5], [True, False], [3.0, 1.0])[0].observed_ppm == 750_000


def test_levelled_years_have_equal_odds():
    some = [loan(i < 3, season="good") for i in range(30)]
    some += [loan(i < 15, season="bad") for i in range(30)]
    weights = weights_of(some, within_season=True)
    assert weights is not None
    odds = []
    for season in ("good", "bad"):
        rows = [(x.defaulted, w) for x, w in zip(some, weights, strict=True) if x.season == season]
        odds.append(sum(w for bad, w in rows if bad) / sum(w for bad, w in rows if not bad))
    assert odds[0] == pytest.approx(odds[1], rel=0.15)  # smoothed by half a loan of either
    assert weights_of(some, within_season=False) is None


def test_a_loan_of_a_half_life_ago_weighs_half():
    some = [loan(False, season=f"20{year:02}") for year in range(7)]
    weights = weights_of(some, within_season=False, half_life_seasons=3)
    assert weights is not None
    assert weights[3] / weights[6] == pytest.approx(0.5)
    assert weights[0] / weights[6] == pytest.approx(0.25)
    assert weights.mean() == pytest.approx(1.0)


def test_named_cuts_take_the_place_of_a_share(loans: LoanTable, catalogue: Catalogue):
    terms = replace(
        catalogue.training, fit_from=SEASONS[1], fit_until=SEASONS[4], test_until=SEASONS[6]
    )
    split = split_by_season(loans, terms)
    assert split.fit_seasons == SEASONS[1:5]
    assert split.test_seasons == SEASONS[5:7]


def test_a_column_that_was_not_collected_is_refused(loans: LoanTable, catalogue: Catalogue):
    bare = [
        replace(x, values={k: v for k, v in x.values.items() if k != "area_m2"})
        for x in loans.loans
    ]
    with pytest.raises(TrainingTableError, match=r"got area_m2 \(0 loans\): it was not collected"):
        require_known(bare, catalogue)


def test_the_interval_of_the_auc_holds_it_and_is_the_same_again():
    rng = np.random.default_rng(3)
    bad = [bool(x) for x in rng.random(400) < 0.3]
    risk = [float(x) + b for x, b in zip(rng.normal(size=400), bad, strict=True)]
    first = bootstrap({"m": risk}, bad, [1.0] * 400, seed=5)["m"]
    again = bootstrap({"m": risk}, bad, [1.0] * 400, seed=5)["m"]
    span = first.auc_interval
    assert span == again.auc_interval
    assert span.low_ppm < auc_ppm(risk, bad) < span.high_ppm
    # Hanley & McNeil 1982: about 0.027 for these; the bootstrap must be near.
    assert 0.06 < (span.high_ppm - span.low_ppm) / 1e6 < 0.16
    assert first.ks_interval.low_ppm < ks_ppm(risk, bad) < first.ks_interval.high_ppm


def test_groups_are_counted_as_by_hand_and_silence_is_no_group():
    column = AuditColumn("sex", "sex", AUDIT_PURPOSE)
    women = [loan(i < 20, sex="woman") for i in range(100)]
    men = [loan(i < 20, sex="man") for i in range(100)]
    silent = [loan(False) for _ in range(50)]
    # 40 of 80 women who repay are approved and 70 of 80 men; nobody who defaults.
    approved = [i >= 60 for i in range(100)] + [i >= 30 for i in range(100)] + [True] * 50
    (table,) = examine_fairness([*women, *men, *silent], approved, [column])
    by_group = {row.group: row for row in table.rows}
    assert set(by_group) == {"woman", "man"}
    assert by_group["woman"].approved_ppm == 400_000
    assert by_group["woman"].good_approved_ppm == 500_000
    assert by_group["man"].good_approved_ppm == 875_000
    assert by_group["man"].default_ppm == 200_000
    assert table.impact_ratio_ppm == 571_428
    assert table.four_fifths_hold is False
    assert table.opportunity_gap_ppm == 375_000
    assert table.opportunity_is_equal is False


def test_a_small_group_is_shown_and_not_judged():
    column = AuditColumn("village", "village", AUDIT_PURPOSE)
    some = [loan(i % 5 == 0, village="Chemba") for i in range(100)]
    some += [loan(i % 5 == 0, village="Kondoa") for i in range(10)]
    (table,) = examine_fairness(some, [i < 100 for i in range(110)], [column])
    assert [row.is_judged for row in table.rows] == [True, False]
    assert table.impact_ratio_ppm is None
    assert table.four_fifths_hold is None


def test_bands_are_named_by_their_edges_and_stand_in_order(report: TrainingReport):
    column = AuditColumn("age_years", "age", AUDIT_PURPOSE, (25, 35))
    assert [column.group(cell) for cell in ("24", "25", "35", "")] == [
        "below 25", "25 to 34", "35 and more", "",
    ]  # fmt: skip
    (ages,) = (table for table in report.fairness if table.column == "age_years")
    assert [row.group for row in ages.rows] == [
        "below 25", "25 to 34", "35 to 49", "50 to 64", "65 and more",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["sex", "age_years", "head_gender", "village", "religion"])
def test_who_somebody_is_may_never_be_a_feature(name: str, catalogue: Catalogue):
    wrong = replace(catalogue.feature[0], name=name)
    with pytest.raises(TrainingTableError, match=f"{name} may not be a feature: it says who"):
        check_catalogue(replace(catalogue, feature=(*catalogue.feature, wrong)))


def test_a_protected_column_needs_its_own_consent():
    with pytest.raises(ShapeError, match="expected the consent 'fairness_audit', got ''"):
        AuditColumn("sex", "sex", "")


def test_models_are_given_no_audit_column(report: TrainingReport, catalogue: Catalogue):
    read = {each.feature for each in report.model.table.features}
    assert read.isdisjoint(each.name for each in catalogue.audit if each.protected)


def test_every_season_has_a_row(report: TrainingReport):
    assert [row.season for row in report.seasons] == list(SEASONS)
    assert [row.fitted for row in report.seasons] == [True] * 6 + [False] * 2
    assert all(0 < row.promised_ppm < 1_000_000 for row in report.seasons)
    assert {row.alarm for row in report.seasons} <= set(Alarm)


def test_card_tells_the_same_on_paper_and_on_the_page(report: TrainingReport, tmp_path: Path):
    digest = sha256_hex(canonical_bytes(encode(report.model)))
    page, sheet = model_card(report, digest), model_sheet(report, digest)
    (tmp_path / "card.pdf").write_bytes(sheet)
    words = " ".join(each.extract_text() for each in PdfReader(tmp_path / "card.pdf").pages)
    own = next(s for s in report.standings if s.name == POINTS)
    for told in (f"{own.auc_ppm / 1e6:.4f}", "coarse WoE scorecard", "Impact ratio", digest):
        assert told in page
        assert told.replace(" ", "") in words.replace(" ", "").replace("\n", "")
    assert model_sheet(report, digest) == sheet


def test_card_escapes_what_a_table_says(report: TrainingReport):
    sly = replace(report, unused_columns=("<script>alert(1)</script>",))
    assert "<script" not in model_card(sly, "0" * 64)
