"""How the station is: for the agent who looks after it. Counts and states, no names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.lending.lease import Clock, LeaseBook
from core.wire.envelope import LogClass
from core.wire.modelfile import ModelState, state
from edge_node.store import documents, leases, logs, models, outbox
from edge_node.store.database import StationDatabase
from edge_node.watch.notices import FOR_FARMERS
from edge_node.watch.rounds import open_notices

REFUSALS_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class OutboxState:
    """Records of a log that have no receipt yet, and their size [records, bytes]."""

    log: str
    records_count: int
    size_bytes: int
    delivered_seq: int


@dataclass(frozen=True, slots=True)
class LeaseState:
    """Leases of a product that are out: how many, how much, what is unspent [minor units]."""

    product_id: str
    kind: str
    currency: str
    leases_count: int
    amount_minor: int
    unspent_minor: int
    first_expiry_ms: int


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The model in use; version 0 if there is none."""

    version: int = 0
    name: str = ""
    valid_to_ms: int = 0
    stale: bool = True


@dataclass(frozen=True, slots=True)
class DeviceCounts:
    """Registered devices, and those that were heard within a day."""

    registered_count: int
    heard_count: int


@dataclass(frozen=True, slots=True)
class StationState:
    """Everything on the station page."""

    station: str
    at_ms: int
    clock_known: bool
    clock_error_ms: int
    link: outbox.LinkState
    outbox: tuple[OutboxState, ...]
    leases: tuple[LeaseState, ...]
    model: ModelStatus
    devices: DeviceCounts
    samples_count: int
    pending_draws_count: int
    alerts_count: int
    flags_count: int
    refused_envelopes_count: int
    refusals: tuple[str, ...]
    storage_blocked: bool
    intake_connected: bool
    stuck_parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IntakeHealth:
    """What only the running station knows: its intake, and parts that do not turn any more."""

    connected: bool = False
    storage_blocked: bool = False
    stuck_parts: tuple[str, ...] = ()


def station_state(
    db: StationDatabase, station: str, clock: Clock, intake: Callable[[], IntakeHealth]
) -> StationState:
    """How the station is now."""
    health, noticed = intake(), open_notices(db)
    refused = outbox.refused_envelopes(db)
    reasons = (*logs.refusals(db, REFUSALS_SHOWN_MAX), *(f"{c}: {r}" for _, c, r in refused))
    return StationState(
        station=station,
        at_ms=clock.at_ms,
        clock_known=clock.known,
        clock_error_ms=clock.error_ms,
        link=outbox.link_state(db),
        outbox=tuple(_outbox(db, log) for log in LogClass if log is not LogClass.DOWN),
        leases=_leases(db),
        model=_model(db, clock),
        devices=_devices(db, clock),
        samples_count=db.execute("SELECT count(*) FROM samples").fetchone()[0],
        pending_draws_count=len(leases.pending_draws(db)),
        alerts_count=sum(one.kind in FOR_FARMERS for one in noticed),
        flags_count=sum(one.kind not in FOR_FARMERS for one in noticed),
        refused_envelopes_count=len(refused),
        refusals=reasons[:REFUSALS_SHOWN_MAX],
        storage_blocked=health.storage_blocked,
        intake_connected=health.connected,
        stuck_parts=health.stuck_parts,
    )


def _outbox(db: StationDatabase, log: LogClass) -> OutboxState:
    delivered = outbox.delivered(db, log)
    count, size_bytes = documents.waiting(db, log, delivered.seq)
    return OutboxState(log.value, count, size_bytes, delivered.seq)


def _leases(db: StationDatabase) -> tuple[LeaseState, ...]:
    grouped: dict[tuple[str, str], list[LeaseBook]] = {}
    for book in leases.open_leases(db):
        grouped.setdefault((book.lease.product_id, book.lease.kind.value), []).append(book)
    return tuple(
        LeaseState(
            product_id=product_id,
            kind=kind,
            currency=books[0].lease.currency,
            leases_count=len(books),
            amount_minor=sum(book.lease.amount_minor for book in books),
            unspent_minor=sum(book.unspent_minor for book in books),
            first_expiry_ms=min(book.lease.expires_at_ms for book in books),
        )
        for (product_id, kind), books in sorted(grouped.items())
    )


def _model(db: StationDatabase, clock: Clock) -> ModelStatus:
    kept = models.current_model(db)
    if kept is None:
        return ModelStatus()
    stale = state(kept.model, clock.at_ms) is ModelState.STALE
    return ModelStatus(kept.model.version, kept.model.name, kept.model.valid_to_ms, stale)


def _devices(db: StationDatabase, clock: Clock) -> DeviceCounts:
    registered = db.execute("SELECT count(*) FROM devices").fetchone()[0]
    heard = db.execute(
        "SELECT count(DISTINCT s.device_id) FROM telemetry_documents d "
        "JOIN streams s USING (stream_id) WHERE d.received_ms > ?",
        [clock.at_ms - 86_400_000],
    ).fetchone()[0]
    return DeviceCounts(registered, heard)
