"""Repayments that bounced, cash agents and their boxes, and plans that were agreed anew."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and what keeps them append-only."""
    run_statements("0015")
