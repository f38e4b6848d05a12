"""What people said at the kiosk, as the centre gives it back to a box that holds a backup."""

from __future__ import annotations

from core.shape import decode
from core.wire.appeals import Appeal
from core.wire.envelope import Record
from core.wire.proxies import Helper, KioskEvent
from core.wire.records import Up
from edge_node.store import appeals, proxies
from edge_node.store.database import StationDatabase


def subject_of(record: Record) -> str:
    """What the money log says only once of the kiosk; nothing for any other record."""
    if record.kind == Up.APPEAL.value:
        return f"appeal/{decode(Appeal, record.body).appeal_id}"
    if record.kind == Up.HELPER.value:
        told = decode(Helper, record.body)
        return f"helper/{told.helper_id}/{told.act.value}"
    if record.kind == Up.KIOSK_EVENT.value:
        return f"kiosk/{decode(KioskEvent, record.body).event_id}"
    return ""


def apply(db: StationDatabase, record: Record) -> None:
    """Put back who may act for whom, and what was asked; pictures are chosen anew."""
    if record.kind == Up.APPEAL.value:
        appeals.keep(db, decode(Appeal, record.body), record.at_ms)
    elif record.kind == Up.HELPER.value:
        proxies.keep(db, decode(Helper, record.body), record.at_ms)
