"""Which box is a station's now, and the leases that one before it may have drawn on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.shape import encode
from server.store.engine import Tx
from server.store.registry import Station
from server.store.rows import read_as
from server.store.tables import held_leases, station_boxes


@dataclass(frozen=True, slots=True)
class ConfirmedBox:
    """A box that was put in another's place, its link keys, and who approved it [ms UTC]."""

    station: str
    generation: int
    public_key: str
    key_id: str
    seal_key: str
    seal_key_id: str
    handed_over: bool
    request_sha256: str
    approved_by: str
    approved_at_ms: int


def of_station(tx: Tx, station: str) -> tuple[ConfirmedBox, ...]:
    """The boxes that took a station over, oldest first; none while it has its first."""

    def ask() -> tuple[ConfirmedBox, ...]:
        rows = tx.find_rows(station_boxes, "generation", station=station)
        return tuple(read_as(ConfirmedBox, row) for row in rows)

    return tx.recall(station_boxes, station, ask)


def of_key(tx: Tx, key_id: str) -> ConfirmedBox | None:
    """The box that was confirmed with that link key, if any."""
    row = tx.find_row(station_boxes, key_id=key_id)
    return read_as(ConfirmedBox, row) if row else None


def linked(tx: Tx, station: Station) -> Station:
    """The station with the keys by which its box of today signs and opens what travels."""
    found = of_station(tx, station.name)
    if not found:
        return station
    box = found[-1]
    return replace(
        station, public_key=box.public_key, key_id=box.key_id, seal_key=box.seal_key,
        seal_key_id=box.seal_key_id,
    )  # fmt: skip


def keys_before(tx: Tx, station: Station) -> dict[str, str]:
    """Key ids and public keys of the boxes that were replaced."""
    found = of_station(tx, station.name)
    if not found:
        return {}
    return {station.key_id: station.public_key} | {b.key_id: b.public_key for b in found[:-1]}


def add(tx: Tx, box: ConfirmedBox) -> None:
    """Put a box in place of the one before."""
    tx.insert(station_boxes, **encode(box))


def hold(tx: Tx, lease_id: str, station: str, generation: int) -> None:
    """Hold a lease that the box of a generation may have drawn on."""
    tx.insert_new(held_leases, lease_id=lease_id, station=station, generation=generation)


def held_by(tx: Tx, station: str) -> Mapping[str, int]:
    """The leases on which a station's box of today must not draw, and which box of it may have."""

    def ask() -> Mapping[str, int]:
        rows = tx.find_rows(held_leases, station=station)
        return {row["lease_id"]: row["generation"] for row in rows}

    return tx.recall(held_leases, station, ask)


def held(tx: Tx, station: str) -> frozenset[str]:
    """The leases of a station on which its box of today must not draw."""
    return frozenset(held_by(tx, station))


def release(tx: Tx, lease_id: str) -> None:
    """Hold a lease no longer: what was drawn on it is known."""
    where = (held_leases.c.tenant_id == tx.tenant_id, held_leases.c.lease_id == lease_id)
    tx.run(held_leases.delete().where(*where))
