"""A line that a review of the book moved is told to its stations with their next pull."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    run_statements("0030")
