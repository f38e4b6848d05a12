"""What is lent by, and what stations are given, is said by two from now on.

Versions that were in force and updates that went out before are listed among what one person
said before two were asked for.
"""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the steps of updates, and what refuses one person's policy and one person's roll-out."""
    run_statements("0037")
