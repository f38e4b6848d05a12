"""Run by Alembic: applies migrations on the connection that it was handed."""

from __future__ import annotations

from alembic import context

from server.store.tables import metadata


def run() -> None:
    """Apply what is asked for, all of it or nothing."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


run()
