"""A bank's own rules: a product made from the lender's, within the bounds that it states.

A local file names its base and only what it changes. Numbers may move within the base's
``[[bounds]]``; holidays, a tighter cap, a price list within the price's bounds and a
region's subsidies may be given as tables. Anything else is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import ProductError
from core.lending.bounds import numbers_of, outside, row_name
from core.lending.product import Product, read_product
from core.shape import encode

_OWN = ("base", "product_id", "version", "name", "region")
_TABLES = ("calendar", "apr_caps", "subsidies", "prices")
_PRICE, _PRICE_ROW = "price.price_minor_per_kg", "prices.price_minor_per_kg"


def local_product(base: Product, table: Mapping[str, Any]) -> Product:
    """The product that a bank offers by its local file.

    Raises
    ------
    ProductError
        If it was written for another base, sets what the base does not let a bank set, or
        sets it out of bounds; all faults are named at once.
    ShapeError
        If what comes of it has the wrong shape.
    """
    faults = [*_base_faults(base, table), *_change_faults(base, table)]
    if faults:
        raise ProductError(f"{table.get('product_id', 'local rules')}: " + "; ".join(faults))
    found = _merged(encode(base), table)
    found["base"] = base.policy_version()
    return read_product(found)


def _base_faults(base: Product, table: Mapping[str, Any]) -> list[str]:
    version = base.policy_version()
    short = version.partition(":")[0]
    found = []
    if table.get("base") not in (version, short):
        found.append(
            f"base: expected {short} or {version}, got {table.get('base')!r}: the base has "
            "changed; look at the rules again"
        )
    if table.get("product_id") in (None, base.product_id):
        found.append("product_id: expected a name of the bank's own, got the base's or none")
    if base.base is not None:
        found.append(f"base: expected a product of the lender, got {short}, which is a bank's own")
    return found


def _change_faults(base: Product, table: Mapping[str, Any]) -> list[str]:
    own = dict(numbers_of(encode(base)))
    own.setdefault(_PRICE_ROW, own.get(_PRICE))
    bounds = {bound.path: bound for bound in base.bounds or ()}
    if _PRICE in bounds and _PRICE_ROW not in bounds:
        bounds[_PRICE_ROW] = bounds[_PRICE]
    found = []
    for path, asked in numbers_of(table):
        head = path.partition(".")[0]
        if path in _OWN or (head in _TABLES and path != _PRICE_ROW):
            continue
        bound = bounds.get(path)
        if bound is None:
            known = ", ".join(sorted(bounds)) or "nothing"
            found.append(f"{path}: expected what the policy lets a bank set ({known})")
        elif fault := outside(path, bound, own[path], asked):
            found.append(fault)
    return found


def _merged(base: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The base's table with what the local file says in its place."""
    found = dict(base)
    for name, value in table.items():
        before = found.get(name)
        if name in _TABLES or not isinstance(before, dict | list):
            found[name] = value
        elif isinstance(before, dict):
            found[name] = _merged(before, value)
        else:
            found[name] = _rows(before, value)
    return found


def _rows(base: list[Any], changes: list[Any]) -> list[Any]:
    named = {row_name(row): row for row in changes}
    return [_merged(row, named.get(row_name(row), {})) for row in base]
