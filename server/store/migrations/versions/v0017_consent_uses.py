"""Consents by class and recipient, what rests on which of them, and who looked at whose data."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and tables."""
    run_statements("0017")
