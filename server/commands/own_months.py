"""``--cash``: the months in which a farmer has money, as a person writes them."""

from __future__ import annotations

import re
from datetime import date

import click

from core.errors import ShapeError
from core.lending.own_cash import own_cash_faults, with_own_cash
from core.lending.product import Product
from core.lending.terms import CashMonth, require_cash_months
from server.services.centre import RequestError

_MONTH = re.compile(r"([0-9]{1,2})=([0-9]{1,4})")


def read_months(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[CashMonth, ...] | None:
    """The months in order of the year; None where none were given."""
    if not given:
        return None
    read = [_MONTH.fullmatch(each) for each in given]
    wrong = [text for text, found in zip(given, read, strict=True) if found is None]
    if wrong:
        raise click.BadParameter(
            f"expected a month and its parts, such as 6=1, got {wrong[0][:20]!r}"
        )
    pairs = sorted((int(found[1]), int(found[2])) for found in read if found is not None)
    cash = tuple(CashMonth(*pair) for pair in pairs)
    try:
        require_cash_months(cash)
    except ShapeError as error:
        raise click.BadParameter(str(error)) from error
    return cash


cash_option = click.option(
    "--cash",
    "months",
    multiple=True,
    metavar="MONTH=PARTS",
    callback=read_months,
    help="A month in which the farmer has money, and the parts repaid in it, as 6=1.",
)


def in_months(product: Product, cash: tuple[CashMonth, ...] | None, on: date) -> Product:
    """The product as it is repaid in a farmer's months.

    Raises
    ------
    RequestError
        If the product does not take them.
    """
    faults = own_cash_faults(product, cash, on)
    if faults:
        raise RequestError("; ".join(faults))
    return with_own_cash(product, cash)
