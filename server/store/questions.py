"""Statements that are built once: most of what is asked of the store differs in values alone.

Building a statement in SQLAlchemy takes longer than SQLite takes to answer it (60 of 80 µs),
so those of the plainest shapes are kept by table and columns, with a parameter for each value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Table, Update, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import Select

KEPT_MAX = 512  # statements of each shape; the program has about a hundred
LIMIT = "rows_max"

Names = tuple[str, ...]


@lru_cache(KEPT_MAX)
def rows_where(table: Table, names: Names, order: Names, *, lock: bool) -> Select[Any]:
    """All columns of the tenant's rows in which each named column equals ``at_NAME``.

    ``order`` names columns, one that begins with a minus from the greatest down.
    """
    question = select(table).where(*_equal(table, names)).limit(bindparam(LIMIT))
    return (question.with_for_update() if lock else question).order_by(
        *(table.c[n[1:]].desc() if n.startswith("-") else table.c[n] for n in order)
    )


@lru_cache(KEPT_MAX)
def value_where(table: Table, column: str, names: Names) -> Select[Any]:
    """One column of the tenant's row in which each named column equals ``at_NAME``."""
    return select(table.c[column]).where(*_equal(table, names)).limit(1)


def equals(tenant_id: str, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a question: whose rows, and each column's value."""
    return {"at_tenant_id": tenant_id, **{f"at_{name}": each for name, each in values.items()}}


def _equal(table: Table, names: Names) -> list[Any]:
    return [table.c[name] == bindparam(f"at_{name}") for name in ("tenant_id", *names)]


@lru_cache(KEPT_MAX)
def changed_where(table: Table, key: Names, names: Names) -> Update:
    """Set ``names`` to ``to_NAME`` in the tenant's rows in which the key equals ``at_NAME``."""
    changed: dict[str, Any] = {name: bindparam(f"to_{name}") for name in names}
    return table.update().where(*_equal(table, key)).values(changed)


@lru_cache(KEPT_MAX)
def added_unless_there(table: Table, dialect: str) -> Any:
    """Add a row unless its key is taken."""
    return _insert(table, dialect).on_conflict_do_nothing()


@lru_cache(KEPT_MAX)
def added_or_renewed(table: Table, dialect: str, names: Names) -> Any:
    """Add a row, or put the named columns in place of what stands under its key."""
    key = [column.name for column in table.primary_key.columns]
    insert = _insert(table, dialect)
    renewed = {name: insert.excluded[name] for name in names if name not in key}
    return insert.on_conflict_do_update(index_elements=key, set_=renewed)


def _insert(table: Table, dialect: str) -> Any:
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)
