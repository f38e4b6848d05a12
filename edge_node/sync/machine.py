"""What the station tells the centre of its own machine when it asks for the way down.

An officer far away sees a disk that fills or a backlog that grows before the village does.
No person, plot or amount is in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from core.lending.lease import Clock
from core.wire.envelope import LogClass, MachineState
from edge_node.store import documents, logs, outbox
from edge_node.store.database import StationDatabase

UNKNOWN_MS = -1


@cache
def software() -> str:
    """The version that runs."""
    return version("harvestline")


def free_bytes(folder: Path) -> int:
    """The room on the disk of a folder [bytes]."""
    return shutil.disk_usage(folder).free


def machine_state(
    db: StationDatabase, clock: Clock, room: Callable[[Path], int] = free_bytes
) -> MachineState:
    """The machine as it stands: version, disk, what the centre has not receipted, clock.

    ``room`` says what is free on the disk of a folder [bytes].
    """
    file = _database_file(db)
    counts = sizes = age_ms = 0
    for log in LogClass:
        if log is LogClass.DOWN:
            continue
        delivered = outbox.delivered(db, log).seq
        count, size_bytes = documents.waiting(db, log, delivered)
        oldest_ms = logs.oldest_after(db, log, delivered)
        counts, sizes = counts + count, sizes + size_bytes
        if oldest_ms is not None:
            age_ms = max(age_ms, clock.at_ms - oldest_ms)
    return MachineState(
        software=software(),
        disk_free_bytes=room(file.parent),
        database_bytes=_size(file) + _size(file.with_name(f"{file.name}-wal")),
        backlog_records=counts,
        backlog_bytes=sizes,
        backlog_age_ms=age_ms,
        clock_error_ms=clock.error_ms if clock.known else UNKNOWN_MS,
    )


def _database_file(db: StationDatabase) -> Path:
    row = db.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()
    return Path(str(row[0]))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
