"""Bringing a database to this version's schema, and comparing it with the tables.

Each migration's statements stand in ``migrations/sql/NUMBER.DIALECT.sql``, separated
by a line that holds only ``--``. A file that has landed is never edited: a change is
a new number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from server.store.engine import Store, StoreError
from server.store.tables import metadata

_FOLDER = Path(__file__).parent / "migrations"
_SEPARATOR = "\n--\n"


def migrate(store: Store) -> str:
    """Bring the database to the newest schema; its number.

    Raises
    ------
    StoreError
        If a statement is refused, or the database is newer than this program.
    """
    config = _config()
    try:
        with store.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (SQLAlchemyError, CommandError) as error:
        raise StoreError(f"the schema could not be brought up: {error}") from error
    return newest()


def newest() -> str:
    """The number of the newest schema that this program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(store: Store) -> str:
    """The number of the database's schema; empty for a new database."""
    try:
        with store.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() or ""
    except SQLAlchemyError as error:
        raise StoreError(f"the database cannot be opened: {error}") from error


def require_current(store: Store) -> None:
    """Refuse a database of another schema.

    Raises
    ------
    StoreError
        If its schema is not the newest that this program knows.
    """
    found, wanted = current(store), newest()
    if found != wanted:
        raise StoreError(
            f"expected a database with schema {wanted}, got {found or 'an empty one'}: "
            "run harvestline-server migrate"
        )


def differences(store: Store) -> list[Any]:
    """Where the database's tables differ from :mod:`server.store.tables`."""
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def run_statements(number: str) -> None:
    """Run a migration's statements for the dialect at hand; called by migrations only."""
    dialect = op.get_bind().dialect.name
    text = (_FOLDER / "sql" / f"{number}.{dialect}.sql").read_text(encoding="utf-8")
    for statement in text.split(_SEPARATOR):
        # Else the driver would take a per cent sign for a parameter.
        op.get_bind().exec_driver_sql(
            statement.strip().rstrip(";"), execution_options={"no_parameters": True}
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config
