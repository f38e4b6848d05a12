"""Daily features on their way up: each settled version becomes one record of its log."""

from __future__ import annotations

from core.lending.lease import Clock
from core.wire.envelope import LogClass
from core.wire.records import Up
from edge_node.config import Settings
from edge_node.decide.desk import Desk
from edge_node.features.compute import compute_daily_features
from edge_node.store import logs
from edge_node.store.daily import final_features
from edge_node.store.database import StationDatabase
from edge_node.store.retention import delete_expired

FEATURES_AT_ONCE_MAX = 1000


def tend_readings(db: StationDatabase, settings: Settings, desk: Desk, clock: Clock) -> bool:
    """Compute and settle daily features, and let go of old readings; False if none was done.

    A clock that is not known settles no day and deletes nothing: one that jumped ten
    years ahead would take away readings that were acknowledged and never delivered.
    Nor does a clock delete that was never held against anything the centre has said.
    """
    if not clock.known:
        return False
    compute_daily_features(db, settings, clock.at_ms)
    log_settled_features(db, desk, clock)
    if clock.floor_ms:
        delete_expired(db, settings, clock.at_ms)
    return True


def log_settled_features(db: StationDatabase, desk: Desk, clock: Clock) -> int:
    """Write a record for every settled daily feature that has none; how many there were.

    Settling numbers them without a hole and the log has no other records, so the
    log's own end says where to go on.
    """
    count = 0
    while True:
        with db.atomic():
            after = logs.tail(db, LogClass.FEATURES).seq
            settled = final_features(db, after, FEATURES_AT_ONCE_MAX)
            for one in settled:
                subject = f"settled/{one.final_no}"
                logs.append(db, desk.station, Up.DAILY_FEATURE, one.feature, clock, subject)
        count += len(settled)
        if len(settled) < FEATURES_AT_ONCE_MAX:
            return count
