"""Lines are drawn at several stations, people move home, stations are lost for good."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the three tables."""
    run_statements("0005")
