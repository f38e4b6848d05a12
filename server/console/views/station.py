"""The stations: last heard, how far their logs came, what is out there, what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.units import MS_PER_DAY
from server.console.words import say, say_count
from server.store import (
    line_pages,
    logs,
    people,
    registry,
    station_states,
    station_sums,
    versions,
)
from server.store.engine import Tx
from server.store.lines import Line
from server.store.logs import InboundLog, OutboundLog, SetAside
from server.store.people import AuditRow
from server.store.registry import Station
from server.store.station_states import ToldState
from server.store.station_sums import OutAtStation
from server.store.versions import StationVersion

SILENT_DAYS = 3
MS_PER_HOUR = 3_600_000
SET_ASIDE_SHOWN_MAX = 100
HELD_DAYS, HELD_ROWS_MAX = 120, 20_000  # a part lasts 14 days; who keeps one longer is shown
GRANTED = "sublease_granted"
DISK_FREE_BYTES_MIN = 200_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """A part of a station's lease that an agent's tablet may pay out by itself [minor units]."""

    sublease_id: str
    tablet_id: str
    agent_id: str
    line_id: str
    farmer_name: str
    currency: str
    amount_minor: int
    granted_at_ms: int
    expires_at_ms: int
    is_over: bool


@dataclass(frozen=True, slots=True)
class StationRow:
    """One station; ``held`` are parts of its leases that tablets have, by its newest word."""

    station: Station
    heard: str
    silent: bool
    logs: tuple[InboundLog, ...]
    held_count: int
    down: OutboundLog | None
    leases: tuple[OutAtStation, ...]
    quarantine_reason: str
    told: ToldState | None = None
    versions: tuple[StationVersion, ...] = ()
    held: tuple[Held, ...] = ()

    @property
    def disk_is_short(self) -> bool:
        """Whether little is free where its database is."""
        return self.told is not None and self.told.machine.disk_free_bytes < DISK_FREE_BYTES_MIN


@dataclass(frozen=True, slots=True)
class StationsPage:
    """Every station, and the deliveries that were set aside."""

    rows: tuple[StationRow, ...]
    set_aside: tuple[SetAside, ...]


def read_stations(tx: Tx, now_ms: int) -> StationsPage:
    """The stations as they stand."""
    inbound, outbound = logs.inbound(tx), {log.station: log for log in logs.outbound(tx)}
    early, out = station_sums.held_counts(tx), station_sums.leases_out(tx, now_ms)
    held = _held(tx, now_ms)
    states, versions_told = station_states.by_station(tx), versions.every(tx)
    rows = []
    for station in registry.all_stations(tx):
        mine = tuple(log for log in inbound if log.writer == station.name)
        rows.append(
            StationRow(
                station=station,
                heard=ago(station.seen_at_ms, now_ms),
                silent=now_ms - (station.seen_at_ms or 0) > SILENT_DAYS * MS_PER_DAY,
                logs=mine,
                held_count=early[station.name],
                down=outbound.get(station.name),
                leases=out.get(station.name, ()),
                quarantine_reason=next(
                    (log.quarantine_reason for log in mine if log.quarantine_reason), ""
                ),
                told=states.get(station.name),
                versions=in_use([one for one in versions_told if one.station == station.name]),
                held=tuple(held.get(station.name, ())),
            )
        )
    return StationsPage(tuple(rows), logs.all_set_aside(tx, SET_ASIDE_SHOWN_MAX))


def _held(tx: Tx, now_ms: int) -> dict[str, list[Held]]:
    """By station, what tablets hold, as it wrote it; a part ends by a word, never by its date."""
    granted = people.Wanted(kind="sublease", from_ms=now_ms - HELD_DAYS * MS_PER_DAY)
    ended: set[tuple[str, str]] = set()
    open_ones: list[AuditRow] = []
    for row in people.find_in_trail(tx, granted, HELD_ROWS_MAX):  # the newest first
        if row.action != GRANTED:
            ended.add((row.actor, row.object_id))
        elif (row.actor, row.object_id) not in ended:
            open_ones.append(row)
    drawn_on = {one.line_id: one for one in line_pages.named(tx, _lines_of(open_ones))}
    found: dict[str, list[Held]] = {}
    for row in open_ones:
        line = drawn_on.get(str(row.detail["line_id"]))
        if line is not None:
            found.setdefault(row.actor, []).append(_part(tx, row, line, now_ms))
    for parts in found.values():
        parts.sort(key=lambda one: one.expires_at_ms)
    return found


def _lines_of(rows: Sequence[AuditRow]) -> list[str]:
    return sorted({str(row.detail["line_id"]) for row in rows})


def _part(tx: Tx, row: AuditRow, line: Line, now_ms: int) -> Held:
    detail = row.detail
    return Held(
        row.object_id, str(detail["tablet_id"]), str(detail["agent_id"]), line.line_id,
        registry.farmer(tx, line.farmer_id).name, line.currency, int(detail["amount_minor"]),
        row.at_ms, int(detail["expires_at_ms"]), int(detail["expires_at_ms"]) <= now_ms,
    )  # fmt: skip


def in_use(told: Sequence[StationVersion]) -> tuple[StationVersion, ...]:
    """The newest word on each slot, by slot."""
    newest = {one.slot: one for one in sorted(told, key=lambda one: one.seq)}
    return tuple(newest[slot] for slot in sorted(newest))


def ago(at_ms: int | None, now_ms: int) -> str:
    """How long ago, in the largest unit that is not nought."""
    if at_ms is None:
        return say("never")
    hours = max(0, now_ms - at_ms) // MS_PER_HOUR
    if hours == 0:
        return say("within the hour")
    if hours < 48:
        return say_count("{count} hour ago", "{count} hours ago", hours)
    return say_count("{count} day ago", "{count} days ago", hours // 24)
