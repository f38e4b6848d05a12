"""What farmers ask a person to look at, and what was answered."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    run_statements("0024")
