"""Products may wait to be in force, and stations say which versions they run."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    run_statements("0007")
