"""A station's envelope, from its bytes to the commit, beside COPY of the rows that it leaves.

A village has a line on each of its plots; its station has drawn on them and sends all of it
in one envelope. Each draw is two records (pending, then posted) and two entries (itself, its
fee). Beside it, in turns and into copies of the same database: raw COPY of the finished rows
of the ledger alone, and of every row of any table that the envelope left. What is copied is
neither verified nor judged, hashed or locked.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import psycopg
from sqlalchemy import event, select

from core.wire.envelope import LogClass
from server.config import Settings
from server.services.envelopes import accept_envelope
from server.store import lines
from server.store.engine import Store, open_store
from server.store.schema import migrate
from server.store.tables import ledger_entries, ledger_lines, metadata
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.district_book import build_district, rings_of
from tests.support.kiosk_kit import draw, leases_at_station
from tests.support.one_engine import OneEngine
from tests.support.postgres import Postgres

LINES = 100  # of the village
DRAW_MINOR = 1_000
ENTRIES_A_DRAW = 2
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an envelope of so many draws takes [s, median of turns], and COPY beside it."""

    draws: int
    seconds: float
    questions: int
    rows: int
    to_ledger: float
    to_all: float
    copied_seconds: float

    @property
    def entries_s(self) -> float:
        """Ledger entries per second."""
        return self.draws * ENTRIES_A_DRAW / self.seconds


def imported(server: Postgres, draws: int, turns: int) -> Imported:
    """An envelope of ``draws`` draws, and COPY of what it leaves, in turns."""
    origin = f"village_{draws}"
    kit = _village(open_store(server.create(origin), Settings().tenant_id), draws)
    data = kit.station.envelope(LogClass.MONEY)
    before = _rows(kit.centre.store)
    kit.centre.store.close()
    engine = OneEngine(server.url(origin), Settings().tenant_id)
    left, questions = _look(server, (origin, f"{origin}_first"), (kit, engine), data)
    wrote = {name: sorted(set(rows) - set(before[name])) for name, rows in left.items()}
    ledger = {name: wrote[name] for name in (ledger_lines.name, ledger_entries.name)}
    seconds, of_ledger, of_all = [], [], []
    for turn in range(turns):
        seconds.append(_taken(server, (origin, f"{origin}_t{turn}"), (kit, engine), data))
        of_ledger.append(_copied(server, (origin, f"{origin}_l{turn}"), ledger))
        of_all.append(_copied(server, (origin, f"{origin}_a{turn}"), wrote))
    return Imported(
        draws,
        statistics.median(seconds),
        questions,
        sum(len(rows) for rows in wrote.values()),
        statistics.median(a / b for a, b in zip(seconds, of_ledger, strict=True)),
        statistics.median(a / b for a, b in zip(seconds, of_all, strict=True)),
        statistics.median(of_all),
    )


def _village(store: Store, draws: int) -> Kit:
    """A village whose station has drawn on its lines in turn and has not sent it yet."""
    migrate(store)
    kit = build_district(store, Settings(), rings_of(LINES))
    keys = kit.centre.keys
    kit.station = replace(
        kit.station,
        centre_seal_key=keys.identity().seal_key,
        centre_seal_key_id=keys.seal_key_id,
        centre_public_key=keys.identity().public_key,
    )
    kit.station.pull(kit.centre)
    leased = {lease.line_id: lease.lease_id for lease in leases_at_station(kit)}
    opened = [each for each in kit.read(lines.every) if each.line_id in leased]
    kit.clock.set_day(SEASON_START + timedelta(days=1))
    for number in range(draws):
        line = opened[number % len(opened)]
        draw(kit, f"draw-{number:06}", line.line_id, leased[line.line_id], DRAW_MINOR)
    return kit


def _look(
    server: Postgres, names: tuple[str, str], centre: tuple[Kit, OneEngine], data: bytes
) -> tuple[Rows, int]:
    """What stands in a copy of the village after the envelope, and how many statements it took.

    All turns go through one engine, as those of a centre that runs: it has compiled its
    statements before.
    """
    (origin, name), (kit, engine) = names, centre
    store, asked = engine.at(server.create(name, origin)), [0]

    def count(*_: object) -> None:
        asked[0] += 1

    event.listen(store.engine, "before_cursor_execute", count)
    accept_envelope(replace(kit.centre, store=store), data)
    event.remove(store.engine, "before_cursor_execute", count)
    left = _rows(store)
    store.close()
    server.drop(name)
    return left, asked[0]


def _taken(
    server: Postgres, names: tuple[str, str], centre: tuple[Kit, OneEngine], data: bytes
) -> float:
    """Seconds of the envelope into a copy of the village."""
    (origin, name), (kit, engine) = names, centre
    store = engine.at(server.create(name, origin))
    with store.reading() as tx:  # a centre that runs is connected already
        lines.open_count(tx, 1)
    start = time.perf_counter()
    accept_envelope(replace(kit.centre, store=store), data)
    seconds = time.perf_counter() - start
    store.close()
    server.drop(name)
    return seconds


def _rows(store: Store) -> Rows:
    """Every row of every table."""
    with store.reading() as tx:
        return {
            table.name: [tuple(row.values()) for row in tx.rows(select(table))]
            for table in metadata.sorted_tables
        }


def _copied(server: Postgres, names: tuple[str, str], rows: Rows) -> float:
    """Seconds of COPY of finished rows into another copy, lines of the ledger before headers."""
    origin, name = names
    server.create(name, origin)
    keys = {
        table.name: [key.name for key in table.primary_key] for table in metadata.tables.values()
    }
    conninfo = f"host={server.folder} user=harvestline dbname={name}"
    with psycopg.connect(conninfo) as connection:
        _make_room(connection, rows, keys)
        start = time.perf_counter()
        with connection.cursor() as cursor:
            for table in sorted(rows, key=lambda each: each == ledger_entries.name):
                if rows[table]:
                    names = ", ".join(column.name for column in metadata.tables[table].columns)
                    with cursor.copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
                        for row in rows[table]:
                            copy.write_row(row)
        connection.commit()
        seconds = time.perf_counter() - start
    server.drop(name)
    return seconds


def _make_room(connection: psycopg.Connection[Any], rows: Rows, keys: dict[str, list[str]]) -> None:
    """Take away the few rows that an envelope changes: here they come anew."""
    for table, wrote in rows.items():
        columns = [column.name for column in metadata.tables[table].columns]
        at = [columns.index(key) for key in keys[table]]
        same = " AND ".join(f"{key} = %s" for key in keys[table])
        if table in ("lines", "inbound_logs", "outbound_logs", "stations"):
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"DELETE FROM {table} WHERE {same}".encode(),  # noqa: S608  # our own names
                    [[row[i] for i in at] for row in wrote],
                )
    connection.commit()
