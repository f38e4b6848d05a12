"""``apr`` and ``price``: the rate of a case in a file, and the whole price of a product's draw."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from core.errors import PriceError, ShapeError
from core.lending.keyfacts import KeyFacts, key_facts, percent
from core.lending.price import effective_rate
from core.lending.regz import Transfer, UnitKind, UnitPeriod, apr
from core.lending.roots import rounded
from core.lending.schedule import Due
from core.lending.terms import CashMonth
from core.lending.whole_price import WholePrice, whole_price
from core.shape import encode
from core.units import civil_date, format_money
from server.commands.hands import json_option, read_input, show
from server.commands.own_months import cash_option, in_months
from server.commands.products import read_product_file
from server.console.key_facts_sheet import Lender, as_html, as_pdf
from server.services.centre import RequestError
from server.words import LANGUAGES

CASE_BYTES_MAX = 4 * 1024 * 1024
_DECIMALS = 8  # of the rate as a share: six of the percentage
_FILE = click.Path(path_type=Path, dir_okay=False)
_PER_YEAR_NEAR = Fraction(1, 100_000)  # 365/255 cannot be written out
# The ways in which people write a unit-period, without spaces and hyphens.
_UNITS = {
    "day": UnitPeriod(UnitKind.DAY),
    "daily": UnitPeriod(UnitKind.DAY),
    "week": UnitPeriod(UnitKind.WEEK),
    "weekly": UnitPeriod(UnitKind.WEEK),
    "fortnight": UnitPeriod(UnitKind.WEEK, 2),
    "fortnightly": UnitPeriod(UnitKind.WEEK, 2),
    "biweekly": UnitPeriod(UnitKind.WEEK, 2),
    "semimonth": UnitPeriod(UnitKind.SEMIMONTH),
    "semimonthly": UnitPeriod(UnitKind.SEMIMONTH),
    "halfmonth": UnitPeriod(UnitKind.SEMIMONTH),
    "halfmonthly": UnitPeriod(UnitKind.SEMIMONTH),
    "month": UnitPeriod(UnitKind.MONTH),
    "monthly": UnitPeriod(UnitKind.MONTH),
    "quarter": UnitPeriod(UnitKind.MONTH, 3),
    "quarterly": UnitPeriod(UnitKind.MONTH, 3),
    "halfyear": UnitPeriod(UnitKind.MONTH, 6),
    "semiannual": UnitPeriod(UnitKind.MONTH, 6),
    "year": UnitPeriod(UnitKind.YEAR),
    "yearly": UnitPeriod(UnitKind.YEAR),
    "annual": UnitPeriod(UnitKind.YEAR),
    "term": UnitPeriod(UnitKind.TERM),
}
_MULTIPLE = re.compile(r"([1-9][0-9]?)(week|month)s?")


@click.group("apr")
def apr_group() -> None:
    """The annual percentage rate of a case in a JSON file."""


@apr_group.command("eu")
@click.argument("file", metavar="CASE.json", type=_FILE)
@json_option
def apr_eu(file: Path, *, as_json: bool) -> None:
    """By the EU's APRC: the effective yearly rate.

    The case is {"flows": [[years, amount], …]}: years since the first drawdown, paid out
    positive, paid back negative.
    """
    rate = effective_rate(eu_flows(_case(file)))
    _print(rate, "effective a year, EU APRC", as_json=as_json)


@apr_group.command("regz")
@click.argument("file", metavar="CASE.json", type=_FILE)
@json_option
def apr_regz(file: Path, *, as_json: bool) -> None:
    """By Regulation Z, Appendix J: the nominal yearly rate of the actuarial method.

    The case has amount_advanced, advance_date, payments [[date, amount], …], unit_period
    ("month", "2 weeks", "half-month", "quarter", "term", …) and unit_periods_per_year.
    """
    rate = apr(*regz_case(_case(file)))
    _print(rate, "a year, Regulation Z Appendix J", as_json=as_json)


@click.command("price")
@click.argument("file", metavar="PRODUCT.toml", type=_FILE)
@click.option("--amount-minor", type=click.IntRange(1), required=True, help="What is drawn.")
@click.option("--on", "drawn_on", required=True, help="The day of the drawdown, YYYY-MM-DD.")
@cash_option
@json_option
def price(
    file: Path,
    *,
    amount_minor: int,
    drawn_on: str,
    months: tuple[CashMonth, ...] | None,
    as_json: bool,
) -> None:
    """The whole price of a drawdown: rates, cost in money, every payment with its day."""
    on = _day(drawn_on, "--on")
    product = in_months(read_product_file(file), months, on)
    told = whole_price(product, amount_minor, on)
    show(_told(told), "\n".join(_sentences(told)), as_json=as_json)


@click.command("key-facts")
@click.argument("file", metavar="PRODUCT.toml", type=_FILE)
@click.option("--amount-minor", type=click.IntRange(1), required=True, help="What is drawn.")
@click.option("--on", "drawn_on", required=True, help="The day of the drawdown, YYYY-MM-DD.")
@click.option("--pd-ppm", type=click.IntRange(0), help="Risk, where the price moves with it.")
@click.option("--lender", required=True, help="Who lends, as the sheet names it.")
@click.option("--contact", default="", help="Where a farmer can complain, in words.")
@click.option("--language", type=click.Choice(list(LANGUAGES)), default="en", show_default=True,
              help="The farmer's language.")  # fmt: skip
@click.option("--out", type=_FILE, required=True, help="Write the sheet: FILE.html or FILE.pdf.")
@cash_option
@json_option
def key_facts_sheet(file: Path, *, out: Path, as_json: bool, **asked: Any) -> None:
    """Write the sheet of key facts that a farmer is given before consent.

    Refused where the price is above the cap in force on that day; the message says by how
    much.
    """
    product, drawn_on = read_product_file(file), _day(asked["drawn_on"], "--on")
    repaid = in_months(product, asked["months"], drawn_on)
    priced = repaid if asked["pd_ppm"] is None else repaid.at_risk(asked["pd_ppm"], drawn_on)
    facts = key_facts(priced, asked["amount_minor"], drawn_on)
    facts = replace(facts, policy_version=product.policy_version())
    lender = Lender(asked["lender"], asked["contact"])
    page = _sheet(facts, lender, out.suffix.lower(), asked["language"])
    try:
        out.write_bytes(page)
    except OSError as error:
        raise RequestError(f"expected a file that can be written at {out}: {error}") from error
    sentence = f"{out}: {percent(facts.apr_ppm)} a year, {facts.sha256()}."
    show({**encode(facts), "sha256": facts.sha256()}, sentence, as_json=as_json)


def _sheet(facts: KeyFacts, lender: Lender, suffix: str, language: str) -> bytes:
    if suffix == ".pdf":
        return as_pdf(facts, lender, language)
    if suffix == ".html":
        return as_html(facts, lender, language).encode()
    raise RequestError(f"expected --out with a name in .html or .pdf, got {suffix or 'neither'}")


def _told(told: WholePrice) -> dict[str, Any]:
    return {
        "amount_minor": told.amount_minor,
        "currency": told.currency,
        "drawn_on": told.drawn_on.isoformat(),
        "nominal_rate_ppm": told.nominal_rate_ppm,
        "apr_ppm": told.apr_ppm,
        "fee_minor": told.fee_minor,
        "interest_minor": told.interest_minor,
        "cost_minor": told.cost_minor,
        "total_minor": told.total_minor,
        "rebate_minor": told.rebate_minor,
        "penalty_rate_ppm": told.penalty_rate_ppm,
        "grace_days": told.grace_days,
        "payments": [_payment(due) for due in told.payments],
    }


def _payment(due: Due) -> dict[str, Any]:
    return {
        "on": due.on.isoformat(),
        "principal_minor": due.principal_minor,
        "interest_minor": due.interest_minor,
        "fee_minor": due.fee_minor,
        "total_minor": due.total_minor,
    }


def _sentences(told: WholePrice) -> list[str]:
    def money(minor: int) -> str:
        return format_money(minor, told.currency)

    drawn = f"{money(told.amount_minor)} drawn on {told.drawn_on}"
    parts = f"fee {money(told.fee_minor)}, interest {money(told.interest_minor)}"
    rates = f"{percent(told.apr_ppm)}, nominal rate {percent(told.nominal_rate_ppm)}"
    said = [
        f"{drawn} costs {money(told.cost_minor)}: {parts}.",
        f"Annual percentage rate {rates}. Paid back in all: {money(told.total_minor)}.",
        *(f"  {due.on}  {money(due.total_minor):>20}" for due in told.payments),
    ]
    if told.rebate_minor:
        said.append(f"{money(told.rebate_minor)} comes back if nothing is paid late.")
    if told.penalty_rate_ppm:
        said.append(
            f"After {told.grace_days} days, what is late costs {percent(told.penalty_rate_ppm)} "
            "a year on top."
        )
    return said


def eu_flows(case: Mapping[str, Any]) -> list[tuple[Decimal, Decimal]]:
    """The flows (years since the first, amount) of a case.

    Raises
    ------
    ShapeError
        If they are not a list of pairs of numbers.
    """
    return [
        (_number(years, f"$.flows[{i}][0]"), _number(amount, f"$.flows[{i}][1]"))
        for i, (years, amount) in enumerate(_pairs(case, "flows"))
    ]


def regz_case(case: Mapping[str, Any]) -> tuple[list[Transfer], UnitPeriod, date]:
    """The transfers, the unit-period and the first day of a case.

    Raises
    ------
    ShapeError
        If a field is missing or cannot be read, or the unit-period and the number of them
        in a year disagree.
    """
    begins_on = _day(case.get("advance_date"), "$.advance_date")
    advanced = _positive(case.get("amount_advanced"), "$.amount_advanced")
    paid = [
        Transfer(_day(on, f"$.payments[{i}][0]"), -_positive(amount, f"$.payments[{i}][1]"))
        for i, (on, amount) in enumerate(_pairs(case, "payments"))
    ]
    unit = _unit(case.get("unit_period"))
    stated = case.get("unit_periods_per_year")
    if stated is not None and unit.kind is not UnitKind.TERM:
        told = Fraction(_positive(stated, "$.unit_periods_per_year"))
        if abs(told - unit.per_year) > _PER_YEAR_NEAR * unit.per_year:
            raise ShapeError(
                f"expected {unit.per_year} at $.unit_periods_per_year, which is what "
                f"{case['unit_period']!r} has, got {stated}"
            )
    return [Transfer(begins_on, advanced), *paid], unit, begins_on


def _case(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(
            read_input(file, CASE_BYTES_MAX),
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_no_constant,
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ShapeError(f"expected a case in JSON at {file}, got {error}") from error
    if not isinstance(found, dict):
        raise ShapeError(f"expected an object at $ of {file}, got {type(found).__name__}")
    return found


def _no_constant(name: str) -> Decimal:
    raise ShapeError(f"expected numbers, got {name}")


def _pairs(case: Mapping[str, Any], name: str) -> list[list[Any]]:
    found = case.get(name)
    if not isinstance(found, list) or not found:
        raise ShapeError(f"expected a list of pairs at $.{name}, got {_say(found)}")
    for i, pair in enumerate(found):
        if not isinstance(pair, list) or len(pair) != 2:
            raise ShapeError(f"expected a pair at $.{name}[{i}], got {_say(pair)}")
    return found


def _number(value: object, path: str) -> Decimal:
    if not isinstance(value, Decimal) or abs(value) > Decimal("1e15"):
        raise ShapeError(f"expected a number within ±10^15 at {path}, got {_say(value)}")
    return value


def _positive(value: object, path: str) -> Decimal:
    found = _number(value, path)
    if found <= 0:
        raise ShapeError(f"expected more than nothing at {path}, got {found}")
    return found


def _day(value: object, path: str) -> date:
    found = civil_date(value) if isinstance(value, str) else None
    if found is None:
        raise ShapeError(f"expected a date such as 1978-01-10 at {path}, got {_say(value)}")
    return found


def _unit(value: object) -> UnitPeriod:
    words = re.sub(r"[\s_-]", "", value.lower()) if isinstance(value, str) else ""
    found = _UNITS.get(words)
    multiple = _MULTIPLE.fullmatch(words)
    if found is None and multiple is not None:
        count = int(multiple[1])
        if (count, multiple[2]) == (12, "month"):
            return UnitPeriod(UnitKind.YEAR)
        try:
            return UnitPeriod(UnitKind(multiple[2]), count)
        except PriceError as error:
            raise ShapeError(f"at $.unit_period: {error}") from error
    if found is None:
        known = ", ".join(sorted(_UNITS))
        raise ShapeError(
            f"expected one of {known}, or such as '2 weeks' and '4 months', at $.unit_period, "
            f"got {_say(value)}"
        )
    return found


def _say(value: object) -> str:
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _print(rate: Decimal, words: str, *, as_json: bool) -> None:
    rate_pct = rounded(rate, _DECIMALS) * 100
    # The shortest float that reads back as these digits prints them unchanged.
    show({"apr_pct": float(rate_pct)}, f"{rate_pct:.6f} % {words}.", as_json=as_json)
