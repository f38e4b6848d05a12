"""What tablets brought, as the centre gives it back to a box that holds a backup.

Without it a tablet would be asked for operations that the station had, and its chain would
stand still. Photos do not come back: tablets keep theirs for a while, and send them again.
"""

from __future__ import annotations

from core.canonical import canonical_bytes, sha256_hex
from core.lending.walk import measure
from core.shape import decode
from core.wire.corrections import FieldCorrection
from core.wire.envelope import Record
from core.wire.fieldwork import (
    FieldVisit,
    Operation,
    OperationKind,
    PlotWalk,
    TabletAct,
    TabletEvent,
    TakenOperation,
)
from core.wire.records import Up
from core.wire.subleases import SubLease, SubLeaseAct, SubLeaseEvent
from edge_node.store import fieldwork, subleases, tablets
from edge_node.store.database import StationDatabase
from edge_node.store.tablets import KeptOperation, Tablet


def subject_of(record: Record) -> str:
    """What the money log calls an operation; nothing for any other record."""
    if record.kind == Up.TABLET_OPERATION.value:
        return f"operation/{decode(TakenOperation, record.body).operation_id}"
    if record.kind == Up.SUB_LEASE.value:
        event = decode(SubLeaseEvent, record.body)
        return f"sub-lease/{event.sublease_id}/{event.act.value}"
    return ""


def apply(db: StationDatabase, record: Record) -> None:
    """Let in whom the station let in, and keep what they brought."""
    if record.kind == Up.TABLET_EVENT.value:
        _event(db, decode(TabletEvent, record.body), record.at_ms)
    elif record.kind == Up.TABLET_OPERATION.value:
        _operation(db, decode(TakenOperation, record.body), record)
    elif record.kind == Up.SUB_LEASE.value:
        _sublease(db, decode(SubLeaseEvent, record.body))


def _sublease(db: StationDatabase, event: SubLeaseEvent) -> None:
    if event.act is SubLeaseAct.GRANTED:
        subleases.keep(db, decode(SubLease, event.document["body"]), event.document)
    else:
        subleases.end(db, event.sublease_id, event.act)


def _event(db: StationDatabase, event: TabletEvent, at_ms: int) -> None:
    if event.act is TabletAct.ENROLLED:
        tablets.put_tablet(db, Tablet(
            event.tablet_id, event.agent_id, event.agent_name or event.agent_id,
            event.area_e7 or (), event.public_key, event.lease_days or 1, event.lease_until_ms,
        ))  # fmt: skip
        tablets.use_up(db, event.tablet_id)
    elif event.act is TabletAct.RENEWED:
        tablets.renew(db, event.tablet_id, event.lease_until_ms)
    elif event.act is TabletAct.REVOKED:
        tablets.revoke(db, event.tablet_id, at_ms, event.reason)


def _operation(db: StationDatabase, taken: TakenOperation, record: Record) -> None:
    if tablets.operation(db, taken.operation_id) is not None:
        return
    operation = decode(Operation, taken.document["body"])
    who = Tablet(taken.tablet_id, taken.agent_id, "", (), taken.public_key, 1, 0)
    head = sha256_hex(canonical_bytes(taken.document))
    kept = KeptOperation(
        taken.operation_id, operation.seq, head, operation.kind.value, taken.code, "", record.seq
    )
    tablets.keep_operation(db, who, kept, taken.document, record.at_ms)
    if taken.code:
        return
    if operation.kind is OperationKind.VISIT:
        visit = decode(FieldVisit, operation.body)
        fieldwork.keep_visit(db, visit, taken.operation_id)
        for photo in (*visit.photos, *((visit.signature,) if visit.signature else ())):
            fieldwork.announce(db, photo, taken.tablet_id)
    elif operation.kind is OperationKind.WALK:
        walk = decode(PlotWalk, operation.body)
        found = measure(walk.ring_e7, walk.accuracy_cm)
        fieldwork.keep_walk(db, walk, found, taken.operation_id, operation.seq)
    elif operation.kind is OperationKind.CORRECTION:
        asked = decode(FieldCorrection, operation.body)
        by = (taken.operation_id, taken.agent_id)
        fieldwork.keep_correction(db, asked, by, record.seq)
