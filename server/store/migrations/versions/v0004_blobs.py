"""Pictures are kept by their hash."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    run_statements("0004")
