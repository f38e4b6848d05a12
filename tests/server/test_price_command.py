"""``harvestline-server apr``: the digits that are printed, and what a case must have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.lending.product import parse_product
from server.app import main
from server.services.enrolment import add_product
from tests.support.centre_kit import PRODUCTS, TESTER, Kit
from tests.support.products import CROP
from tests.support.requirements import require

REGZ: dict[str, Any] = {
    "amount_advanced": 5000,
    "advance_date": "1978-01-10",
    "payments": [
        [f"{1978 + (m // 12)}-{m % 12 + 1:02d}-10", 230] for m in range(1, 25)
    ],  # 12 CFR 1026, Appendix J (c)(1)(i)
    "unit_period": "month",
    "unit_periods_per_year": 12,
}
EU: dict[str, Any] = {"flows": [[0, 200000], [0, -4000], [0.5, -207618.17]]}  # EC 2015, example 40


def run(folder: Path, kind: str, case: object, *words: str) -> Result:
    file = folder / "case.json"
    file.write_text(case if isinstance(case, str) else json.dumps(case))
    return CliRunner().invoke(main, ["apr", kind, str(file), *words])


def percent(folder: Path, kind: str, case: object) -> float:
    found = run(folder, kind, case, "--json")
    assert found.exit_code == 0, found.output
    rate: float = json.loads(found.stdout)["apr_pct"]
    return rate


def test_the_rate_is_printed_to_six_digits(tmp_path: Path) -> None:
    assert percent(tmp_path, "eu", EU) == 12.206644
    assert "12.206644 % effective a year" in run(tmp_path, "eu", EU).output
    assert round(percent(tmp_path, "regz", REGZ), 2) == 9.69
    assert "9.685708 % a year" in run(tmp_path, "regz", REGZ).output


def test_every_published_case_goes_through_the_command(tmp_path: Path) -> None:
    published = require("data") / "apr_vectors"
    for case in json.loads((published / "eu_aprc.json").read_text()):
        assert percent(tmp_path, "eu", case) == case["expected_apr_pct_6dp"]
    for case in json.loads((published / "us_regz.json").read_text()):
        assert round(percent(tmp_path, "regz", case), 2) == case["expected_apr_pct"]


@pytest.mark.parametrize(
    ("unit", "per_year", "days"),
    [
        ("half-month", 24, ["1978-01-25", "1978-02-10"]),
        ("semimonth", 24, ["1978-01-25", "1978-02-10"]),
        ("quarter", 4, ["1978-04-10", "1978-07-10"]),
        ("3 months", 4, ["1978-04-10", "1978-07-10"]),
        ("fortnight", 26, ["1978-01-24", "1978-02-07"]),
        ("week", 52, ["1978-01-17", "1978-01-24"]),
        ("12 months", 1, ["1979-01-10", "1980-01-10"]),
        ("day", 365, ["1978-01-11", "1978-01-12"]),
    ],
)
def test_a_unit_period_may_be_written_as_people_do(
    tmp_path: Path, unit: str, per_year: int, days: list[str]
) -> None:
    paid = [[days[0], 100], [days[1], 1060.90 - 100]]
    case = {**REGZ, "amount_advanced": 1000, "payments": paid}
    case |= {"unit_period": unit, "unit_periods_per_year": per_year}
    # 1000 = 100/(1+i) + 960.90/(1+i)^2, whatever the unit-period is called.
    growth = 1 + percent(tmp_path, "regz", case) / 100 / per_year
    assert abs(1000 - 100 / growth - 960.90 / growth**2) < 1e-4


def test_the_term_may_be_the_unit_period(tmp_path: Path) -> None:
    case = {**REGZ, "amount_advanced": 1000, "advance_date": "1978-01-03"}
    case |= {"payments": [["1978-09-15", 1080]], "unit_period": "term"}
    case["unit_periods_per_year"] = 365 / 255
    assert round(percent(tmp_path, "regz", case), 2) == 11.45  # Appendix J (c)(5)(i)


@pytest.mark.parametrize(
    ("kind", "case", "says"),
    [
        ("eu", "{", "HL-CORE-003 .* expected a case in JSON"),
        ("eu", "[" * 100_000, "HL-CORE-003 .* expected a case in JSON"),
        ("eu", "[]", "HL-CORE-003 .* expected an object"),
        ("eu", '{"flows": [[0, NaN]]}', "HL-CORE-003 .* expected numbers, got NaN"),
        ("eu", {"flows": []}, r"HL-CORE-003 .* list of pairs at \$\.flows"),
        ("eu", {"flows": [[0]]}, r"HL-CORE-003 .* a pair at \$\.flows\[0\]"),
        ("eu", {"flows": [[0, True]]}, r"HL-CORE-003 .* number .* at \$\.flows\[0\]\[1\]"),
        ("eu", '{"flows": [[0, 1e99999]]}', "HL-CORE-003 .* number within"),
        ("eu", {"flows": [[0, 5], [1, 5]]}, "HL-CORE-012 .* one side only"),
        ("eu", {"flows": [[0, 10], [1, -23], [2, 13.2]]}, "HL-CORE-014 .* 10.00 % and 20.00 %"),
        ("regz", {**REGZ, "advance_date": "soon"}, r"HL-CORE-003 .* date .* \$\.advance_date"),
        ("regz", {**REGZ, "payments": [["1978-02-10", -5]]}, "HL-CORE-003 .* more than nothing"),
        ("regz", {**REGZ, "payments": [["1977-02-10", 5]]}, "HL-CORE-012 .* from 1978-01-10 on"),
        ("regz", {**REGZ, "unit_period": "moon"}, r"HL-CORE-003 .* \$\.unit_period, got 'moon'"),
        ("regz", {**REGZ, "unit_period": "60 weeks"}, r"HL-CORE-003 .* \$\.unit_period"),
        ("regz", {**REGZ, "unit_periods_per_year": 52}, "HL-CORE-003 .* expected 12"),
        ("regz", {**REGZ, "amount_advanced": None}, r"HL-CORE-003 .* \$\.amount_advanced"),
    ],
)
def test_a_bad_case_is_refused_by_code(tmp_path: Path, kind: str, case: object, says: str) -> None:
    found = run(tmp_path, kind, case, "--json")
    assert found.exit_code == 3
    assert found.stdout == ""
    assert re.search(says, found.stderr), found.stderr


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["apr", "eu", str(tmp_path / "none.json")])
    assert found.exit_code == 3
    assert "HL-SRV-011" in found.stderr


def priced(product: Path, *words: str) -> Result:
    amount = ("--amount-minor", "1000000", "--on", "2026-03-20")
    return CliRunner().invoke(main, ["price", str(product), *amount, *words])


def test_the_whole_price_of_a_product_is_told(tmp_path: Path) -> None:
    found = priced(PRODUCTS / "crop-season.toml", "--json")
    told = json.loads(found.stdout)
    assert (told["apr_ppm"], told["cost_minor"]) == (178_010, 83_658)
    assert told["payments"] == [
        {
            "on": "2026-09-15",
            "principal_minor": 1_000_000,
            "interest_minor": 68_658,
            "fee_minor": 15_000,
            "total_minor": 1_083_658,
        }
    ]
    table = (PRODUCTS / "crop-season.toml").read_text()
    table += """
