"""Of each line on which a review of the book found nothing new, by what and until when."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    run_statements("0025")
