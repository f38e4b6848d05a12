"""The first schema: tables, the ledger's seal, and the append-only tables' triggers.

The statements stand in two files side by side, for the dialects differ in triggers
and in what an integer column accepts.
"""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build everything."""
    run_statements("0001")
