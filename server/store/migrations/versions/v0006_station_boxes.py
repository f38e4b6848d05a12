"""A station's box may be replaced: which one is confirmed, and what the one before holds."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two tables."""
    run_statements("0006")
