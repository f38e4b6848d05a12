"""Entries per second: a naive ORM, our posting, and raw COPY; 1 to 8 clients; a book's audit.

An entry is two lines and a header, chained by hash to its writer's last, sealed by the
triggers, and durable when it counts (fsync, synchronous commit). The naive ORM asks for
the last entry, adds three objects and commits, one entry at a time. Ours takes 500 a
commit, checks every entry, looks for what is known already, and hashes; raw COPY is given
the finished rows, first into the same sealed tables, then into bare ones of the same
columns. All in turns on one PostgreSQL; SQLite beside it. Wall time.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.orm import Session, registry

from bench.imported import Imported, imported
from bench.report import Effort, Figure, Report
from core.lending.ledger import Entry, EntryKind, transfer
from server.config import Settings
from server.services.audit.run import audit
from server.store import ledger, ledger_bulk
from server.store.engine import Store, Tx, open_store
from server.store.ledger import GENESIS, rows_of
from server.store.schema import migrate
from server.store.tables import ledger_entries, ledger_lines
from tests.support.centre_kit import build_kit
from tests.support.postgres import Postgres, running_postgres

TENANT = "lender"
DURABLE = "-c fsync=on -c synchronous_commit=on -c listen_addresses='' -c max_connections=40"
BATCH = 500
ONE_BY_ONE = 150  # entries of a run that commits each
BATCHED = 4_000  # entries of a run that commits 500 at a time
CLIENTS = (1, 2, 4, 8)
OF_A_CLIENT = 150
BOOK = 100_000
ENVELOPES = (200, 1_000)  # draws of a station's envelope
WARM = 2_000  # entries that stand in the book before anything is measured
LEDGER_CHECKS = ("sums", "seals", "chains", "causes", "accounts")


class NaiveEntry:
    """A header as an object of the ORM."""


class NaiveLine:
    """A line as an object of the ORM."""


_REGISTRY = registry()
_REGISTRY.map_imperatively(NaiveEntry, ledger_entries)
_REGISTRY.map_imperatively(NaiveLine, ledger_lines)


@dataclass(frozen=True, slots=True)
class Way:
    """A way of writing entries: its name, how many a run, and the writing."""

    name: str
    entries: int
    write: Callable[[Sequence[Entry], str], float]


def entries_of(run: str, count: int) -> list[Entry]:
    """Entries with ids and causes of their own."""
    return [
        Entry(
            f"{run}-{number:07}",
            EntryKind.DRAWDOWN,
            "2026-04-01",
            1_775_000_000_000 + number,
            f"draw/{run}-{number:07}",
            transfer(f"loan/principal/line-{number % 997}", "cash/st-one", "KES", 10_000 + number),
        )
        for number in range(count)
    ]


def measure(effort: Effort) -> Report:
    """Every way in turns, then the clients, then the audit."""
    with running_postgres(DURABLE) as server:
        postgres = open_store(server.create("bench"), TENANT)
        migrate(postgres)
        postgres.write(_bare)
        _warm(postgres)
        sqlite = _sqlite(effort.scratch / "book.sqlite")
        ways = [*_ways(postgres, server), *_sqlite_ways(sqlite)]
        found: dict[str, list[float]] = {way.name: [] for way in ways}
        for turn in range(effort.repeats):
            for way in ways:
                found[way.name].append(_rate(way, turn))
        clients = {count: _clients(server, count) for count in CLIENTS}
        envelopes = [imported(server, draws, effort.repeats) for draws in ENVELOPES]
        postgres.close()
        sqlite.close()
    return _report(found, clients, _audited(effort.scratch), envelopes)


def _rate(way: Way, turn: int) -> float:
    name = f"{way.name}-{turn}".replace(" ", "-")
    return way.entries / way.write(entries_of(name, way.entries), name)


def _timed(act: Callable[[Store, Sequence[Entry], str], None], store: Store) -> Any:
    """A way of writing that takes its own time."""

    def write(run: Sequence[Entry], writer: str) -> float:
        start = time.perf_counter()
        act(store, run, writer)
        return time.perf_counter() - start

    return write


def _sqlite(path: Path) -> Store:
    store = open_store(f"sqlite:///{path}", TENANT)
    migrate(store)
    return store


def _bare(tx: Tx) -> None:
    """Tables of the same columns without triggers, keys or indexes."""
    for table in (ledger_lines, ledger_entries):
        tx.connection.exec_driver_sql(f"CREATE TABLE bare_{table.name} (LIKE {table.name})")


def _warm(store: Store) -> None:
    """A book that has entries and statistics: on an empty one PostgreSQL keeps plans that scan."""
    _bulk(store, entries_of("warm", WARM), "warm")
    for table in (ledger_entries, ledger_lines):
        store.write(lambda tx, each=table: tx.connection.exec_driver_sql(f"ANALYZE {each.name}"))
    store.close()


def _ways(store: Store, server: Postgres) -> list[Way]:
    conninfo = f"host={server.folder} user=harvestline dbname=bench"
    return [
        Way("naive ORM, commit each", ONE_BY_ONE, _timed(_naive, store)),
        Way("ours, commit each", ONE_BY_ONE, _timed(_each, store)),
        Way("ours, 500 a commit", BATCHED, _timed(_bulk, store)),
        Way("COPY, sealed tables", BATCHED, lambda run, w: _copy(conninfo, run, w, "")),
        Way("COPY, bare tables", BATCHED, lambda run, w: _copy(conninfo, run, w, "bare_")),
    ]


def _sqlite_ways(store: Store) -> list[Way]:
    return [
        Way("SQLite: naive ORM, commit each", ONE_BY_ONE, _timed(_naive, store)),
        Way("SQLite: ours, 500 a commit", BATCHED, _timed(_bulk, store)),
    ]


def _naive(store: Store, run: Sequence[Entry], writer: str) -> None:
    for entry in run:
        with Session(store.engine) as session:
            last = (
                session.query(NaiveEntry)
                .filter_by(tenant_id=TENANT, writer=writer)
                .order_by(ledger_entries.c.seq.desc())
                .first()
            )
            end = (last.seq, last.hash) if last else (0, GENESIS)  # type: ignore[attr-defined]
            header, lines = rows_of(entry, writer, end)
            session.add_all(_filled(NaiveLine(), line) for line in lines)
            session.flush()
            session.add(_filled(NaiveEntry(), header))
            session.commit()


def _filled(thing: Any, row: dict[str, Any]) -> Any:
    thing.tenant_id = TENANT
    for name, value in row.items():
        setattr(thing, name, value)
    return thing


def _each(store: Store, run: Sequence[Entry], writer: str) -> None:
    for entry in run:
        store.write(lambda tx, one=entry: ledger.post(tx, writer, one))


def _bulk(store: Store, run: Sequence[Entry], writer: str) -> None:
    for first in range(0, len(run), BATCH):
        part = run[first : first + BATCH]
        store.write(lambda tx, some=part: ledger_bulk.post_many(tx, writer, some))


def _copy(conninfo: str, run: Sequence[Entry], writer: str, prefix: str) -> float:
    """Finished rows through COPY; making them is not counted."""
    ready = _ready(run, writer)
    start = time.perf_counter()
    with psycopg.connect(conninfo) as connection:
        for headers, lines in ready:
            with connection.cursor() as cursor:
                for table, rows in (("ledger_lines", lines), ("ledger_entries", headers)):
                    names = ", ".join(["tenant_id", *rows[0]])
                    statement = f"COPY {prefix}{table} ({names}) FROM STDIN"
                    with cursor.copy(statement.encode()) as copy:
                        for row in rows:
                            copy.write_row((TENANT, *row.values()))
            connection.commit()
    return time.perf_counter() - start


Rows = list[dict[str, Any]]


def _ready(run: Sequence[Entry], writer: str) -> list[tuple[Rows, Rows]]:
    """Headers and lines of each batch, chained."""
    end, batches = (0, GENESIS), []
    for first in range(0, len(run), BATCH):
        headers: Rows = []
        lines: Rows = []
        for entry in run[first : first + BATCH]:
            header, rows = rows_of(entry, writer, end)
            end = (header["seq"], header["hash"])
            headers.append(header)
            lines += rows
        batches.append((headers, lines))
    return batches


def _clients(server: Postgres, count: int) -> tuple[float, float]:
    """Entries per second of so many clients, each with a chain of its own: one by one, batched."""
    url, rates = server.url("bench"), []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        list(pool.map(_client, [(url, f"warm-{count}-{n}", 2, 1) for n in range(count)]))
        for each, batch in ((OF_A_CLIENT, 1), (BATCHED // 2, BATCH)):
            work = [(url, f"client-{count}-{batch}-{n}", each, batch) for n in range(count)]
            start = time.perf_counter()
            list(pool.map(_client, work))
            rates.append(count * each / (time.perf_counter() - start))
    return rates[0], rates[1]


def _client(work: tuple[str, str, int, int]) -> None:
    url, name, count, batch = work
    store = open_store(url, TENANT)
    try:
        run = entries_of(name, count)
        if batch == 1:
            _each(store, run, name)
        else:
            _bulk(store, run, name)
    finally:
        store.close()


def _audited(scratch: Path) -> tuple[float, float]:
    """Seconds and additional memory [MB] of the ledger's checks on a book of ``BOOK`` entries."""
    store = _sqlite(scratch / "audit.sqlite")
    kit = build_kit(store, Settings(session_secret_file=str(scratch / "session.secret")))
    run = entries_of("book", BOOK)
    _bulk(store, run, "st-one")
    del run
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    found = audit(kit.centre, LEDGER_CHECKS)
    seconds = time.perf_counter() - start
    assert found.holds, found.first
    store.close()
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def _in_turns(found: dict[str, list[float]], one: str, other: str) -> float:
    """How many times another's rate one has: the median of the turns."""
    return statistics.median(a / b for a, b in zip(found[one], found[other], strict=True))


