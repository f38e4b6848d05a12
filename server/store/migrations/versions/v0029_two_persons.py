"""Accounts by two persons: steps of users, their key, and triggers that compare persons.

Who may log in from before is *adopted*: the one step that nobody approved, which no later row
can repeat.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from server.store.people import person_key
from server.store.schema import run_statements

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns, write down who there was, and close the door behind it."""
    run_statements("0029")
    bind = op.get_bind()
    put = text(
        "UPDATE users SET person_key = :key WHERE tenant_id = :tenant AND username = :username"
    )
    for row in bind.execute(text("SELECT tenant_id, username FROM users")).all():
        key = person_key(row.username)
        bind.execute(put, {"key": key, "tenant": row.tenant_id, "username": row.username})
    run_statements("0029.triggers")
