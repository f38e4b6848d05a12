"""Reviews of the whole book, and how a book is spread over crops, villages and weather cells."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; leave room on a line's page, because a review changes it in place."""
    run_statements("0012")
