"""What each station last said of its own machine: software, disk, what waits to be sent."""

from __future__ import annotations

from server.store.schema import run_statements

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    run_statements("0028")
