"""The trained table says what the additive model says, in integers that keep their directions."""

from __future__ import annotations

import json
from itertools import pairwise, product
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.scoring.features import Direction
from core.scoring.points import PAIRS_MAX, PointsTable, pd_ppm, score
from core.shape import decode, encode
from core.wire.modelfile import MODEL_BYTES_MAX, Model
from server.training.booster import fit_additive
from server.training.catalogue import Catalogue, read_catalogue
from server.training.command import CATALOGUE, train_command
from server.training.examine import TrainingReport
from server.training.release import Release
from server.training.rounding import integer_table, points_of
from server.training.run import train
from server.training.table import LoanTable, read_table
from tests.support.loans import SEASONS, write_loans

MARCH_2026_MS = 1_772_323_200_000
SIGN = {Direction.SAFER: 1, Direction.RISKIER: -1, Direction.FREE: 0}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(CATALOGUE)


@pytest.fixture(scope="module")
def loans(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> LoanTable:
    path = write_loans(tmp_path_factory.mktemp("loans") / "loans.csv", note="simulated: true")
    return read_table(path, catalogue)


@pytest.fixture(scope="module")
def report(loans: LoanTable, catalogue: Catalogue) -> TrainingReport:
    return train(loans, catalogue, Release(3, MARCH_2026_MS, 365, seed=1), simulated=True)


@pytest.fixture(scope="module")
def paired(loans: LoanTable, catalogue: Catalogue) -> PointsTable:
    """A table with surfaces, whether or not they would have earned their place."""
    additive = fit_additive(
        loans.loans, catalogue.feature, catalogue.training, seed=1, with_pairs=True
    )
    assert additive.surfaces
    return integer_table(additive, catalogue.feature, loans.loans)


def standing(report: TrainingReport, name: str) -> int:
    return next(s.auc_ppm for s in report.standings if s.name == name)


def test_table_ranks_as_well_as_the_model_before_rounding(report: TrainingReport):
    floats = standing(report, "additive model, floats")
    assert abs(standing(report, "integer points") - floats) < 10_000
    assert floats > 700_000


def test_table_ranks_no_worse_than_its_challengers(report: TrainingReport):
    best = max(s.auc_ppm for s in report.standings)
    assert best - standing(report, "integer points") < 15_000


def test_model_survives_canonical_json(report: TrainingReport):
    data = canonical_bytes(encode(report.model))
    assert len(data) == report.model_bytes < 20_000 < MODEL_BYTES_MAX
    assert decode(Model, parse_canonical(data, MODEL_BYTES_MAX)) == report.model


def test_score_is_the_sum_of_its_bins(
    report: TrainingReport, paired: PointsTable, loans: LoanTable
):
    for table in (report.model.table, paired):
        for loan in loans.loans[::97]:
            assert score(table, loan.values) == brute_force(table, dict(loan.values))


def brute_force(table: PointsTable, values: dict[str, int]) -> int:
    """Bins found by counting edges, pairs by their stated layout: row and column 0 are missing."""

    def place(edges: tuple[int, ...], value: int | None) -> int:
        return 0 if value is None else 1 + sum(edge <= value for edge in edges)

    total = table.base
    for one in table.features:
        cell = place(one.edges, values.get(one.feature))
        total += ((one.missing_points, *one.points))[cell]
    for two in table.pairs:
        row = place(two.first_edges, values.get(two.first))
        total += two.points[row][place(two.second_edges, values.get(two.second))]
    return total


def test_scores_before_and_after_rounding_are_close(
    paired: PointsTable, loans: LoanTable, catalogue: Catalogue
):
    additive = fit_additive(
        loans.loans, catalogue.feature, catalogue.training, seed=1, with_pairs=True
    )
    complete = [x for x in loans.loans if len(x.values) == len(catalogue.names)]
    apart = [score(paired, x.values) - points_of(additive.log_odds(x.values)) for x in complete]
    assert abs(float(np.median(apart))) < 6
    assert float(np.percentile(np.abs(apart), 90)) < 25  # half of what doubles the odds


@pytest.mark.parametrize("which", ["released", "paired"])
def test_every_direction_holds_exactly_whatever_the_others_are(
    which: str, report: TrainingReport, paired: PointsTable, catalogue: Catalogue
):
    table = report.model.table if which == "released" else paired
    for definition in catalogue.feature:
        sign = SIGN[definition.direction]
        for others in partner_values(table, definition.name):
            scores = [
                score(table, {**others, definition.name: value})
                for value in values_of(table, definition.name)
            ]
            moved = [sign * (b - a) for a, b in pairwise(scores)]
            assert min(moved, default=0) >= 0, (definition.name, others)


def values_of(table: PointsTable, name: str) -> list[int]:
    """A value in every bin of every table that the feature is part of."""
    edges = {e for one in table.features if one.feature == name for e in one.edges}
    edges |= {e for two in table.pairs if two.first == name for e in two.first_edges}
    edges |= {e for two in table.pairs if two.second == name for e in two.second_edges}
    return [min(edges) - 1, *sorted(edges)] if edges else [0]


def partner_values(table: PointsTable, name: str) -> list[dict[str, int]]:
    """Every combination of extreme, middle and missing values of those it is paired with."""
    partners = sorted(
        {two.second for two in table.pairs if two.first == name}
        | {two.first for two in table.pairs if two.second == name}
    )
    choices = []
    for partner in partners:
        values = values_of(table, partner)
        choices.append([None, *values] if len(partners) == 1 else [None, *values[::3]])
    return [
        {p: v for p, v in zip(partners, combination, strict=True) if v is not None}
        for combination in product(*choices)
    ]


def test_surfaces_stay_within_what_a_table_may_hold(paired: PointsTable):
    assert 0 < len(paired.pairs) <= PAIRS_MAX


def test_missing_is_scored_and_never_beats_the_average(report: TrainingReport, loans: LoanTable):
    assert isinstance(score(report.model.table, {}), int)
    for table in report.model.table.features:
        known = [
            table.lookup(x.values[table.feature]) for x in loans.loans if table.feature in x.values
        ]
        assert table.missing_points <= sum(known) / len(known) + 1, table.feature


def test_steps_fall_and_are_few(report: TrainingReport):
    steps = report.model.table.pd_steps
    assert 5 <= len(steps) <= 20
    assert pd_ppm(report.model.table, 0) > 200_000 > pd_ppm(report.model.table, 900)


def test_promises_are_kept_on_later_seasons(report: TrainingReport):
    promised = sum(b.promised_ppm * b.loans_count for b in report.calibration)
    observed = sum(b.defaults_count * 1_000_000 for b in report.calibration)
    assert promised == pytest.approx(observed, rel=0.3)


def test_band_keeps_its_share_on_later_seasons(
    report: TrainingReport, loans: LoanTable, catalogue: Catalogue
):
    """Class-conditional: of those who defaulted at most alpha are approved unseen, and a margin."""
    later = [x for x in loans.loans if x.season in report.test_seasons and x.defaulted]
    high = report.model.table.refer_high
    passed = sum(score(report.model.table, x.values) >= high for x in later)
    assert passed / len(later) < catalogue.training.conformal_alpha_ppm / 1e6 + 0.1


def test_nobody_is_referred_where_a_lower_score_is_approved(report: TrainingReport):
    table = report.model.table
    approved = [s for s in range(300, 900) if pd_ppm(table, s) <= 120_000
                and not table.refer_low <= s < table.refer_high]  # fmt: skip
    assert approved == list(range(report.cut_off, 900))


def test_only_later_seasons_examine(report: TrainingReport):
    assert report.fit_seasons == SEASONS[:6]
    assert report.test_seasons == SEASONS[6:]


def test_same_loans_and_seed_give_the_same_bytes(
    report: TrainingReport, loans: LoanTable, catalogue: Catalogue
):
    again = train(loans, catalogue, Release(3, MARCH_2026_MS, 365, seed=1), simulated=True)
    assert sha256_hex(canonical_bytes(encode(again.model))) == sha256_hex(
        canonical_bytes(encode(report.model))
    )


def command() -> click.Command:
    return train_command(lambda: MARCH_2026_MS + 5)


def test_command_writes_model_and_card(tmp_path: Path):
    source = write_loans(tmp_path / "loans.csv", 120, note="simulated: true")
    out = tmp_path / "out" / "model.json"
    result = CliRunner().invoke(
        command(), ["--loans", str(source), "--out", str(out), "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    model = decode(Model, parse_canonical(out.read_bytes(), MODEL_BYTES_MAX))
    assert model.training.simulated
    assert model.valid_from_ms == MARCH_2026_MS
    assert figures["sha256"] == sha256_hex(out.read_bytes())
    card = (tmp_path / "out" / "model.card.html").read_text(encoding="utf-8")
    assert "SIMULATED" in card
    assert figures["sha256"] in card
    figures_of_all = 7 + 4  # ranking, scores, promises, three of the seasons; four audit columns
    assert card.count("<svg") == figures_of_all + len(model.table.features) + len(model.table.pairs)
    assert "<script" not in card
    assert (tmp_path / "out" / "model.card.pdf").read_bytes().startswith(b"%PDF-")


def test_command_prints_all_standings(tmp_path: Path):
    source = write_loans(tmp_path / "loans.csv", 120)
    arguments = ["--loans", str(source), "--out", str(tmp_path / "m.json"), "--simulated"]
    result = CliRunner().invoke(command(), arguments, catch_exceptions=False)
    for words in ("logistic", "boosted trees", "floats", "integer points", "bytes", "SIMULATED"):
        assert words in result.output
