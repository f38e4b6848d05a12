"""Rails' files that were let in have a row each, and no answer of a file stands without one.

What the trail tells of files that were let in, and what was read before it told so, is written
down first.
"""

from __future__ import annotations

import json

from alembic import op
from sqlalchemy import text

from server.store.schema import run_statements

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_TOLD = text(
    "SELECT tenant_id, object_id, detail, actor, at_ms FROM audit"
    " WHERE action = 'rail_file_admitted' ORDER BY seq"
)
_READ = text(
    "SELECT tenant_id, rail, source_sha256, MIN(at_ms) AS at_ms FROM rail_answers"
    " WHERE kind NOT IN ('call', 'answer') GROUP BY tenant_id, rail, source_sha256"
)
_PUT = text(
    "INSERT INTO rail_files"
    " (tenant_id, rail, purpose, sha256, moved_minor, word_id, brought_by, at_ms)"
    " VALUES (:tenant, :rail, :purpose, :sha256, :moved_minor, :word_id, :by, :at_ms)"
    " ON CONFLICT DO NOTHING"
)


def upgrade() -> None:
    """Add the table, write down what came before, and close the door behind it."""
    run_statements("0038")
    bind = op.get_bind()
    for row in bind.execute(_TOLD).all():
        told = json.loads(row.detail)
        values = {name: told[name] for name in ("purpose", "sha256", "moved_minor", "word_id")}
        given = {"tenant": row.tenant_id, "rail": row.object_id, "at_ms": row.at_ms}
        bind.execute(_PUT, {**given, **values, "by": row.actor})
    for row in bind.execute(_READ).all():
        values = {"purpose": "answers", "sha256": row.source_sha256, "moved_minor": 0}
        given = {"tenant": row.tenant_id, "rail": row.rail, "at_ms": row.at_ms}
        bind.execute(_PUT, {**given, **values, "word_id": "", "by": "migration"})
    run_statements("0038.triggers")
