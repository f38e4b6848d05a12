"""A second factor beside the password: sealed secrets, spare codes, and how each may change."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and what refuses a time or a spare code twice and an end by one person."""
    run_statements("0035")
