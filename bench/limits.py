"""The whole book reviewed, against one line after the other: 10,000 lines to a million.

The book holds every kind of product, drawn and repaid lines, lines that were not seen and
that wait with a rise. Three runs over it: today every plot has a new look, so every line is
judged and nearly every one is moved or written down as held; then the same book once more, on
which nothing is new: every line is passed over by its mark, but for the few that are never
marked; then the night after, when one plot in five has a new look and a day has passed for
all. Two processes share it, on one PostgreSQL with fsync. The naive rate is of the same
reviews, each in a transaction of its own. Then some stations pull, and are told how their
lines stand. Wall time, and beside it the CPU time of both workers and of PostgreSQL, which
tells the cost where others use the machine too; the book is built with COPY, which is timed
apart.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.report import Effort, Figure, Report
from core.units import MS_PER_DAY
from server.config import Settings
from server.services import book_review
from server.services.centre import Centre
from server.services.reviews import review_again
from server.services.telling import tell_due
from server.store import book_reviews
from server.store.engine import Store, open_store
from server.store.people import Actor
from server.store.schema import migrate
from tests.support.centre_kit import Counter, keys_of
from tests.support.limit_book import (
    LINES_OF_A_STATION,
    NOW_MS,
    add_products,
    fill,
    look_again,
)
from tests.support.postgres import Postgres, running_postgres

TENANT = "lender"
DURABLE = (
    "-c fsync=on -c synchronous_commit=on -c listen_addresses='' -c shared_buffers=512MB"
    " -c max_wal_size=8GB -c checkpoint_timeout=30min"
)
SIZES = (10_000, 100_000, 1_000_000)
WORKERS = 2
NAIVE = 400  # lines that are reviewed one by one
SEED = 1
NIGHT_EACH = 5  # one line in so many has a new look in the night after
NIGHT_MS = NOW_MS + MS_PER_DAY
STATIONS_TOLD = 20  # that pull afterwards
GOAL_S = 60  # for a million lines on two cores
OPERATOR = Actor("bench", "operator")


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run over a book took: of CPU, the workers' and PostgreSQL's."""

    wall_s: float
    python_s: float
    postgres_s: float
    peak_mb: float
    counts: dict[str, int]

    def cost_us(self) -> str:
        """CPU of a line, all together and PostgreSQL's part of it."""
        lines = sum(self.counts.values())
        both_s = self.python_s + self.postgres_s
        return f"{1e6 * both_s / lines:.0f} ({1e6 * self.postgres_s / lines:.0f})"


@dataclass(frozen=True, slots=True)
class Measured:
    """A book of so many lines: how long it took to build and to review, and what it took.

    ``again`` is of the same book once more, on which nothing is new since; ``night`` of the
    night after. ``told_us`` is the CPU time of a line that a station is told with its pull.
    """

    lines: int
    filled_s: float
    reviewed: Taken
    again: Taken
    night: Taken
    told_us: float

    @property
    def reviewed_s(self) -> float:
        """How long a review took where all is new."""
        return self.reviewed.wall_s

    @property
    def rate(self) -> float:
        """Lines reviewed a second."""
        return self.lines / self.reviewed_s


