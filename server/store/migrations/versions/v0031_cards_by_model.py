"""A station's cards of a day, a model's decisions and a challenger's newest words are found."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    run_statements("0031")
