"""A centre's database with the newest schema, copied: it is laid out once a process."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from server.store.engine import Store, open_store
from server.store.schema import migrate

TENANT = "lender"


def lay_out(store: Store) -> None:
    """Bring an empty database to the newest schema: a file of SQLite by copying one."""
    url = store.engine.url
    path = Path(url.database) if url.drivername == "sqlite" and url.database else None
    if path is None or not path.exists() or path.stat().st_size:
        migrate(store)
        return
    path.write_bytes(laid_out())


@cache
def laid_out() -> bytes:
    """A file of SQLite with the newest schema and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "centre.sqlite"
        store = open_store(f"sqlite:///{path}", TENANT)
        migrate(store)
        store.close()
        return path.read_bytes()
