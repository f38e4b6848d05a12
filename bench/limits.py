"""The whole book reviewed, against one line after the other: 10,000 lines to a million.

The book holds every kind of product, drawn and repaid lines, lines that were not seen and
that wait with a rise; today every plot has a new look, so nearly every line is moved or
written down as held, told to its station, and chained; then the same book once more, on
which nothing is new: every line is passed over by its mark, but for the few that are never
marked. Two processes share it, on one PostgreSQL with fsync. The naive rate is of the same
reviews, each in a transaction of its own. Wall time, and beside it the CPU time of both
workers and of PostgreSQL, which tells the cost where others use the machine too; the book is
built with COPY, which is timed apart.
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
from server.config import Settings
from server.services import book_review
from server.services.centre import Centre
from server.services.reviews import review_again
from server.store import book_reviews
from server.store.engine import Store, open_store
from server.store.people import Actor
from server.store.schema import migrate
from tests.support.centre_kit import Counter, keys_of
from tests.support.limit_book import LINES_OF_A_STATION, NOW_MS, add_products, fill
from tests.support.postgres import Postgres, running_postgres

TENANT = "lender"
DURABLE = (
    "-c fsync=on -c synchronous_commit=on -c listen_addresses='' -c shared_buffers=512MB"
    " -c max_wal_size=8GB -c checkpoint_timeout=30min"
)
SIZES = (10_000, 100_000, 1_000_000)
SIZES_SETTING = "HARVESTLINE_BENCH_LINES"  # other sizes, as in 10000,100000
WORKERS = 2
NAIVE = 400  # lines that are reviewed one by one
SEED = 1
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

    ``again`` is of the same book once more, on which nothing is new since.
    """

    lines: int
    filled_s: float
    reviewed: Taken
    again: Taken

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
    text = os.environ.get(SIZES_SETTING, "")
    sizes = tuple(int(size) for size in text.split(",")) if text else SIZES
    with running_postgres(DURABLE) as server:
        naive = _naive(server, min(sizes))
        # The smallest is quickly done: its median of as many runs as are asked for.
        runs = [[_one(server, size) for _ in range(effort.repeats if size == min(sizes) else 1)]
                for size in sizes]  # fmt: skip
    found = [sorted(each, key=lambda one: one.reviewed_s)[len(each) // 2] for each in runs]
    return _report(found, naive)


def _centre(store: Store, number: int = 0) -> Centre:
    """A centre at the book's day; workers' identifiers do not meet."""
    ids = Counter(number * 10**10)
    return Centre(
        Settings(), store, keys_of("centre", 1), lambda: NOW_MS, ids.next_id, ids.next_token
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
    centre = _centre(store)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        list(pool.map(_ready, range(WORKERS)))  # both have imported all before the clock runs
        reviewed = _timed(pool, centre, (server, url))
        again = _timed(pool, centre, (server, url))
    store.close()
    server.drop(name)
    count = sum(reviewed.counts.values())
    print(f"{count:,} lines: built in {filled_s:.0f} s, reviewed in {reviewed.wall_s:.1f} s "
          f"({reviewed.cost_us()} us), again in {again.wall_s:.1f} s ({again.cost_us()} us), "
          f"load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    return Measured(count, filled_s, reviewed, again)


def _timed(pool: ProcessPoolExecutor, centre: Centre, on: tuple[Postgres, str]) -> Taken:
    """A whole run by all workers."""
    server, url = on
    run = book_review.begin(centre, OPERATOR)
    before_s, start = _cpu_of(server), time.perf_counter()
    used = list(pool.map(_work, [(url, run.run_id, 1 + number) for number in range(WORKERS)]))
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
    rows = [
        (f"{one.lines:,}", f"{one.filled_s:.0f}", f"{one.reviewed.wall_s:.1f}",
         one.reviewed.cost_us(), f"{one.again.wall_s:.1f}", one.again.cost_us(),
         f"{one.rate / naive:.1f} ×", f"{one.reviewed.peak_mb:.0f}",
         _ratio([each.reviewed for each in found], place),
         _ratio([each.again for each in found], place))
        for place, one in enumerate(found)
    ]  # fmt: skip
    last = found[-1]
    counts = ", ".join(f"{count:,} {what}" for what, count in last.reviewed.counts.items())
    load = os.getloadavg()[0]
    return Report(
        title="The whole book reviewed, on two processes",
        headings=("open lines", "built [s]", "all seen anew [s]", "CPU a line [µs]",
                  "nothing new [s]", "CPU a line [µs]", "all anew to one by one",
                  "peak of a worker [MB]", "a line to the last, all anew", "nothing new"),
        rows=tuple(rows),
        note=(
            f"One by one {naive:,.0f} lines a second. Of the largest book: {counts}. The goal is "
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
