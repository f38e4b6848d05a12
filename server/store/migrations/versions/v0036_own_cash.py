"""An application may bring the farmer's own cash months, and its line keeps them."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; who applied before brought none."""
    run_statements("0036")
