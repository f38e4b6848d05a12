"""Where a line is drawn: at its own station, and at those that its farmer goes to (L12).

A line without rows is drawn at its own station alone, with its whole share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from core.units import PPM
from server.store.bulk import among
from server.store.engine import Tx
from server.store.lines import Line
from server.store.tables import line_stations


@dataclass(frozen=True, slots=True)
class Place:
    """A station where a line is drawn, and its share of what is leased [ppm]."""

    station: str
    share_ppm: int


def of_line(tx: Tx, line: Line) -> tuple[Place, ...]:
    """Where a line is drawn, its own station first."""
    guests = of_guests(tx, line.line_id)
    left_ppm = PPM - sum(each.share_ppm for each in guests)
    return (Place(line.station, left_ppm), *guests)


def of_guests(tx: Tx, line_id: str) -> tuple[Place, ...]:
    """The stations besides its own where a line is drawn, by name."""

    def ask() -> tuple[Place, ...]:
        rows = tx.find_rows(line_stations, "station", line_id=line_id)
        return tuple(Place(row["station"], row["share_ppm"]) for row in rows)

    return tx.recall(line_stations, line_id, ask)


def learn_guests(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember where lines are drawn besides their own stations."""
    of_tenant = line_stations.c.tenant_id == tx.tenant_id
    named = among(tx, line_stations.c.line_id, line_ids)
    found: dict[str, list[Place]] = {line_id: [] for line_id in line_ids}
    for row in tx.rows(
        select(line_stations).where(of_tenant, named).order_by(line_stations.c.station)
    ):
        found[row["line_id"]].append(Place(row["station"], row["share_ppm"]))
    tx.learn_all(line_stations, {line_id: tuple(guests) for line_id, guests in found.items()})


def put(tx: Tx, line_id: str, place: Place, at_ms: int) -> None:
    """Let a line be drawn at another station, or change its share there."""
    tx.upsert(
        line_stations,
        line_id=line_id,
        station=place.station,
        share_ppm=place.share_ppm,
        since_ms=at_ms,
    )


def remove(tx: Tx, line_id: str, station: str) -> None:
    """Let a line be drawn at a station no more."""
    where = (
        line_stations.c.tenant_id == tx.tenant_id,
        line_stations.c.line_id == line_id,
        line_stations.c.station == station,
    )
    tx.run(line_stations.delete().where(*where))
