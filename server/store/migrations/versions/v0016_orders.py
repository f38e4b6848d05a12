"""Partners, their orders and sales, what a draw pays for, and requests that count once."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns."""
    run_statements("0016")
