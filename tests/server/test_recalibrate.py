"""Probabilities are restated and points are not; an alarm needs more than chance."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.canonical import canonical_bytes, parse_canonical
from core.scoring.points import pd_ppm, score
from core.shape import decode, encode
from core.wire.modelfile import MODEL_BYTES_MAX, Model
from server.training.catalogue import Catalogue, TrainingTableError, read_catalogue
from server.training.command import CATALOGUE
from server.training.recalibrate import Trust, moved, moved_steps, promise, recalibrated
from server.training.release import Release
from server.training.restating import recalibrate_command
from server.training.ripening import Vintage, expected_ppm, factors
from server.training.table import Loan
from tests.support.loans import SEASONS, write_loans
from tests.support.models import TABLE, small_model

TERMS = read_catalogue(CATALOGUE).training
LATER = Release(2, 1_000, 30, seed=0)


def some_loans(defaults: int, count: int = 400) -> list[Loan]:
    """Loans of which the late ones default first."""
    return [
        Loan("2025", i < defaults, {"past_late_days": 40 if i % 2 else 0, "area_m2": 9_000})
        for i in range(count)
    ]


def average_ppm(model: Model, loans: list[Loan]) -> float:
    told = [pd_ppm(model.table, score(model.table, loan.values)) for loan in loans]
    return sum(told) / len(told)


def test_steps_are_read_off_recent_loans_and_points_stay():
    loans = some_loans(80)
    found = recalibrated(small_model(), loans, TERMS, LATER, "ab" * 32)
    assert [one.points for one in found.table.features] == [one.points for one in TABLE.features]
    assert found.table.pd_steps != TABLE.pd_steps
    assert average_ppm(found, loans) == pytest.approx(200_000, rel=0.02)
    assert found.version == 2
    assert found.training.described.endswith("restated on 400 loans of 2025 to 2025.")
    assert found.training.data_sha256 != small_model().training.data_sha256
    assert (found.valid_from_ms, found.valid_to_ms) == (1_000, 1_000 + 30 * 86_400_000)


def test_probabilities_move_to_an_expected_level_and_keep_their_order():
    loans = some_loans(0)
    found = moved(small_model(), loans, 300_000, TERMS, LATER)
    assert average_ppm(found, loans) == pytest.approx(300_000, abs=200)
    rates = [step.pd_ppm for step in found.table.pd_steps]
    assert rates == sorted(rates, reverse=True)
    assert moved_steps(TABLE, loans, round(average_ppm(small_model(), loans))) == TABLE.pd_steps


def test_restating_twice_says_so_once():
    once = moved(small_model(), some_loans(0), 300_000, TERMS, LATER)
    again = moved(once, some_loans(0), 100_000, TERMS, replace(LATER, version=3))
    assert again.training.described.count("Probabilities") == 1


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [(20, Trust.KEPT), (26, Trust.KEPT), (40, Trust.BROKEN), (200, Trust.BROKEN)],
)
def test_an_alarm_needs_more_than_chance(defaults: int, expected: Trust):
    """Of 400 loans 5 % are promised to default, which chance moves by 4 loans."""
    found = promise([50_000] * 400, some_loans(defaults))
    assert found.trust is expected
    assert found.observed_ppm == 2_500 * defaults


def test_a_fifth_more_than_promised_is_no_alarm_and_a_third_more_is_watched():
    assert promise([50_000] * 20_000, some_loans(1_200, 20_000)).trust is Trust.KEPT
    assert promise([50_000] * 20_000, some_loans(1_340, 20_000)).trust is Trust.WATCH


@pytest.mark.parametrize(
    ("defaults", "count", "version", "says"),
    [(30, 150, 2, "at least 200 recent loans"), (5, 400, 2, "with 5 defaults"),
     (80, 400, 1, "a version above 1")],
)  # fmt: skip
def test_too_few_loans_or_an_old_version_are_refused(
    defaults: int, count: int, version: int, says: str
):
    with pytest.raises(TrainingTableError, match=says):
        recalibrated(
            small_model(), some_loans(defaults, count), TERMS, replace(LATER, version=version), ""
        )


def test_a_level_that_is_no_share_is_refused():
    with pytest.raises(TrainingTableError, match="a level between 0 and 1,000,000 ppm"):
        moved(small_model(), some_loans(0), 0, TERMS, LATER)


OLD = Vintage(2000, 100, (2, 6, 10, 10, 10))
NEXT = Vintage(2001, 100, (4, 12, 20, 20, 20))
YOUNG = Vintage(2003, 200, (10, 30, 50, 50, 50))


def test_only_what_was_known_on_the_day_is_reckoned_with():
    assert OLD.known_by(2000) == ()
    assert OLD.known_by(2002) == (2, 6)
    assert factors([OLD, NEXT, YOUNG], 2003) == (3.0, 10 / 6)
    hidden = replace(YOUNG, defaults=(10, 200, 200, 200, 200))
    assert expected_ppm([OLD, NEXT, hidden], 2004) == expected_ppm([OLD, NEXT, YOUNG], 2004)


def test_a_young_vintage_comes_to_what_it_shows_and_the_rest_of_the_one_before():
    """The year 2003 shows 10 of 200; a fifth of defaults is known at that age."""
    found = expected_ppm([OLD, NEXT, YOUNG], 2004)
    assert found[2000] == 100_000
    assert found[2001] == 200_000
    assert found[2003] == round(1e6 * (0.05 + 0.8 * 0.2))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(CATALOGUE)


def invoke(tmp_path: Path, *more: str) -> tuple[int, str]:
    columns = write_loans(tmp_path / "loans.csv", 60)
    fields = {"past_late_days", "area_m2", "soil_stress_days"}
    assert fields <= set(columns.read_text(encoding="utf-8").splitlines()[0].split(","))
    model = tmp_path / "model.json"
    model.write_bytes(canonical_bytes(encode(small_model())))
    arguments = [
        "--model",
        str(model),
        "--loans",
        str(columns),
        "--out",
        str(tmp_path / "new.json"),
    ]
    result = CliRunner().invoke(recalibrate_command(lambda: 5_000), [*arguments, *more])
    assert result.exception is None or isinstance(
        result.exception, (SystemExit, TrainingTableError)
    )
    return result.exit_code, result.output or str(result.exception)


def test_the_command_says_what_came_and_writes_a_model(tmp_path: Path):
    code, said = invoke(tmp_path, "--version", "2", "--json")
    assert code == 0, said
    figures = json.loads(said)
    found = decode(Model, parse_canonical((tmp_path / "new.json").read_bytes(), MODEL_BYTES_MAX))
    assert found.version == 2
    assert figures["after"]["trust"] == "kept"
    assert figures["before"]["observed_ppm"] == figures["after"]["observed_ppm"]


def test_the_command_leaves_out_older_seasons(tmp_path: Path):
    code, said = invoke(tmp_path, "--version", "2", "--from-season", SEASONS[-1])
    assert code != 0
    assert "at least 200 recent loans" in said or "expected at least" in said


def test_the_command_moves_to_a_level(tmp_path: Path):
    code, said = invoke(tmp_path, "--version", "2", "--level-ppm", "250000")
    assert code == 0, said
    assert "before  promised" in said
    assert "after   promised 25.0%" in said
