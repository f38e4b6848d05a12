"""The stations: last heard, how far their logs came, what is out there, what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.units import MS_PER_DAY
from core.wire.envelope import LogClass, LogName
from server.console.words import say, say_count
from server.store import leases, logs, registry, station_states, versions
from server.store.engine import Tx
from server.store.leases import SignedLease
from server.store.logs import InboundLog, OutboundLog, SetAside
from server.store.registry import Station
from server.store.station_states import ToldState
from server.store.versions import StationVersion

SILENT_DAYS = 3
MS_PER_HOUR = 3_600_000
SET_ASIDE_SHOWN_MAX = 100
DISK_FREE_BYTES_MIN = 200_000_000


@dataclass(frozen=True, slots=True)
class LeasesOut:
    """What a station may still spend while it is dark, by currency [minor units]."""

    currency: str
    count: int
    unspent_minor: int
    expired_count: int


@dataclass(frozen=True, slots=True)
class StationRow:
    """One station."""

    station: Station
    heard: str
    silent: bool
    logs: tuple[InboundLog, ...]
    held_count: int
    down: OutboundLog | None
    leases: tuple[LeasesOut, ...]
    quarantine_reason: str
    told: ToldState | None = None
    versions: tuple[StationVersion, ...] = ()

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
    signed = [one for one in leases.every(tx) if one.closed_at_ms is None]
    states, versions_told = station_states.by_station(tx), versions.every(tx)
    rows = []
    for station in registry.all_stations(tx):
        mine = tuple(log for log in inbound if log.writer == station.name)
        out = [one for one in signed if one.lease.station == station.name]
        rows.append(
            StationRow(
                station=station,
                heard=ago(station.seen_at_ms, now_ms),
                silent=now_ms - (station.seen_at_ms or 0) > SILENT_DAYS * MS_PER_DAY,
                logs=mine,
                held_count=sum(
                    logs.held_count(tx, LogName(log.writer, LogClass(log.log), log.stream))
                    for log in mine
                ),
                down=outbound.get(station.name),
                leases=_leases_out(tx, out, now_ms),
                quarantine_reason=logs.quarantine_reason(tx, station.name),
                told=states.get(station.name),
                versions=in_use([one for one in versions_told if one.station == station.name]),
            )
        )
    return StationsPage(tuple(rows), logs.all_set_aside(tx, SET_ASIDE_SHOWN_MAX))


def in_use(told: Sequence[StationVersion]) -> tuple[StationVersion, ...]:
    """The newest word on each slot, by slot."""
    newest = {one.slot: one for one in sorted(told, key=lambda one: one.seq)}
    return tuple(newest[slot] for slot in sorted(newest))


def _leases_out(tx: Tx, signed: list[SignedLease], now_ms: int) -> tuple[LeasesOut, ...]:
    found = []
    for currency in sorted({one.lease.currency for one in signed}):
        mine = [one for one in signed if one.lease.currency == currency]
        found.append(
            LeasesOut(
                currency=currency,
                count=len(mine),
                unspent_minor=sum(leases.book(tx, one).unspent_minor for one in mine),
                expired_count=sum(one.lease.expires_at_ms <= now_ms for one in mine),
            )
        )
    return tuple(found)


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