def measure(effort: Effort) -> Report:
    """Every size in turn on one server, each in a database of its own; then line by line."""
    sizes = effort.lines or SIZES
    with running_postgres(DURABLE) as server:
        naive = _naive(server, min(sizes))
        # The smallest is quickly done: its median of as many runs as are asked for.
        runs = [[_one(server, size) for _ in range(effort.repeats if size == min(sizes) else 1)]
                for size in sizes]  # fmt: skip
    found = [sorted(each, key=lambda one: one.reviewed_s)[len(each) // 2] for each in runs]
    return _report(found, naive)


def _centre(store: Store, number: int = 0, at_ms: int = NOW_MS) -> Centre:
    """A centre at an instant; workers' identifiers do not meet."""
    ids = Counter(number * 10**10)
    return Centre(
        Settings(), store, keys_of("centre", 1), lambda: at_ms, ids.next_id, ids.next_token
    )


def _built(server: Postgres, name: str, lines: int) -> float:
    """Build a book in a new database, by two processes; how long it took [s]."""
    url = server.create(name)
    store = open_store(url, TENANT)
    migrate(store)
    add_products(store)
    store.close()
    start = time.perf_counter()
    half = lines // WORKERS // LINES_OF_A_STATION * LINES_OF_A_STATION
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_fill, [(url, 0, half), (url, half, lines - half)]))
    store = open_store(url, TENANT)
    store.write(lambda tx: tx.connection.exec_driver_sql("ANALYZE"))
    store.close()
    return time.perf_counter() - start


def _fill(part: tuple[str, int, int]) -> None:
    url, first, count = part
    store = open_store(url, TENANT)
    fill(store, count, SEED, first=first)
    store.close()


def _one(server: Postgres, lines: int) -> Measured:
    name = f"book_{lines}"
    filled_s = _built(server, name, lines)
    url = server.url(name)
    store = open_store(url, TENANT)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        list(pool.map(_ready, range(WORKERS)))  # both have imported all before the clock runs
        reviewed, again = (_timed(pool, (server, url), store, (n, NOW_MS)) for n in (1, 2))
        look_again(store, range(0, lines, NIGHT_EACH), SEED)
        night = _timed(pool, (server, url), store, (3, NIGHT_MS))
    told_us = _told(server, _centre(store, 0, NIGHT_MS), lines)
    store.close()
    server.drop(name)
    count = sum(reviewed.counts.values())
    print(f"{count:,} lines: built in {filled_s:.0f} s, {_said('all new', reviewed)}, "
          f"{_said('nothing new', again)}, {_said('the night after', night)}, a line told "
          f"{told_us:.0f} us, load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    return Measured(count, filled_s, reviewed, again, night, told_us)


def _said(what: str, taken: Taken) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in taken.counts.items())
    return f"{what} in {taken.wall_s:.1f} s ({taken.cost_us()} us: {counts})"


