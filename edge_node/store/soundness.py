"""Whether a database that could not be written for a while still keeps what was said of it.

After a failed write or sync nothing that this process remembers of the file counts. A
fresh connection reads it anew; what was acknowledged must be there, and the file whole.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.wire.telemetry import Watermark
from edge_node.store.database import StationDatabase, StoreError, storage_errors

WHOLE_CHECK_MIB_MAX = 256  # a larger file would keep the devices waiting for minutes
_BYTES_PER_MIB = 1024 * 1024


def require_sound(db: StationDatabase, told: Iterable[Watermark]) -> bool:
    """Look at a freshly opened database; whether the whole of it was read.

    Parameters
    ----------
    db
        A connection that was opened after the fault.
    told
        The watermarks that devices were told.

    Raises
    ------
    StoreError
        If a watermark is not covered any more, or the file is broken.
    """
    with storage_errors():
        for mark in told:
            _require_covered(db, mark)
        pages, page_bytes = (
            db.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
        )
        if pages * page_bytes > WHOLE_CHECK_MIB_MAX * _BYTES_PER_MIB:
            return False
        found = db.conn.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"expected a whole database, it is broken: {found}")
    return True


def _require_covered(db: StationDatabase, mark: Watermark) -> None:
    row = db.conn.execute(
        "SELECT upto FROM streams WHERE device_id = ? AND epoch = ?", (mark.device, mark.epoch)
    ).fetchone()
    upto = row[0] if row else 0
    if upto < mark.upto:
        raise StoreError(
            f"expected {mark.device} to be stored up to {mark.upto}, which it was told, the "
            f"database ends at {upto}: it has lost what was acknowledged, restore it"
        )
