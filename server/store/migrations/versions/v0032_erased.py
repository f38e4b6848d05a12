"""A person is erased by two, and stays erased."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what refuses one person's erasure, and a name where two erased it."""
    run_statements("0032")
