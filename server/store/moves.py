"""People who move home, until the station that they leave has said so."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from server.store.engine import Tx
from server.store.rows import read_as
from server.store.tables import home_moves


@dataclass(frozen=True, slots=True)
class HomeMove:
    """Who moves, from where to where, and since when it was asked for [ms UTC].

    ``told_seq`` is the record of the centre's log by which the old station is told.
    """

    farmer_id: str
    from_station: str
    to_station: str
    asked_at_ms: int
    told_seq: int


def put(tx: Tx, move: HomeMove) -> None:
    """Keep a move that waits; a newer one takes its place."""
    tx.upsert(
        home_moves,
        farmer_id=move.farmer_id,
        from_station=move.from_station,
        to_station=move.to_station,
        asked_at_ms=move.asked_at_ms,
        told_seq=move.told_seq,
    )


def find(tx: Tx, farmer_id: str) -> HomeMove | None:
    """A person's move that waits, if there is one."""
    where = (home_moves.c.tenant_id == tx.tenant_id, home_moves.c.farmer_id == farmer_id)
    row = tx.row(select(home_moves).where(*where))
    return read_as(HomeMove, row) if row else None


def of_station(tx: Tx, station: str) -> tuple[HomeMove, ...]:
    """The moves that wait for a station's word, by person."""
    where = (home_moves.c.tenant_id == tx.tenant_id, home_moves.c.from_station == station)
    rows = tx.rows(select(home_moves).where(*where).order_by(home_moves.c.farmer_id))
    return tuple(read_as(HomeMove, row) for row in rows)


def remove(tx: Tx, farmer_id: str) -> None:
    """Forget a move that is done or taken back."""
    where = (home_moves.c.tenant_id == tx.tenant_id, home_moves.c.farmer_id == farmer_id)
    tx.run(home_moves.delete().where(*where))
