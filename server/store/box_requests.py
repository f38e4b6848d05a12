"""Requests of restored boxes that came over the link, until an officer has decided."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from server.store.engine import Tx
from server.store.rows import read_as
from server.store.tables import box_requests


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request as it came: the link key's id tells it from others, ``came_at_ms`` [ms UTC]."""

    station: str
    key_id: str
    generation: int
    handed_over: bool
    came_at_ms: int
    document: bytes


def put(tx: Tx, request: KeptRequest, kept_max: int) -> bool:
    """Keep a request if its key is new, and the newest of its station only; whether it was."""
    fields = {name: getattr(request, name) for name in KeptRequest.__slots__}
    if not tx.insert_new(box_requests, **fields):
        return False
    of_station = [one for one in every(tx) if one.station == request.station]
    for one in of_station[:-kept_max]:
        drop(tx, one)
    return True


def every(tx: Tx) -> tuple[KeptRequest, ...]:
    """All requests that wait, the oldest first."""
    where = box_requests.c.tenant_id == tx.tenant_id
    order = (box_requests.c.came_at_ms, box_requests.c.key_id)
    rows = tx.rows(select(box_requests).where(where).order_by(*order))
    return tuple(read_as(KeptRequest, row) for row in rows)


def find(tx: Tx, key_id: str) -> KeptRequest | None:
    """The request of a link key, if it waits."""
    return next((one for one in every(tx) if one.key_id == key_id), None)


def drop(tx: Tx, request: KeptRequest) -> None:
    """Forget a request: it was decided, or newer ones have taken its place."""
    where = (box_requests.c.tenant_id == tx.tenant_id, box_requests.c.key_id == request.key_id)
    tx.run(box_requests.delete().where(*where, box_requests.c.station == request.station))
