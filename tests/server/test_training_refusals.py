"""Bad tables and catalogues are refused by name before a model comes of them."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from server.training.catalogue import Catalogue, TrainingTableError, read_catalogue
from server.training.command import CATALOGUE
from server.training.files import write_model
from server.training.isotonic import monotone_grid, rising
from server.training.measure import auc_ppm, ks_ppm
from server.training.release import Release
from server.training.run import refuse_leaks, require_small
from server.training.split import split_by_season
from server.training.table import read_table
from tests.support.loans import SEASONS, write_loans
from tests.support.models import small_model

RELEASE = Release(1, 0, 365, seed=1)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(CATALOGUE)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = write_loans(tmp_path_factory.mktemp("loans") / "loans.csv", 60)
    return path.read_text(encoding="utf-8").splitlines()


def changed(tmp_path: Path, lines: list[str]) -> Path:
    path = tmp_path / "loans.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def catalogue_with(tmp_path: Path, extra: str, old: str = "", new: str = "") -> Path:
    path = tmp_path / "catalogue.toml"
    text = CATALOGUE.read_text(encoding="utf-8").replace(old, new) if old else CATALOGUE.read_text()
    path.write_text(text + extra, encoding="utf-8")
    return path


LEAKING = """
[[feature]]
name = "days_late"
unit = "days"
low = 0
high = 365
direction = "riskier"
source = "history"
purpose = ""
grade = 3
words = "The loan was repaid late."
"""


def test_column_listed_as_leaking_is_refused_with_its_reason(tmp_path: Path):
    with pytest.raises(TrainingTableError, match="days_late may not be a feature: it is counted"):
        read_catalogue(catalogue_with(tmp_path, LEAKING))


def test_feature_that_says_itself_that_it_leaks_is_refused(tmp_path: Path):
    extra = LEAKING.replace("days_late", "visits_count") + 'leaks = "visits follow arrears"\n'
    with pytest.raises(TrainingTableError, match="visits follow arrears"):
        read_catalogue(catalogue_with(tmp_path, extra))


def test_outcome_under_another_name_is_noticed(
    tmp_path: Path, lines: list[str], catalogue: Catalogue
):
    header, *rows = lines
    late = header.split(",").index("past_late_days")
    cells = [row.split(",") for row in rows]
    told = [[*c[:late], "90" if c[1] == "1" else "0", *c[late + 1 :]] for c in cells]
    table = read_table(changed(tmp_path, [header, *map(",".join, told)]), catalogue)
    with pytest.raises(TrainingTableError, match=r"past_late_days alone tells the outcome"):
        refuse_leaks(table.loans, catalogue)


CATALOGUE_FAULTS = {
    "not toml": ("[[feature", "", "", "expected a catalogue in TOML"),
    "twice": (LEAKING.replace("days_late", "area_m2"), "", "", "area_m2 is listed twice"),
    "direction": ("", '"riskier"', '"worse"', "expected one of safer, riskier, free"),
    "bins": ("", "bins_max = 16", "bins_max = 99", "expected 3 to 64 bins"),
    "pair bins": ("", "bins_max = 16", "bins_max = 16\npair_bins_max = 1", "pairs of 2 to 64"),
    "half-life": ("", "bins_max = 16", "bins_max = 16\nhalf_life_seasons = -1", "half-life of at"),
    "alpha": ("", "alpha_ppm = 300000", "alpha_ppm = 0", "conformal_alpha_ppm"),
}


@pytest.mark.parametrize("fault", CATALOGUE_FAULTS)
def test_bad_catalogue_is_refused(fault: str, tmp_path: Path):
    extra, old, new, message = CATALOGUE_FAULTS[fault]
    with pytest.raises(TrainingTableError, match=message):
        read_catalogue(catalogue_with(tmp_path, extra, old, new))


def test_a_table_that_no_small_machine_holds_is_refused():
    model = small_model(1)
    require_small(model)
    (one, *others), table = model.table.features, model.table
    fat = replace(one, edges=tuple(range(60)), points=tuple(range(10**9, 10**9 + 61)))
    many = replace(table, features=(*(fat,) * 12, *others))
    with pytest.raises(TrainingTableError, match=r"table of at most 8000 bytes, got .* pair_bins"):
        require_small(replace(model, table=many))


def test_absent_column_is_named(tmp_path: Path, lines: list[str], catalogue: Catalogue):
    path = changed(tmp_path, [lines[0].replace("area_m2", "area_ha"), *lines[1:]])
    with pytest.raises(TrainingTableError, match="expected the columns area_m2"):
        read_table(path, catalogue)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r"^([^,]*),[01],", r"\1,2,", "line 2: expected a season and an outcome 0 or 1"),
        (r"^([^,]*,[01]),\d+", r"\1,3.5", "line 2: expected a whole number for years_member"),
    ],
)
def test_bad_cell_is_named_with_its_line(
    old: str, new: str, message: str, tmp_path: Path, lines: list[str], catalogue: Catalogue
):
    first = re.sub(old, new, lines[1])
    with pytest.raises(TrainingTableError, match=message):
        read_table(changed(tmp_path, [lines[0], first, *lines[2:]]), catalogue)


def test_empty_cell_is_missing_and_a_far_one_is_held(
    tmp_path: Path, lines: list[str], catalogue: Catalogue
):
    first = re.sub(r"^([^,]*,[01]),\d+,\d+", r"\1,,4000", lines[1])
    loan = read_table(changed(tmp_path, [lines[0], first, *lines[2:]]), catalogue).loans[0]
    assert "years_member_count" not in loan.values
    assert loan.values["past_seasons_repaid_count"] == 60


def test_few_rows_are_refused(tmp_path: Path, lines: list[str], catalogue: Catalogue):
    with pytest.raises(TrainingTableError, match="expected at least 200 loans of both outcomes"):
        read_table(changed(tmp_path, lines[:50]), catalogue)


def test_few_seasons_are_refused(tmp_path: Path, lines: list[str], catalogue: Catalogue):
    few = [lines[0], *(line.replace(line.split(",")[0], SEASONS[0]) for line in lines[1:])]
    with pytest.raises(TrainingTableError, match="expected loans of at least 4 seasons, got 1"):
        split_by_season(read_table(changed(tmp_path, few), catalogue), catalogue.training)


def test_absent_file_is_refused(tmp_path: Path, catalogue: Catalogue):
    with pytest.raises(TrainingTableError, match="expected a CSV file in UTF-8"):
        read_table(tmp_path / "none.csv", catalogue)


def test_origin_of_outcomes_must_be_said(tmp_path: Path, lines: list[str]):
    with pytest.raises(TrainingTableError, match="give --simulated or --observed"):
        write_model(changed(tmp_path, lines), CATALOGUE, tmp_path / "m.json", RELEASE)
    assert not (tmp_path / "m.json").exists()


@pytest.mark.parametrize(
    ("note", "companion", "expected"),
    [
        ("# simulated: true", None, True),
        ("# simulated: false", None, False),
        ("# Simulated past seasons of seed 7", None, True),
        (None, '{"simulated": true}', True),
        (None, None, None),
    ],
)
def test_origin_is_read_from_notes_or_companion(
    note: str | None,
    companion: str | None,
    expected: bool | None,
    tmp_path: Path,
    lines: list[str],
    catalogue: Catalogue,
):
    path = changed(tmp_path, [*([note] if note else []), *lines])
    if companion:
        path.with_suffix(".json").write_text(companion, encoding="utf-8")
    assert read_table(path, catalogue).simulated is expected


def test_auc_counts_ties_as_a_half():
    assert auc_ppm([1, 2, 3, 4], [False, False, True, True]) == 1_000_000
    assert auc_ppm([1, 1], [False, True]) == 500_000
    assert auc_ppm([2, 1, 1], [False, False, True]) == 250_000
    assert ks_ppm([1, 2, 3, 4], [False, True, False, True]) == 500_000


def test_pooling_matches_a_case_worked_by_hand():
    assert rising([1, 3, 2, 4], [1, 1, 1, 1]) == [1, 2.5, 2.5, 4]
    assert rising([4, 0], [3, 1]) == [3, 3]


def test_grid_becomes_monotone_both_ways():
    found = monotone_grid([[0, 4, 2], [3, 1, 5]], [1, 1], [1, 1, 1], (1, 1))
    assert all(b >= a - 1e-6 for row in found for a, b in itertools.pairwise(row))
    assert all(b >= a - 1e-6 for a, b in zip(*found, strict=True))
    assert sum(map(sum, found)) == pytest.approx(15)
