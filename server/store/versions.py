"""Which versions of models, products, prompts and basemaps each station says that it runs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from core.wire.update import UpdateEvent
from server.store.engine import Tx
from server.store.rows import read_as
from server.store.tables import station_versions


@dataclass(frozen=True, slots=True)
class StationVersion:
    """The newest word of a station on a version; ``act`` is :class:`UpdateAct`."""

    station: str
    slot: str
    version: int
    sha256: str
    act: str
    in_use_version: int
    code: str
    reason: str
    at_ms: int
    seq: int


def put(tx: Tx, station: str, event: UpdateEvent, at_ms: int, seq: int) -> None:
    """Keep a station's word on a version in place of its word before.

    Parameters
    ----------
    at_ms, seq
        When it said so [ms UTC], and the number of its record: the order that counts.
    """
    tx.upsert(
        station_versions,
        station=station,
        slot=event.slot,
        version=event.version,
        sha256=event.sha256,
        act=event.act.value,
        in_use_version=event.in_use_version,
        code=event.code,
        reason=event.reason,
        at_ms=at_ms,
        seq=seq,
    )


def every(tx: Tx) -> tuple[StationVersion, ...]:
    """All that stations have said, by station and slot, latest word last."""
    columns = station_versions.c
    question = select(station_versions).where(columns.tenant_id == tx.tenant_id)
    ordered = question.order_by(columns.station, columns.slot, columns.seq)
    return tuple(read_as(StationVersion, row) for row in tx.rows(ordered))
