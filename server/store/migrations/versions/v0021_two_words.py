"""Two persons for words about money, logins of cash agents, and secrets of hooks that changed."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and what refuses one person's word; what stood before is listed."""
    run_statements("0021")
