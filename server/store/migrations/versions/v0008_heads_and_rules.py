"""Signed heads of logs, a signed root a day, and the rules of the books as dated data."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the three tables and what keeps them append-only."""
    run_statements("0008")
