"""What waits for people is found by itself, however large the book is."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    run_statements("0033")
