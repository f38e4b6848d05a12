"""The newest look at each plot and pasture, kept beside the evidence by the database itself."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, what keeps it, and the looks that are there already."""
    run_statements("0027")
