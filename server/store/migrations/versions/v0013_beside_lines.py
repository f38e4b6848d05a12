"""The bureau's answers, covers, partners and prices beside a line, and a draw's own rate."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and the column."""
    run_statements("0013")