def _told(server: Postgres, centre: Centre, lines: int) -> float:
    """What it takes of CPU to tell a station how one of its lines stands [us]."""
    stations = [f"st-{n:05d}" for n in range(min(STATIONS_TOLD, lines // LINES_OF_A_STATION))]
    before_s, start = _cpu_of(server), time.process_time()
    told = sum(centre.write(lambda work, one=each: tell_due(work, one)) for each in stations)
    return 1e6 * (time.process_time() - start + _cpu_of(server) - before_s) / max(told, 1)


def _timed(
    pool: ProcessPoolExecutor, on: tuple[Postgres, str], store: Store, of: tuple[int, int]
) -> Taken:
    """A whole run by all workers: which in turn, and as of when [ms UTC]."""
    server, url = on
    number, at_ms = of
    centre = _centre(store, number, at_ms)
    run = book_review.begin(centre, OPERATOR)
    before_s, start = _cpu_of(server), time.perf_counter()
    shares = [(url, run.run_id, number * 100 + worker) for worker in range(WORKERS)]
    used = list(pool.map(_work, shares))
    seconds = time.perf_counter() - start
    told = book_review.progress(centre, run)
    if not told.is_done:
        raise AssertionError(f"expected a run that is done, got {told}")
    return Taken(
        seconds, sum(cpu for cpu, _ in used), _cpu_of(server) - before_s,
        max(peak for _, peak in used), told.counts,
    )  # fmt: skip


def _cpu_of(server: Postgres) -> float:
    """The CPU time of a server and of all its processes, those that have ended too [s]."""
    parent = (server.folder / "data" / "postmaster.pid").read_text().split()[0]
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended in between
        if path.parent.name == parent:
            ticks += sum(map(int, fields[11:15]))  # its own, and of children that ended
        elif fields[1] == parent:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _ready(number: int) -> int:
    time.sleep(0.2)  # else one process would take both calls
    return number


def _work(part: tuple[str, str, int]) -> tuple[float, float]:
    """One worker's share: its CPU time [s] and its peak of memory [MB]."""
    url, run_id, number = part
    store = open_store(url, TENANT)
    with store.reading() as tx:
        run = book_reviews.get(tx, run_id)
    cpu = time.process_time()
    book_review.work_through(_centre(store, number), run)
    cpu = time.process_time() - cpu
    store.close()
    return cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _naive(server: Postgres, lines: int) -> float:
    """Lines a second, one after the other, each in a transaction of its own."""
    name = f"naive_{lines}"
    _built(server, name, lines)
    store = open_store(server.url(name), TENANT)
    centre = _centre(store)
    ids = [f"line-{number:08d}" for number in range(1, NAIVE + 1)]
    start = time.perf_counter()
    for line_id in ids:
        centre.write(lambda work, one=line_id: review_again(work, one))
    seconds = time.perf_counter() - start
    store.close()
    server.drop(name)
    return NAIVE / seconds


def _report(found: list[Measured], naive: float) -> Report:
    rows = []
    for place, one in enumerate(found):
        runs = [(each.reviewed, each.again, each.night) for each in found]
        ratios = [_ratio([each[n] for each in runs], place) for n in range(3)]
        told = [text for run in runs[place] for text in (f"{run.wall_s:.1f}", run.cost_us())]
        rows.append((f"{one.lines:,}", f"{one.filled_s:.0f}", *told, f"{one.rate / naive:.1f} ×",
                     f"{one.reviewed.peak_mb:.0f}", f"{one.told_us:.0f}",
                     " ".join(each for each in ratios if each)))  # fmt: skip
    last = found[-1]
    counts = ", ".join(f"{count:,} {what}" for what, count in last.reviewed.counts.items())
    load = os.getloadavg()[0]
    return Report(
        title="The whole book reviewed, on two processes",
        headings=("open lines", "built [s]", "all seen anew [s]", "CPU a line [µs]",
                  "nothing new [s]", "CPU a line [µs]", "the night after [s]",
                  "CPU a line [µs]", "all anew to one by one", "peak of a worker [MB]",
                  "a line told at a pull [µs]", "a line to the last book's, of each run"),
        rows=tuple(rows),
        note=(
            f"One by one {naive:,.0f} lines a second. Of the largest book, all seen anew: "
            f"{counts}. In the night after one line in {NIGHT_EACH} has a new look. The goal is "
            f"a million lines in {GOAL_S} s on two cores. CPU is of both workers and, in "
            f"brackets, of PostgreSQL. Load of the machine at the end: {load:.1f}."
        ),
        figures=(
            Figure(f"review of {last.lines:,} lines, two processes", f"{last.reviewed_s:.0f} s",
                   f"{last.rate:,.0f} lines/s; one by one {naive:,.0f} /s; goal {GOAL_S} s a "
                   "million"),
        ),
        numbers={
            "naive [lines/s]": naive,
            **{f"{one.lines} lines [s]": one.reviewed_s for one in found},
            **{f"{one.lines} lines, nothing new [s]": one.again.wall_s for one in found},
            **{f"{one.lines} lines, the night after [s]": one.night.wall_s for one in found},
            **{f"{one.lines} lines built [s]": one.filled_s for one in found},
            **{f"{one.lines} lines, peak [MB]": one.reviewed.peak_mb for one in found},
        },
    )  # fmt: skip


def _ratio(found: list[Taken], place: int) -> str:
    """What a line costs of CPU against what it cost in the book before; 1 is linear."""
    if place == 0:
        return ""
    before, now = ((one.python_s + one.postgres_s) / sum(one.counts.values())
                   for one in found[place - 1 : place + 1])  # fmt: skip
    return f"{now / before:.2f}"
