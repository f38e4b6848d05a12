"""What was brought to a store and taken from it, by the weighbridge's tickets."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    run_statements("0011")
