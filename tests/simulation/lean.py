"""SQLAlchemy's way to SQLite, without what no world needs: a third of a seed's time went there.

The statements, their order and their parameters are SQLAlchemy's, and so are transactions and
how a fault is told; an answer alone is read straight from the driver. What is not as plain as a
question whose answer is read at once goes SQLAlchemy's own way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Connection, Engine
from sqlalchemy.sql import Select
from sqlalchemy.sql.compiler import SQLCompiler

Row = tuple[Any, ...]
_PLAN = "_lean_plan"  # kept on a question that is built once


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a question found."""

    names: tuple[str, ...]
    found: list[Row]

    def keys(self) -> tuple[str, ...]:
        """The columns' names."""
        return self.names

    def all(self) -> list[Row]:
        """Every row."""
        return self.found

    def scalar(self) -> Any:
        """The first column of the first row, if there is one."""
        return self.found[0][0] if self.found else None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of all questions of one shape."""

    compiled: SQLCompiler
    names: tuple[str, ...]
    truths: tuple[int, ...]  # the places of columns that SQLite answers with 0 and 1
    grows: bool  # with the values of an IN

    def answer(self, rows: list[Row]) -> Answer:
        if self.truths:
            rows = [
                tuple(bool(x) if i in self.truths and x is not None else x
                      for i, x in enumerate(row))
                for row in rows
            ]  # fmt: skip
        return Answer(self.names, rows)


class LeanConnection(Connection):
    """A connection that asks plain questions without SQLAlchemy's result and event machinery."""

    def execute(self, statement: Any, parameters: Any = None, **options: Any) -> Any:
        """As SQLAlchemy does."""
        if options or type(statement) is not Select:
            return super().execute(statement, parameters, **options)
        plan = _plan_of(self, statement)
        key = statement._generate_cache_key()
        values = plan.compiled.construct_params(parameters, extracted_parameters=key.bindparams)
        sql, names = plan.compiled.string, plan.compiled.positiontup or ()
        if plan.grows:
            whole = plan.compiled._process_parameters_for_postcompile(values)
            sql, names, values = (
                whole.statement,
                whole.positiontup or (),
                {**values, **whole.parameters},
            )
        return plan.answer(self._ask(sql, tuple(values[name] for name in names)))

    def _ask(self, sql: str, given: Row) -> list[Row]:
        cursor = self.connection.cursor()
        try:
            cursor.execute(sql, given)
            found: list[Row] = cursor.fetchall()
        except BaseException as error:  # noqa: BLE001  # a process that dies, too: told on
            self._handle_dbapi_exception(error, sql, given, cursor, None)
        cursor.close()
        return found

    def _begin_impl(self, transaction: Any) -> None:
        self._has_events = True  # the store's own BEGIN is the one event that is heard
        try:
            super()._begin_impl(transaction)
        finally:
            self._has_events = False


def lean(engine: Engine) -> Engine:
    """The same engine, its connections lean."""
    engine._connection_cls = LeanConnection
    engine._has_events = False
    return engine


def _plan_of(connection: Connection, statement: Select[Any]) -> _Plan:
    """How a question is asked."""
    known: _Plan | None = statement.__dict__.get(_PLAN)
    if known is None:
        key = statement._generate_cache_key()
        plans = connection.engine.__dict__.setdefault("_plans", {})
        known = plans.get(key.key)
        if known is None:
            known = plans[key.key] = _planned(connection, statement, key)
        statement.__dict__[_PLAN] = known
    return known


def _planned(connection: Connection, statement: Select[Any], key: Any) -> _Plan:
    compiled = statement._compiler(connection.dialect, cache_key=key, column_keys=[])
    columns = compiled._result_columns
    truths = tuple(i for i, each in enumerate(columns) if isinstance(each.type, Boolean))
    grows = bool(compiled.post_compile_params or compiled.literal_execute_params)
    return _Plan(compiled, tuple(each.keyname for each in columns), truths, grows)
