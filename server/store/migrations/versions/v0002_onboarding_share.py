"""A line knows the onboarding lease that it was opened under, and its share of it."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns."""
    run_statements("0002")
