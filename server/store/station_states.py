"""What each station last said of its own machine: version, disk, backlog, clock."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from core.shape import decode, encode
from core.wire.envelope import MachineState
from server.store.desk_tables import station_states
from server.store.engine import Tx


@dataclass(frozen=True, slots=True)
class ToldState:
    """A station's word, and when it was given [ms UTC, by the station's clock at most now]."""

    station: str
    at_ms: int
    machine: MachineState


def put(tx: Tx, told: ToldState) -> None:
    """Keep a station's word in place of an older one; a carrier may bring one that is older."""
    before = tx.find_value(station_states, "at_ms", station=told.station)
    if before is None or before <= told.at_ms:
        tx.upsert(station_states, station=told.station, at_ms=told.at_ms, **encode(told.machine))


def by_station(tx: Tx) -> dict[str, ToldState]:
    """The newest word of each station."""
    rows = tx.rows(select(station_states).where(station_states.c.tenant_id == tx.tenant_id))
    found = {}
    for row in rows:
        said = {name: row[name] for name in MachineState.__dataclass_fields__}
        found[row["station"]] = ToldState(row["station"], row["at_ms"], decode(MachineState, said))
    return found
