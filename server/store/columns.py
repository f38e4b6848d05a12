"""The building blocks of the centre's tables: the columns' kinds, keys and indexes.

The tenant comes first in every key and unique index. Amounts are BIGINT; SQLite, which
would take 1.5 for a whole number, is told to check.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy import text as literal_text
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def text(name: str, *, optional: bool = False) -> Column[str]:
    """A text."""
    return Column(name, Text, nullable=optional)


def count(name: str, *, optional: bool = False) -> Column[int]:
    """A whole number."""
    return Column(name, BigInteger, nullable=optional)


def flag(name: str) -> Column[bool]:
    """Whether something is so."""
    return Column(name, Boolean, nullable=False)


def bytes_(name: str, *, optional: bool = False) -> Column[bytes]:
    """Bytes, verbatim."""
    return Column(name, LargeBinary, nullable=optional)


def table(name: str, key: tuple[str, ...], *items: SchemaItem) -> Table:
    """A table with the tenant first in its key and its amounts checked on SQLite."""
    checks = [
        CheckConstraint(
            f"typeof({item.name}) IN ('integer', 'null')", name=f"{item.name}_whole"
        ).ddl_if(dialect="sqlite")
        for item in items
        if isinstance(item, Column) and item.name.endswith("_minor")
    ]
    columns = (text("tenant_id"), *items, PrimaryKeyConstraint("tenant_id", *key), *checks)
    return Table(name, metadata, *columns)


def index_where(on: Table, name: str, columns: tuple[str, ...], condition: str) -> None:
    """An index of the few rows that meet a condition, with the tenant first.

    The condition stands in each dialect's own words in the migration; here it only says
    that there is one.
    """
    kept = {f"{dialect}_where": literal_text(condition) for dialect in ("sqlite", "postgresql")}
    names = ("tenant_id", *columns)
    Index(f"ix_{on.name}_{name}", *(on.c[each] for each in names), **kept)  # type: ignore[arg-type]  # names made at run time


def index(on: Table, *columns: str, unique: bool = False) -> None:
    """An index with the tenant first."""
    names = ("tenant_id", *columns)
    prefix = "uq" if unique else "ix"
    label = f"{prefix}_{on.name}_{'_'.join(columns)}"
    Index(label, *(on.c[name] for name in names), unique=unique)
