"""The life of a model: its steps by two persons, what challengers would have said, counts of bins.

Models that were in force before are *adopted*: the one step that nobody approved, which no
later row can repeat.
"""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, write down what was in force, and close the door behind it."""
    run_statements("0023")
