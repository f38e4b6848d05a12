"""Relief, and what a token sees, are said by two; what was done to one thing is found in the trail.

Relief that was granted before is listed among what one person said before two were asked for.
"""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index, and what refuses one person's relief and one person's scope of a token."""
    run_statements("0034")
