"""The instants that a station was told, and the clock that follows from them."""

from __future__ import annotations

from core.errors import UnitError
from core.lending.clock import Anchor, Reading, estimate
from core.lending.lease import Clock
from edge_node.store.database import StationDatabase
from edge_node.store.outbox import clock_floor_ms, trust_clock

CENTRE, OPERATOR = "centre", "operator"
_COLUMNS = "at_ms, error_ms, wall_ms, ticks_ms, boot_id"


def read_clock(db: StationDatabase, now: Reading) -> Clock:
    """What the station takes for the time, held against the latest instant it trusted."""
    floor_ms = clock_floor_ms(db)
    return trust_clock(db, *estimate(now, newest_anchor(db), floor_ms))


def newest_anchor(db: StationDatabase) -> Anchor | None:
    """The newest trusted instant, if the station was ever told one."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM clock_anchors ORDER BY id DESC LIMIT 1"  # noqa: S608
    ).fetchone()
    return Anchor(row[0], row[1], Reading(*row[2:])) if row else None


def take_anchor(db: StationDatabase, anchor: Anchor, source: str, reason: str = "") -> int:
    """Trust an instant, and put the floor right by it; the floor before [ms UTC].

    A floor above the latest that the instant can be was raised by a clock that ran ahead:
    it falls to the earliest.

    Raises
    ------
    UnitError
        If an operator says that it is earlier than what the centre has signed.
    """
    with db.atomic():
        if source == OPERATOR:
            _require_after_centre(db, anchor)
        floor_ms = clock_floor_ms(db)
        earliest_ms, latest_ms = anchor.at_ms - anchor.error_ms, anchor.at_ms + anchor.error_ms
        after_ms = earliest_ms if floor_ms > latest_ms else max(floor_ms, earliest_ms)
        clocks = anchor.clocks
        added = db.execute(
            f"INSERT INTO clock_anchors (source, {_COLUMNS}, floor_before_ms, reason) "  # noqa: S608
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                source, anchor.at_ms, anchor.error_ms, clocks.wall_ms, clocks.ticks_ms,
                clocks.boot_id, floor_ms, reason,
            ],
        )  # fmt: skip
        db.execute(
            "UPDATE clock_floor SET floor_ms = ?, anchor_id = ?", [after_ms, added.lastrowid]
        )
        db.execute(
            "DELETE FROM clock_anchors WHERE id < ? AND source = 'centre' "
            "AND floor_before_ms <= at_ms - error_ms",
            [added.lastrowid],
        )
    return floor_ms


def _require_after_centre(db: StationDatabase, anchor: Anchor) -> None:
    signed_ms = db.execute("SELECT max(at_ms - error_ms) FROM down_records").fetchone()[0] or 0
    if anchor.at_ms + anchor.error_ms < signed_ms:
        raise UnitError(
            f"expected a time after {signed_ms} ms, which the centre has signed, got "
            f"{anchor.at_ms} ± {anchor.error_ms} ms: look at the date again"
        )
