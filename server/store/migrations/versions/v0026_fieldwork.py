"""Photos of visits, what agents say is otherwise, and who chose; areas with a lower bound."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and the column."""
    run_statements("0026")