def _numbers(envelopes: Sequence[Imported]) -> dict[str, float]:
    return {
        f"{name}, {each.draws} draws [{unit}]": value
        for each in envelopes
        for name, unit, value in (
            ("envelope import", "entries/s", each.entries_s),
            ("envelope to copy of all its rows", "ratio of time", each.to_all),
            ("envelope to copy of the ledger's rows", "ratio of time", each.to_ledger),
            ("envelope", "statements", float(each.questions)),
        )
    }


def _report(
    found: dict[str, list[float]],
    clients: dict[int, tuple[float, float]],
    audited: tuple[float, float],
    envelopes: Sequence[Imported],
) -> Report:
    rate = {name: statistics.median(values) for name, values in found.items()}
    naive, copied = rate["naive ORM, commit each"], rate["COPY, sealed tables"]
    ours = rate["ours, 500 a commit"]
    to_naive = _in_turns(found, "ours, 500 a commit", "naive ORM, commit each")
    to_copy = _in_turns(found, "COPY, sealed tables", "ours, 500 a commit")
    rows = [(name, f"{value:,.0f}", f"{value / naive:.1f} ×") for name, value in rate.items()]
    one = clients[1]
    rows += [
        (f"{count} clients, commit each / 500 a commit", f"{each:,.0f} / {batched:,.0f}",
         f"{each / one[0]:.1f} × / {batched / one[1]:.1f} × one client")
        for count, (each, batched) in clients.items()
    ]  # fmt: skip
    rows.append((f"audit of {BOOK:,} entries, five checks", f"{BOOK / audited[0]:,.0f}",
                 f"{audited[0]:.1f} s, {audited[1]:.0f} MB more"))  # fmt: skip
    rows += [
        (f"a station's envelope of {each.draws:,} draws, from bytes to commit",
         f"{each.entries_s:,.0f}",
         f"{each.to_all:.2f} × COPY of its {each.rows:,} rows; {each.questions} statements")
        for each in envelopes
    ]  # fmt: skip
    return Report(
        title="Ledger entries per second",
        headings=("what", "entries a second", "to the naive ORM"),
        rows=tuple(rows),
        note=(
            "An entry is two lines and a sealed, chained header; PostgreSQL with fsync. Ours "
            f"takes {to_copy:.2f} × the time of COPY with finished rows into the same sealed "
            "tables: it checks, hashes and looks for what is known besides. Medians of runs in "
            "turns."
        ),
        figures=(
            Figure("ledger entries, 500 a commit", f"{ours:,.0f} /s",
                   f"naive ORM {naive:,.0f} /s ({to_naive:.0f} ×); COPY {copied:,.0f} /s "
                   f"({to_copy:.2f} × its time)"),
            Figure(f"audit of {BOOK:,} ledger entries", f"{audited[0]:.0f} s",
                   f"{audited[1]:.0f} MB more memory"),
        ),
        numbers={
            **{f"{name} [entries/s]": value for name, value in rate.items()},
            "ours to naive [ratio]": to_naive,
            "ours to copy [ratio of time]": to_copy,
            "audit [s]": audited[0],
            **_numbers(envelopes),
        },
    )  # fmt: skip
