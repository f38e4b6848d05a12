"""Features and readings on their way up, each a record of its log, written once.

Every settled version of a daily feature goes into the features log. Every signed
document of a device goes into the raw log, the oldest first, as long as fewer than
``raw_waiting_max`` of them stand there without a receipt: so a station that is dark for
months keeps its readings once, under its retention, and not a second time in a log.
Once a day, how the decisions of the days before fell into their models' bins is counted.
"""

from __future__ import annotations

from datetime import timedelta

from core.canonical import parse_canonical
from core.decision.card import DecisionCard
from core.decision.counting import count_cards
from core.lending.lease import Clock
from core.signing import DOCUMENT_BYTES_MAX
from core.wire.envelope import LogClass
from core.wire.records import Up
from edge_node.config import Settings
from edge_node.decide.desk import Desk
from edge_node.features.compute import compute_daily_features
from edge_node.store import counted, documents, logs, models, outbox
from edge_node.store.box import may_write
from edge_node.store.daily import final_features
from edge_node.store.database import StationDatabase
from edge_node.store.retention import let_go
from edge_node.watch.rounds import watch

FEATURES_AT_ONCE_MAX = 1000
DOCUMENTS_AT_ONCE_MAX = 100  # so that the intake never waits long for the write lock


def tend_readings(db: StationDatabase, settings: Settings, desk: Desk, clock: Clock) -> bool:
    """Compute and settle daily features, and let go of old readings; False if none was done.

    A clock that is not known settles no day and deletes nothing: one that jumped ten
    years ahead would take away readings that were acknowledged and never delivered.
    Nor does a clock delete that was never held against anything the centre has said.
    On a full disk nothing is computed, and what retention deletes goes back to the disk.
    """
    if not clock.known:
        return False
    if db.has_room:
        compute_daily_features(db, settings, clock.at_ms)
        watch(db, settings, clock.at_ms)
        log_settled_features(db, desk, clock)
        log_documents(db, desk, clock, settings.raw_waiting_max)
        log_model_counts(db, desk, clock)
    if clock.floor_ms:
        let_go(db, settings, clock.at_ms)
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


def log_model_counts(db: StationDatabase, desk: Desk, clock: Clock) -> int:
    """Write how the decisions of each finished day fell into their models' bins; how many records.

    A day is counted once. A decision that a clock, set back, made on a day that was counted
    is not added: its card travels all the same.
    """
    today = desk.today(clock)
    yesterday = (today - timedelta(days=1)).isoformat()
    if counted.is_counted(db, yesterday) or not may_write(db):
        return 0
    count = 0
    for day in dict.fromkeys((*counted.uncounted_days(db, today.isoformat()), yesterday)):
        with db.atomic():
            count += _log_counts_of(db, desk, day, clock)
            counted.mark_counted(db, day)
    return count


def _log_counts_of(db: StationDatabase, desk: Desk, day: str, clock: Clock) -> int:
    by_model: dict[str, list[DecisionCard]] = {}
    for card in counted.cards_on(db, day):
        by_model.setdefault(card.inputs.model_sha256, []).append(card)
    known = {each: kept for each in sorted(by_model) if (kept := models.find_model(db, each))}
    for sha256, kept in known.items():
        counts = count_cards(day, kept.model, sha256, by_model[sha256])
        logs.append(db, desk.station, Up.MODEL_COUNTS, counts, clock, f"counts/{day}/{sha256}")
    return len(known)


def log_documents(db: StationDatabase, desk: Desk, clock: Clock, waiting_max: int) -> int:
    """Write signed documents into the raw log, the oldest first; how many there were.

    Parameters
    ----------
    waiting_max
        How many records may stand there without a receipt.
    """
    count = 0
    while True:
        with db.atomic():
            waiting = logs.tail(db, LogClass.RAW).seq - outbox.delivered(db, LogClass.RAW).seq
            found = documents.unlogged(
                db, min(DOCUMENTS_AT_ONCE_MAX, max(0, waiting_max - waiting))
            )
            for _, sha256, raw in found:
                body = parse_canonical(raw, DOCUMENT_BYTES_MAX)
                logs.append(db, desk.station, Up.TELEMETRY, body, clock, sha256)
            documents.mark_logged(db, [number for number, *_ in found])
        count += len(found)
        if len(found) < DOCUMENTS_AT_ONCE_MAX:
            return count
