"""Many rows at once: COPY and one UPDATE on PostgreSQL, one call for many rows on SQLite.

What a transaction that remembers has kept back is written here in the order in which the
tables were first written to; the rows are those that would have been written one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from psycopg import Connection as PsycopgConnection
from psycopg import Copy
from psycopg import Error as PsycopgError
from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import BigInteger, Boolean, Integer, Table, Text, any_, literal
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import UserDefinedType

from server.store.engine import StoreError, Tx
from server.store.memory import Row

_CASTS = {Text: "text[]", BigInteger: "bigint[]", Integer: "integer[]", Boolean: "boolean[]"}
ROWS_A_BLOCK = 64  # sent at once while more are made
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class _Texts(UserDefinedType[str]):
    """Texts in PostgreSQL's own spelling of an array."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name for PostgreSQL."""
        return "TEXT[]"


def among(tx: Tx, column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column is one of many values; PostgreSQL is given one array, not many values."""
    if is_postgresql(tx):
        return column == any_(literal(array_text(values), _Texts()))
    return column.in_(values)


def array_text(values: Sequence[object]) -> str:
    """Texts, integers, truths or nothing as PostgreSQL spells an array.

    The driver looks at each text with a regular expression, which took a twentieth of a review.
    """
    kinds = set(map(type, values))
    if kinds == {str}:
        joined = '","'.join(values)  # type: ignore[arg-type]  # texts, as was just seen
        if "\\" not in joined and joined.count('"') == 2 * (len(values) - 1):
            return f'{{"{joined}"}}'
    elif kinds <= {int, bool}:
        return f"{{{','.join(map(str, values))}}}"
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def is_postgresql(tx: Tx) -> bool:
    """Whether the transaction is on PostgreSQL."""
    return tx.connection.dialect.name == "postgresql"


def keep_to_itself(tx: Tx) -> None:
    """Let PostgreSQL answer this transaction's questions without helpers, and without compiling.

    A page asks dozens of short ones, while its fellows work on every core: to begin a helper,
    or to compile, takes longer than the answer.
    """
    if is_postgresql(tx):
        with driver(tx).cursor() as cursor:
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            cursor.execute("SET LOCAL jit = off")


def writer(tx: Tx) -> Callable[[Tx], None] | None:
    """What writes many rows at once on this database, if not the database's own call."""
    return flush if is_postgresql(tx) else None


def flush(tx: Tx) -> None:
    """Write what the transaction has kept back, on PostgreSQL; given to ``Tx.remembering``.

    Raises
    ------
    StoreError
        If a row that was to be changed is not there.
    """
    if tx.memory is None:
        return
    kept = tx.memory.take()
    for table, rows in kept.rows.items():
        copy_rows(tx, table, rows)
    for table, puts in kept.puts.items():
        copy_rows(tx, table, [each.row for each in puts.values() if each.is_new])
        if renewed := [each.row for each in puts.values() if not each.is_new]:
            tx.put_many(table, renewed)
    for table, changes in kept.changes.items():
        _change(tx, table, [(dict(key), values) for key, values in changes.items()])


def copy_rows(tx: Tx, table: Table, rows: Sequence[Row]) -> None:
    """Add rows of the same columns to a table, within the transaction that is open."""
    if not rows:
        return
    names = list(rows[0])
    text = _text_of(tx.tenant_id, names, rows)
    with _copying(tx, table, names) as copy:
        copy.write(text)


def copy_as_they_come(tx: Tx, table: Table, rows: Iterable[Row]) -> None:
    """Add rows to a table as they are made, while it takes those that were made before."""
    tx.touch(table)
    names = [column.name for column in table.columns][1:]  # the tenant's first
    coming = iter(rows)
    with _copying(tx, table, names) as copy:
        while some := list(islice(coming, ROWS_A_BLOCK)):
            copy.write(_text_of(tx.tenant_id, names, some))


@contextmanager
def _copying(tx: Tx, table: Table, names: Sequence[str]) -> Iterator[Copy]:
    statement = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(table.name), _listed(["tenant_id", *names])
    )
    with told(tx, table), driver(tx).cursor() as cursor, cursor.copy(statement) as copy:
        yield copy


@contextmanager
def told(tx: Tx, table: Table) -> Iterator[None]:
    """Let what the driver refuses be told as SQLAlchemy tells it: some of it is tried again."""
    try:
        yield
    except PsycopgError as error:
        told_as = DBAPIError.instance(
            f"many rows of {table.name}", None, error, PsycopgError, dialect=tx.connection.dialect
        )
        raise told_as from error


def _text_of(tenant_id: str, names: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows in COPY's text format; the columns hold texts, integers, truths and bytes."""
    first = tenant_id.translate(_ESCAPES)
    written = []
    for row in rows:
        cells = [first]
        for name in names:
            value = row[name]
            kind = type(value)
            if kind is str:
                # Two of the four are rare: looking costs less than rewriting each text.
                plain = value.isprintable() and "\\" not in value
                cells.append(value if plain else value.translate(_ESCAPES))
            elif kind is int:
                cells.append(str(value))
            elif kind is bool:
                cells.append("t" if value else "f")
            elif value is None:
                cells.append("\\N")
            elif kind is bytes:
                cells.append(f"\\\\x{value.hex()}")
            else:
                raise StoreError(f"expected a text, an integer or a truth in {name}, got {kind}")
        written.append("\t".join(cells))
    written.append("")
    return "\n".join(written)


def _change(tx: Tx, table: Table, pairs: Sequence[tuple[Row, Row]]) -> None:
    """Change rows that are found by the same columns and change in the same ones."""
    key, values = (list(each) for each in pairs[0])
    flat = [*((name, 0) for name in key), *((name, 1) for name in values)]
    columns = [array_text([pair[side][name] for pair in pairs]) for name, side in flat]
    arrays = SQL(", ").join(
        SQL("%s::" + _CASTS[type(table.c[name].type)]) for name, _ in flat
    )  # the casts are this module's own
    statement = SQL(
        "UPDATE {table} AS t SET {sets} FROM unnest({arrays}) AS v({names}) "
        "WHERE t.tenant_id = %s AND {same}"
    ).format(
        table=Identifier(table.name),
        sets=SQL(", ").join(SQL("{0} = v.{0}").format(Identifier(name)) for name in values),
        arrays=arrays,
        names=_listed([name for name, _ in flat]),
        same=SQL(" AND ").join(SQL("t.{0} = v.{0}").format(Identifier(name)) for name in key),
    )
    with told(tx, table), driver(tx).cursor() as cursor:
        cursor.execute(statement, [*columns, tx.tenant_id])
        if cursor.rowcount != len(pairs):
            raise StoreError(
                f"expected to change {len(pairs)} rows of {table.name}, changed {cursor.rowcount}"
            )


def _listed(names: Iterable[str]) -> Composed:
    return SQL(", ").join(Identifier(name) for name in names)


def driver(tx: Tx) -> PsycopgConnection[Any]:
    """The driver's own connection, within the transaction that is open.

    Raises
    ------
    StoreError
        If the transaction is not on PostgreSQL.
    """
    found = tx.connection.connection.driver_connection
    if not isinstance(found, PsycopgConnection):
        raise StoreError(f"expected psycopg behind PostgreSQL, got {type(found).__name__}")
    return found
