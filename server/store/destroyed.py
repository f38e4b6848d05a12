"""Stations that two officers have declared destroyed: for good, with the proof's hash."""

from __future__ import annotations

from dataclasses import dataclass

from core.shape import encode
from server.store.engine import Tx
from server.store.rows import read_as
from server.store.tables import destroyed_stations


@dataclass(frozen=True, slots=True)
class Destruction:
    """A declaration, and who confirmed it and when [ms UTC], if anybody has."""

    station: str
    proof_sha256: str
    receipts_sha256: str
    declared_by: str
    declared_at_ms: int
    confirmed_by: str = ""
    confirmed_at_ms: int | None = None


def find(tx: Tx, station: str) -> Destruction | None:
    """What was declared of a station, if anything."""

    def ask() -> Destruction | None:
        row = tx.find_row(destroyed_stations, station=station)
        return read_as(Destruction, row) if row else None

    return tx.recall(destroyed_stations, station, ask)


def is_gone(tx: Tx, station: str) -> bool:
    """Whether a station's key is destroyed: nothing is taken from it, nothing sent to it."""
    found = find(tx, station)
    return found is not None and found.confirmed_at_ms is not None


def put(tx: Tx, told: Destruction) -> None:
    """Keep a declaration; one that is confirmed stays for ever (a trigger says so)."""
    tx.upsert(destroyed_stations, **{**encode(told), "confirmed_at_ms": told.confirmed_at_ms})


def unconfirmed(tx: Tx) -> tuple[Destruction, ...]:
    """What one officer declared and no second has confirmed, the oldest first."""
    rows = tx.find_rows(destroyed_stations, "declared_at_ms", confirmed_by="")
    return tuple(read_as(Destruction, row) for row in rows)
