"""One transaction of one tenant: its questions and changes, and the parts that may fail.

A transaction that remembers (:mod:`server.store.memory`) answers what it knows and keeps back
what can be written in bulk; all that it keeps back is written before anybody could miss it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.sql import Executable, Select

from core.errors import HarvestlineError, UnitError
from server.store.memory import Memory, Row
from server.store.questions import (
    LIMIT,
    added_or_renewed,
    added_unless_there,
    changed_where,
    equals,
    rows_where,
    value_where,
)

T = TypeVar("T")
Narrow = Callable[[Select[Any]], Select[Any]]
ROWS_MAX = 1_000_000  # of any one answer
STREAM_ROWS = 2_000  # held at a time of an answer that is read row by row
_NOT_ASKED = object()
_TOO_LONG = "54000"  # of PostgreSQL: a text is longer than its index takes
_BY_TRIGGER = "P0001"


class StoreError(HarvestlineError):
    """The database cannot be opened, is not of this version, or refused a change."""

    code = "HL-SRV-002"


class UnfitValueError(UnitError):
    """A value does not fit its column, as a text with a NUL: its sender is wrong, not the store."""


class NotKnownError(HarvestlineError):
    """No such record is in the store."""

    code = "HL-SRV-004"


class ConflictError(HarvestlineError):
    """A record with this id exists, and its content is another."""

    code = "HL-SRV-005"


class KeptBackError(SQLAlchemyError):
    """What many parts of a transaction kept back cannot be written; nobody knows whose it is."""


@dataclass(frozen=True, slots=True)
class Tx:
    """One transaction of one tenant.

    ``narrow`` is put between every question and the database where only a part of the book
    may be read (see :mod:`server.store.scoping`).
    """

    connection: Connection
    tenant_id: str
    memory: Memory | None = None
    narrow: Narrow | None = None

    def _asked(self, question: Select[Any]) -> Select[Any]:
        return question if self.narrow is None else self.narrow(question)

    @contextmanager
    def remembering(self, write_out: Callable[[Tx], None] | None = None) -> Iterator[Tx]:
        """The same transaction with a memory; what it keeps back is written at the end.

        Parameters
        ----------
        write_out
            How what was kept back is written, if not row by row.
        """
        tx = replace(self, memory=Memory(write_out))
        yield tx
        tx.flush()

    def in_bulk(self, act: Callable[[Tx], T], write_out: Callable[[Tx], None] | None = None) -> T:
        """Do something of many parts with a memory that keeps back what its parts write, too.

        Where what was kept back cannot be written, nobody knows which part it was: then all is
        undone and done again, each part with a savepoint of its own (:meth:`attempt`).
        """
        memory = Memory(write_out, defers=True)
        deferring = replace(self, memory=memory)
        try:
            with self.connection.begin_nested():
                found = act(deferring)
                deferring.flush()
                return found
        except KeptBackError:
            with self.remembering(write_out) as tx:
                return act(tx)

    @property
    def defers(self) -> bool:
        """Whether what parts write is kept back until many can be written at once."""
        return self.memory is not None and self.memory.defers

    def recall(self, table: Table, key: Hashable, ask: Callable[[], T]) -> T:
        """The answer to a question about a table: remembered, or asked and remembered."""
        if self.memory is None:
            return ask()
        known: Any = self.memory.answers(table).get(key, _NOT_ASKED)
        if known is _NOT_ASKED:
            found = ask()  # may make the table forgotten
            self.memory.learn(table, key, found)
            return found
        return known  # type: ignore[no-any-return]  # asked forty times a line: no cast

    def learn(self, table: Table, key: Hashable, answer: object) -> None:
        """Remember an answer, if this transaction remembers."""
        if self.memory is not None:
            self.memory.learn(table, key, answer)

    def learn_all(self, table: Table, found: Mapping[Any, object]) -> None:
        """Remember many answers at once, by key."""
        if self.memory is not None:
            self.memory.learn_all(table, found)

    def learn_within(self, table: Table, key: Hashable, place: Hashable, answer: object) -> None:
        """Remember one place anew in a map that is remembered under a key, if one is."""
        if self.memory is not None:
            self.memory.learn_within(table, key, place, answer)

    def known(self, table: Table, key: Hashable) -> Any:
        """What is remembered under a key; None if nothing is."""
        return None if self.memory is None else self.memory.answers(table).get(key)

    def forget_one(self, table: Table, key: Hashable) -> None:
        """Ask again what was remembered under a key."""
        if self.memory is not None:
            self.memory.forget_one(table, key)

    def is_absent(self, table: Table, key: Hashable) -> bool:
        """Whether it is remembered that nothing stands under a key."""
        if self.memory is None:
            return False
        return self.memory.answers(table).get(key, _NOT_ASKED) is None

    def append(self, table: Table, **values: Any) -> None:
        """Add one row of this tenant, perhaps later; the caller says what it changes."""
        if self.memory is None:
            self.insert(table, **values)
        else:
            self.memory.keep(table, values)

    def put(self, table: Table, key: Row, row: Row, *, is_new: bool = False) -> None:
        """Add one row, or replace what stands under its key; perhaps later.

        The caller says what it changes, and whether it is known that nothing stands there.
        """
        if self.memory is None:
            self.upsert(table, **row)
        else:
            self.memory.keep_put(table, key, row, is_new=is_new)

    def change_row(self, table: Table, key: Row, values: Row) -> None:
        """Change one row of this tenant at once."""
        self.touch(table)
        self._change_many(table, [(key, values)])

    def change(self, table: Table, key: Row, values: Row) -> None:
        """Change one row of this tenant, perhaps later; the caller says what it changes."""
        if self.memory is None:
            self._change_many(table, [(key, values)])
        else:
            self.memory.keep_change(table, key, values)

    def flush(self) -> None:
        """Write what was kept back: first what waits since before the part under way."""
        memory = self.memory
        if memory is None:
            return
        if memory.is_in_part:
            self._flush_before_part(memory)
            if memory.waits:
                self._secure(memory)
                self._write_out(memory)
        elif memory.defers:
            self._flush_or_tell(memory)
        elif memory.waits:
            self._write_out(memory)

    def _flush_before_part(self, memory: Memory) -> None:
        """Write what waits since before the part that is under way, whose doing it is not."""
        before = memory.before_part()
        if before is not None:
            mine = memory.take()
            memory.give(before)
            self._flush_or_tell(memory)
            memory.give(mine)

    def _secure(self, memory: Memory) -> None:
        """From here on the part under way is undone by the database."""
        if memory.savepoint is None:
            memory.savepoint = self.connection.begin_nested()

    def _flush_or_tell(self, memory: Memory) -> None:
        """Write what many parts kept back.

        Raises
        ------
        KeptBackError
            If that cannot be written.
        """
        try:
            if memory.waits:
                self._write_out(memory)
        except HarvestlineError as error:
            raise KeptBackError(str(error)) from error
        except DBAPIError as error:
            if isinstance(error, OperationalError) and not is_refusal(error):
                raise  # it met another, or the database is gone: nothing kept back is wrong
            raise KeptBackError(str(error)) from error

    def _write_out(self, memory: Memory) -> None:
        if memory.write_out is not None:
            memory.write_out(self)
            return
        kept = memory.take()
        for table, rows in kept.rows.items():
            self._insert_many(table, rows)
        for table, puts in kept.puts.items():
            self.put_many(table, [each.row for each in puts.values()])
        for table, changes in kept.changes.items():
            self._change_many(table, [(dict(key), values) for key, values in changes.items()])

    def _flush_for(self, table: Table) -> None:
        """Before a question about one table: write what was kept back, if any is of that table."""
        if self.memory is not None and self.memory.waits_for(table):
            self.flush()

    def touch(self, table: object) -> None:
        """Before a write that nobody explains: keep nothing back, forget the table."""
        if self.memory is not None:
            self.flush()
            if self.memory.is_in_part:
                self._secure(self.memory)
            if isinstance(table, Table):
                self.memory.forget(table)

    def run(self, statement: Executable) -> int:
        """Execute a change; the number of rows that it touched."""
        self.touch(getattr(statement, "table", None))
        return int(self.connection.execute(statement).rowcount)

    def rows(self, statement: Select[Any], rows_max: int = 0) -> list[dict[str, Any]]:
        """The rows of a question; the first ``rows_max``, or all of them.

        Raises
        ------
        StoreError
            If all were asked for and they are more than ``ROWS_MAX``: never a part.
        """
        self.flush()
        return self._answered(statement.limit(rows_max or ROWS_MAX + 1), {}, rows_max)

    def _answered(self, statement: Select[Any], values: Row, rows_max: int) -> list[Row]:
        found = self.connection.execute(self._asked(statement), values)
        names = [str(name) for name in found.keys()]  # noqa: SIM118  # a result, no mapping
        rows = [dict(zip(names, row, strict=True)) for row in found.all()]
        if len(rows) > max(rows_max, ROWS_MAX):
            raise StoreError(f"expected at most {ROWS_MAX} rows in one answer, got more")
        return rows

    def find_rows(self, table: Table, *order: str, **equal: Any) -> list[Row]:
        """The tenant's rows in which columns have values; ``order`` as in ``rows_where``.

        Raises
        ------
        StoreError
            If they are more than ``ROWS_MAX``: never a part.
        """
        return self._found(table, order, equal, 0)

    def find_row(self, table: Table, *order: str, **equal: Any) -> Row | None:
        """The first of this tenant's rows in which columns have values, if there is one."""
        return next(iter(self._found(table, order, equal, 1)), None)

    def lock_row(self, table: Table, **equal: Any) -> Row | None:
        """The same, locked until the transaction ends.

        SQLite has no FOR UPDATE; there BEGIN IMMEDIATE already holds the only writer.
        """
        return next(iter(self._found(table, (), equal, 1, lock=True)), None)

    def find_value(self, table: Table, column: str, **equal: Any) -> Any:
        """One column of this tenant's row in which columns have values; None without one."""
        self._flush_for(table)
        question = value_where(table, column, tuple(equal))
        asked = self._asked(question)
        return self.connection.execute(asked, equals(self.tenant_id, equal)).scalar()

    def _found(
        self, table: Table, order: tuple[str, ...], equal: Row, rows_max: int, *, lock: bool = False
    ) -> list[Row]:
        self._flush_for(table)
        question = rows_where(table, tuple(equal), order, lock=lock)
        values = {**equals(self.tenant_id, equal), LIMIT: rows_max or ROWS_MAX + 1}
        return self._answered(question, values, rows_max)

    def stream(
        self, statement: Select[Any], rows_each: int = STREAM_ROWS
    ) -> Iterator[dict[str, Any]]:
        """The rows of a question one by one, held in memory ``rows_each`` at a time.

        Other questions may be asked in between; nothing may be written.
        """
        self.flush()
        asked = self._asked(statement)
        found = self.connection.execute(asked, execution_options={"yield_per": rows_each})
        with found:
            for row in found.mappings():
                yield {str(name): value for name, value in row.items()}

    def row(self, statement: Select[Any]) -> dict[str, Any] | None:
        """The first row of a question, if there is one."""
        return next(iter(self.rows(statement, 1)), None)

    def scalar(self, statement: Select[Any]) -> Any:
        """The first column of the first row, if there is one."""
        self.flush()
        asked = statement if self.narrow is None else self.narrow(statement)
        return self.connection.execute(asked).scalar()

    def attempt(self, act: Callable[[], T]) -> T:
        """Do a part that may fail by itself: if it does, only the part is undone.

        Raises
        ------
        UnfitValueError
            If a value does not fit its column.
        StoreError
            If it breaks a constraint.
        """
        memory = self.memory
        if memory is not None and memory.defers and not memory.is_in_part:
            return self._attempt_kept(memory, act)
        self.flush()
        try:
            with self.connection.begin_nested():
                found = act()
                self.flush()
                return found
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            self._forget_all()
            raise translated(error) from error
        except HarvestlineError:
            self._forget_all()  # what was read and written in it was undone
            raise

    def _attempt_kept(self, memory: Memory, act: Callable[[], T]) -> T:
        """The same without the database, as far as the part asks and changes nothing there."""
        memory.begin()
        try:
            found = act()
            self._settle(memory)
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            if memory.savepoint is None:
                raise KeptBackError(str(error)) from error
            raise translated(error) from error
        finally:
            if memory.is_in_part:
                self._undo_kept(memory)
        return found

    def _settle(self, memory: Memory) -> None:
        """The part under way holds."""
        if memory.savepoint is not None:
            self.flush()
            memory.savepoint.commit()
            memory.savepoint = None
        memory.end()

    def _undo_kept(self, memory: Memory) -> None:
        """The part under way was refused."""
        if memory.savepoint is not None:
            memory.savepoint.rollback()
            memory.savepoint = None
        memory.undo()

    def _forget_all(self) -> None:
        if self.memory is not None:
            self.memory.clear()

    def insert(self, table: Table, **values: Any) -> None:
        """Add one row of this tenant."""
        self.touch(table)
        self.connection.execute(table.insert(), {"tenant_id": self.tenant_id, **values})

    def insert_many(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Add rows of this tenant at once."""
        if rows:
            self.touch(table)
            self._insert_many(table, rows)

    def _insert_many(self, table: Table, rows: list[Row]) -> None:
        tenant = {"tenant_id": self.tenant_id}
        self.connection.execute(table.insert(), [{**tenant, **row} for row in rows])

    def put_many(self, table: Table, rows: list[Row]) -> None:
        """Add rows of the same columns, or replace what stands under their keys."""
        put = added_or_renewed(table, self.connection.dialect.name, tuple(rows[0]))
        self.connection.execute(put, [{"tenant_id": self.tenant_id, **row} for row in rows])

    def _change_many(self, table: Table, pairs: list[tuple[Row, Row]]) -> None:
        """Change rows that are found by the same columns and change in the same ones."""
        key, values = pairs[0]
        statement = changed_where(table, tuple(key), tuple(values))
        self.connection.execute(
            statement,
            [
                equals(self.tenant_id, at) | {f"to_{n}": v for n, v in to.items()}
                for at, to in pairs
            ],
        )

    def insert_new(self, table: Table, **values: Any) -> bool:
        """Add one row unless its key is taken; whether it was added."""
        self.touch(table)
        added = added_unless_there(table, self.connection.dialect.name)
        row = {"tenant_id": self.tenant_id, **values}
        # Unasked, SQLAlchemy forgets an INSERT's count on PostgreSQL and answers -1.
        kept = {"preserve_rowcount": True}
        return self.connection.execute(added, row, execution_options=kept).rowcount == 1

    def insert_many_new(self, table: Table, rows: list[Row]) -> None:
        """Add rows of this tenant at once, but for those whose key is taken."""
        if rows:
            self.touch(table)
            tenant = {"tenant_id": self.tenant_id}
            added = added_unless_there(table, self.connection.dialect.name)
            self.connection.execute(added, [{**tenant, **row} for row in rows])

    def upsert(self, table: Table, **values: Any) -> None:
        """Add one row, or replace what stands under its key."""
        self.touch(table)
        put = added_or_renewed(table, self.connection.dialect.name, tuple(values))
        self.connection.execute(put, {"tenant_id": self.tenant_id, **values})


def is_refusal(error: DBAPIError) -> bool:
    """Whether the database refused what was written, as it would again and of anybody."""
    if isinstance(error, DataError | IntegrityError):
        return True
    return getattr(error.orig, "sqlstate", "") in (_TOO_LONG, _BY_TRIGGER)


def translated(error: SQLAlchemyError) -> StoreError | UnfitValueError:
    """What SQLAlchemy or a driver refused, as an error of ours."""
    # The driver's message alone: SQLAlchemy's own would show the parameters.
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DataError) or getattr(cause, "sqlstate", "") == _TOO_LONG:
        return UnfitValueError(f"the database cannot keep it: {cause}")
    return StoreError(f"the database refused: {cause}")