[schedule]
kind = "equal_instalments"
every_months = 1
[arrears]
grace_days = 10
penalty_rate_ppm = 60_000
[rebate]
rate_ppm = 30_000
"""
    (tmp_path / "instalments.toml").write_text(table)
    said = priced(tmp_path / "instalments.toml").output
    assert "costs KES 545.31: fee KES 150.00, interest KES 395.31" in said
    assert "Annual percentage rate 21.30 %, nominal rate 14.00 %" in said
    assert "2026-09-15          KES 1,732.51" in said
    assert "KES 84.71 comes back" in said
    assert "After 10 days, what is late costs 6.00 % a year" in said


def test_a_product_that_cannot_be_priced_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[[")
    found = priced(tmp_path / "broken.toml")
    assert (found.exit_code, "HL-CORE-011" in found.stderr) == (3, True)


MONTHLY = {"kind": "bullet", "interest": "capitalising", "capitalise_months": 1}
MORATORIUM = {"kind": "bullet", "moratorium_months": 2, "moratorium_interest": "capitalised"}


BOOKED: dict[str, dict[str, Any]] = {
    "capitalising interest": {"schedule": MONTHLY},
    "a capitalised moratorium": {"schedule": MORATORIUM},
    "a penalty": {"arrears": {"grace_days": 0, "penalty_rate_ppm": 1}},
    "a rebate": {"rebate": {"rate_ppm": 1}},
    "another waterfall": {"waterfall": ["penalty", "principal", "fee", "interest"]},
    "instalments": {"schedule": {"kind": "equal_principal", "every_months": 1}},
}


def test_terms_of_every_kind_are_put_in_force(kit: Kit) -> None:
    for version, (name, table) in enumerate(BOOKED.items(), 1):
        product = parse_product({**CROP, **table, "version": version})
        assert add_product(kit.centre, product, TESTER), name
