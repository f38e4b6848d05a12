"""Every step of an agreement's life."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and what keeps it append-only."""
    run_statements("0009")
