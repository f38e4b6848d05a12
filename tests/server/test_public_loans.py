"""Real loans: the catalogue refuses what leaks, the weights restore the nation, years are cut."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bench.public_loans import SBA_CATALOGUE, write_sba
from bench.years import vintages_of
from core.units import PPM
from server.training.catalogue import Catalogue, TrainingTableError, read_catalogue
from server.training.run import refuse_leaks, require_known, thinly_known
from server.training.split import split_by_season
from server.training.table import LoanTable, read_table
from tests.support.requirements import require

TERM = """
[[feature]]
name = "term"
unit = "months"
low = 0
high = 600
direction = "safer"
source = "farmer"
purpose = ""
grade = 2
words = "The loan is short."
"""


@pytest.fixture(scope="module")
def sba(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sba(require("data"), tmp_path_factory.mktemp("sba") / "sba.csv")


@pytest.fixture(scope="module")
def table(sba: Path) -> LoanTable:
    return read_table(sba, read_catalogue(SBA_CATALOGUE))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(SBA_CATALOGUE)


@pytest.mark.parametrize("name", tomllib.loads(SBA_CATALOGUE.read_text())["leaks"])
def test_what_is_known_only_later_is_refused_with_its_reason(name: str, tmp_path: Path):
    path = tmp_path / "sba.toml"
    text = SBA_CATALOGUE.read_text(encoding="utf-8") + TERM.replace('"term"', f'"{name}"')
    path.write_text(text, encoding="utf-8")
    why = tomllib.loads(SBA_CATALOGUE.read_text(encoding="utf-8"))["leaks"][name]
    with pytest.raises(TrainingTableError, match=f"{name} may not be a feature: {why}"):
        read_catalogue(path)


def test_weights_restore_the_national_totals(table: LoanTable):
    defaulted = sum(loan.weight for loan in table.loans if loan.defaulted)
    repaid = sum(loan.weight for loan in table.loans if not loan.defaulted)
    assert defaulted == pytest.approx(157_558, rel=0.001)
    assert repaid == pytest.approx(739_609, rel=0.001)


def test_years_are_cut_and_never_drawn(table: LoanTable, catalogue: Catalogue):
    split = split_by_season(table, catalogue.training)
    assert (split.fit_seasons[0], split.fit_seasons[-1]) == ("1989", "2001")
    assert split.test_seasons == ("2002", "2003", "2004", "2005", "2006")
    require_known(split.fit, catalogue)
    refuse_leaks(split.fit, catalogue)


def test_what_the_form_did_not_ask_yet_is_missing_and_no_feature(
    table: LoanTable, catalogue: Catalogue
):
    early = [loan for loan in table.loans if "1989" <= loan.season <= "1997"]
    assert {"jobs_created_count", "jobs_retained_count"} <= set(thinly_known(early, catalogue))
    with pytest.raises(TrainingTableError, match="it was not collected in those seasons"):
        require_known(early, catalogue)


def test_default_rates_moved_as_the_readme_says(table: LoanTable):
    def rate_ppm(year: str) -> float:
        rows = [loan for loan in table.loans if loan.season == year]
        bad = sum(loan.weight for loan in rows if loan.defaulted)
        return PPM * bad / sum(loan.weight for loan in rows)

    assert rate_ppm("1993") == pytest.approx(19_776, abs=10)
    assert rate_ppm("2007") == pytest.approx(426_302, abs=10)


def test_charge_offs_are_known_when_they_happen(sba: Path):
    by_year = {vintage.year: vintage for vintage in vintages_of(sba)}
    assert by_year[2005].known_by(2005) == ()
    known = by_year[2005].known_by(2012)
    assert list(known) == sorted(known)
    assert known[0] < known[-1] / 20
