"""Authority in money, what waits for a second person, visits of the console, scopes."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and hold two people apart where stations and payees are confirmed."""
    run_statements("0022")
