"""Rows of a table a page at a time, in the order of a key, from a place on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, literal, select, tuple_

from server.store import tables, trade_tables
from server.store.engine import Tx
from server.store.payout_tables import payouts

# What may be listed: the table, and the columns that order it, which are its key.
LISTS: Mapping[str, tuple[Table, tuple[str, ...]]] = {
    "lines": (tables.lines, ("line_id",)),
    "movements": (tables.movements, ("line_id", "seq")),
    "draws": (tables.drawdowns, ("draw_id",)),
    "repayments": (tables.repayments, ("repayment_id",)),
    "applications": (tables.applications, ("application_id",)),
    "stations": (tables.stations, ("name",)),
    "partners": (trade_tables.partners, ("partner_id",)),
    "orders": (trade_tables.orders, ("order_id",)),
    "sales": (trade_tables.sales, ("sale_id",)),
    "payouts": (payouts, ("payout_id",)),
}


def key_of(name: str) -> tuple[str, ...]:
    """The columns that order a list."""
    return LISTS[name][1]


def page(
    tx: Tx, name: str, after: Sequence[Any] | None, rows_max: int, **equal: str
) -> list[dict[str, Any]]:
    """The rows of this tenant after a place, in order; those whose columns have the values."""
    table, key = LISTS[name]
    columns = [table.c[column] for column in key]
    where = [table.c.tenant_id == tx.tenant_id]
    where += [table.c[column] == value for column, value in equal.items()]
    if after is not None:
        where.append(tuple_(*columns) > tuple_(*(literal(value) for value in after)))
    return tx.rows(select(table).where(*where).order_by(*columns), rows_max)
