"""What was claimed of subsidised interest, line by line, and what was paid of it."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    run_statements("0019")
