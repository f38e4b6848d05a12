"""The requests of restored boxes that came over the link and wait for an officer."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    run_statements("0010")
