"""A station knows the day on which its lines were last looked through."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    run_statements("0003")
