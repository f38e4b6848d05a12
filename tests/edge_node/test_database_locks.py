"""The database's locks hold while somebody else opens and closes it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from edge_node.store.database import open_database

_COUNT = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("SELECT count(*) FROM notes").fetchone()[0])
db.close()
"""


def counted_by_another_process(path: Path) -> int:
    """How many rows another process sees; the last to close a database deletes its journal."""
    said = subprocess.run(
        [sys.executable, "-c", _COUNT, path], capture_output=True, text=True, check=True
    )
    return int(said.stdout)


def test_what_is_committed_after_a_visitor_has_left_can_be_seen(tmp_path: Path) -> None:
    """A visitor (``status``, ``doctor``, a backup) must not take the journal along."""
    path = tmp_path / "station.db"
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(contextlib.closing(open_database(path)))
        first.conn.execute("CREATE TABLE notes (word TEXT) STRICT")
        stack.enter_context(contextlib.closing(open_database(path)))
        assert counted_by_another_process(path) == 0
        with first.atomic():
            first.conn.execute("INSERT INTO notes VALUES ('kept')")
        assert counted_by_another_process(path) == 1
