"""What waits for the centre, and the counts of lending: cheap enough to ask every minute."""

from __future__ import annotations

from dataclasses import dataclass

from core.lending.lease import Clock
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.modelfile import ModelState, state
from edge_node.store import box, documents, models, outbox, photo_sends
from edge_node.store.database import StationDatabase

PHOTOS = "photos"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Records of a log, or photos, that the centre lacks: how many, size, age of the oldest."""

    log: str
    records_count: int
    size_bytes: int
    age_ms: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many leases, draws and devices there are, and whether this box may lend."""

    may_write: bool
    model: int
    leases: int
    held: int
    pending: int
    devices: int
    heard: int


def backlog(db: StationDatabase, clock: Clock) -> tuple[Backlog, ...]:
    """What waits in each log; ages by what the station takes for the time."""
    logs = tuple(_of_log(db, log, clock) for log in LogClass if log is not LogClass.DOWN)
    photos = photo_sends.waiting(db)
    since_ms = clock.at_ms if photos.oldest_ms is None else photos.oldest_ms
    age_ms = max(0, clock.at_ms - since_ms)
    return (*logs, Backlog(PHOTOS, photos.count, photos.size_bytes, age_ms))


def _of_log(db: StationDatabase, log: LogClass, clock: Clock) -> Backlog:
    delivered = outbox.delivered(db, log).seq
    count, size_bytes = documents.waiting(db, log, delivered)
    row = db.execute(
        "SELECT at_ms FROM log_records WHERE log = ? AND seq > ? ORDER BY seq LIMIT 1",
        [log.value, delivered],
    ).fetchone()
    age_ms = max(0, clock.at_ms - row[0]) if row else 0
    return Backlog(log.value, count, size_bytes, age_ms)


def counts(db: StationDatabase, clock: Clock) -> Counts:
    """The counts now."""
    kept = models.current_model(db)
    current = kept is not None and state(kept.model, clock.at_ms) is not ModelState.STALE
    return Counts(
        may_write=box.may_write(db),
        model=int(current),
        leases=_one(db, "SELECT count(*) FROM leases WHERE closed = 0"),
        held=len(box.held_leases(db)),
        pending=_one(db, "SELECT count(*) FROM draws WHERE state = 'pending'"),
        devices=_one(db, "SELECT count(*) FROM devices"),
        heard=_one(
            db,
            "SELECT count(DISTINCT stream_id) FROM telemetry_documents WHERE received_ms > ?",
            clock.at_ms - MS_PER_DAY,
        ),
    )


def _one(db: StationDatabase, question: str, *values: int) -> int:
    return int(db.execute(question, list(values)).fetchone()[0])
