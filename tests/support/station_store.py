"""A station's database as a migration leaves it, copied: the schema is laid out once a process."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from edge_node.store.database import StationDatabase, open_database
from edge_node.store.schema import migrate

FILE_MODE = 0o600


def migrated(path: Path, now_ms: int, *, any_thread: bool = False) -> StationDatabase:
    """An open database with this release's schema; one that stands at the path is brought to it."""
    if not path.exists():
        path.touch(FILE_MODE)
        path.write_bytes(_laid_out(now_ms))
    db = open_database(path, any_thread=any_thread)
    migrate(db, now_ms)
    return db


@cache
def _laid_out(now_ms: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "station.db"
        db = open_database(path)
        migrate(db, now_ms)
        db.close()
        return path.read_bytes()
