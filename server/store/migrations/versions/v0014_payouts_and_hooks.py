"""Payouts with their steps, payees, batches and answers; hooks with their deliveries."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and what keeps them as they were written."""
    run_statements("0014")
