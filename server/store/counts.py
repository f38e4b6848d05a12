"""How many rows stand in each table."""

from __future__ import annotations

from sqlalchemy import func, select

from server.store.engine import Tx
from server.store.tables import metadata


def rows_by_table(tx: Tx) -> dict[str, int]:
    """The number of the tenant's rows in every table, by name."""
    return {
        table.name: int(
            tx.scalar(
                select(func.count()).select_from(table).where(table.c.tenant_id == tx.tenant_id)
            )
        )
        for table in metadata.sorted_tables
    }
