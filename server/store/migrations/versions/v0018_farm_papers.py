"""What was bought for a farm and what was slaughtered, by invoice and settlement."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    run_statements("0018")
