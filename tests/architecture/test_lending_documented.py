"""Every number of docs/schedules.md and docs/price.md is what the code computes."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from core.lending.accrual import DayCount, PrincipalChange, simple_interest
from core.lending.own_cash import own_cash_faults, with_own_cash
from core.lending.price import effective_rate
from core.lending.product import parse_product
from core.lending.regz import Transfer, UnitKind, UnitPeriod, apr
from core.lending.roots import rounded
from core.lending.schedule import months_from, plan
from core.lending.terms import CashMonth
from core.lending.whole_price import whole_price
from core.lending.workdays import CalendarTerms, Roll, rolled
from core.units import format_money
from tests.support.products import CROP
from tests.support.repayment import AMOUNT_MINOR, DRAWN_ON, DUE_ON, EXAMPLES, STORIES, example
from tests.support.tree import REPOSITORY

SCHEDULES = (REPOSITORY / "docs" / "schedules.md").read_text(encoding="utf-8")
PRICE = (REPOSITORY / "docs" / "price.md").read_text(encoding="utf-8")
MONTH = UnitPeriod(UnitKind.MONTH)


def section(page: str, heading: str) -> str:
    found = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^##)", page, re.MULTILINE | re.DOTALL)
    assert found, f"expected a section {heading!r}"
    return found[1]


def money(minor: int) -> str:
    return f"{minor / 100:,.2f}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_kind_is_printed_as_it_is_planned(name: str) -> None:
    said = section(SCHEDULES, name)
    toml = re.search(r"```toml\n(.*?)```", said, re.DOTALL)
    assert toml
    _, dues = example(tomllib.loads(toml[1])["schedule"])
    rows = [
        (due.on.isoformat(), money(due.principal_minor), money(due.interest_minor),
         money(due.total_minor))
        for due in dues
    ]  # fmt: skip
    found = re.findall(r"^\| (20\S+) \| (\S+) \| (\S+) \| (\S+) \|$", said, re.MULTILINE)
    assert found == rows
    total = money(sum(due.total_minor for due in dues))
    assert re.search(rf"^\| \*\*sum\*\* \|.* {re.escape(total)} \|$", said, re.MULTILINE)


def test_a_farmers_own_months_are_printed_as_they_are_planned() -> None:
    said = SCHEDULES.split("## A farmer's own months", 1)[1].split("\n## ", 1)[0]
    bounds = re.search(r"```toml\n(.*?)```", said, re.DOTALL)
    assert bounds
    credit = {**CROP["credit"], "rate_ppm": 140_000}
    product = parse_product({**CROP, "credit": credit, **tomllib.loads(bounds[1])})
    cash = (CashMonth(6, 1), CashMonth(8, 2))
    assert own_cash_faults(product, cash, DRAWN_ON) == []
    dues = plan(with_own_cash(product, cash).repayment(), AMOUNT_MINOR, DRAWN_ON)
    for due in dues:
        amounts = (due.principal_minor, due.interest_minor, due.total_minor)
        assert f"| {due.on} | {' | '.join(map(money, amounts))} |" in said
    assert f"| {money(sum(due.total_minor for due in dues))} |" in said


@pytest.mark.parametrize("name", STORIES)
def test_each_story_is_printed_as_it_is_tested(name: str) -> None:
    said = section(SCHEDULES, name)
    for line in STORIES[name][1].strip().splitlines():
        assert line.strip() in said


def test_the_day_counts_are_printed_as_they_count() -> None:
    for count in DayCount:
        days = count.ordinal(DUE_ON) - count.ordinal(DRAWN_ON)
        interest = simple_interest(
            [PrincipalChange(DRAWN_ON, AMOUNT_MINOR)], 140_000, DUE_ON, count
        )
        year = count.days_in_year
        assert f"| `{count.value}` | {days} of {year} | {money(interest)} |" in SCHEDULES


def test_the_rolls_are_printed_as_they_roll() -> None:
    for roll in Roll:
        calendar = CalendarTerms(roll, (6,), ("2026-06-01",))
        due = rolled(date(2026, 5, 31), calendar).isoformat()
        assert re.search(rf"^\| `{roll.value}`.* \| {due} \|$", SCHEDULES, re.MULTILINE)


def test_the_whole_price_is_printed_as_it_is_told() -> None:
    file = REPOSITORY / "server" / "products" / "crop-season.toml"
    product = parse_product(tomllib.loads(file.read_text(encoding="utf-8")))
    told = whole_price(replace(product, currency="KES"), AMOUNT_MINOR, DRAWN_ON)
    amounts = (told.cost_minor, told.fee_minor, told.interest_minor, told.total_minor)
    assert all(format_money(amount, "KES") in PRICE for amount in amounts)
    assert f"Annual percentage rate {Decimal(told.apr_ppm) / 10_000:.2f} %" in PRICE


def test_the_rates_are_printed_as_they_are_solved() -> None:
    eu_case, regz_case = (
        json.loads(each) for each in re.findall(r"```json\n(.*?)```", PRICE, re.DOTALL)
    )
    printed = [Decimal(each) for each in re.findall(r'\{"apr_pct": (\S+)\}', PRICE)]
    flows = [(Decimal(str(years)), Decimal(str(amount))) for years, amount in eu_case["flows"]]
    begins = date.fromisoformat(regz_case["advance_date"])
    moved = [Transfer(begins, Decimal(regz_case["amount_advanced"]))]
    moved += [Transfer(date.fromisoformat(d), -Decimal(a)) for d, a in regz_case["payments"]]
    solved = [effective_rate(flows), apr(moved, MONTH, begins)]
    assert [rounded(rate, 8) * 100 for rate in solved] == printed


def test_the_two_laws_differ_as_printed() -> None:
    begins, paid_on = date(1978, 2, 10), [months_from(date(1978, 4, 1), k) for k in range(36)]
    moved = [Transfer(begins, Decimal(6000)), *(Transfer(on, Decimal(-200)) for on in paid_on)]
    flows = [(Decimal((each.on - begins).days) / 365, each.amount) for each in moved]
    eu = rounded(effective_rate(flows), 4) * 100
    regz = rounded(apr(moved, MONTH, begins), 4) * 100
    assert f"{eu:.2f} % by the one and {regz:.2f} % by the other" in " ".join(PRICE.split())


def test_the_pages_name_every_field_of_the_product() -> None:
    source = (Path(REPOSITORY) / "core" / "lending" / "terms.py").read_text(encoding="utf-8")
    fields = re.findall(r"^    (\w+): [\w\[\], .]+(?: = .*)?$", source, re.MULTILINE)
    asked = set(fields) - {"rate_ppm", "day_count", "due_on", "schedule", "arrears", "rebate"}
    asked -= {"waterfall", "calendar", "month", "weight"}
    assert not {name for name in asked if name not in SCHEDULES}
