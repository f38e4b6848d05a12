"""The console's pages on a book of 20,000 plots, on SQLite and on PostgreSQL.

A book of many villages, with all that waits for people beside it, is served by a process of
its own; a client asks for the pages that a lender opens daily and for the map's data, and a
real Chromium opens the map as an officer does: the page is ready when it has loaded, the map
when its plots are drawn. Then ten clients ask at once. Times are of the wall, so that other
work on the machine is in them; beside them stand the server's processor time and how many
questions the database was asked.

Two limits stand beside them, taken in the same run: the rows that the map's list is made of,
read from the database and let go of; and the map's page opened in the browser on a question
that no plot fits, which costs the same reading but neither the map's data nor its drawing.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
from playwright.sync_api import Browser, Page
from sqlalchemy import event

from bench.report import Effort, Figure, Report
from server.app import create_app
from server.services.centre import Centre
from server.services.collected import collected_after
from server.store import plot_rows
from tests.support.centre import Served
from tests.support.chromium import chromium
from tests.support.console_book import PASSWORD
from tests.support.drawn_map import middle_of_a_shape
from tests.support.postgres import running_postgres
from tests.support.wide_book import opened, wide_centre
from tests.support.wide_desk import add_desk

if TYPE_CHECKING:
    Counted = Synchronized[int]

LINES = 23_300  # of which 20,000 rest on a plot each; the others on herds, machines, stores
GOAL_S = 2.0
GOAL_TASK_S = 0.2  # that the page of the map may be deaf
READY_S_MAX = 90.0
TRAIL_LINES = 20_000
NEARER_MAX = 12  # hexagons pressed, one within the other, until plots are seen
LIST, LIMIT = "list of plots", "limit: the rows of the list, read and let go of"
EMPTY, OPENED = "limit: browser, the map opened on nothing", "browser: map and list opened"
PAGES = (
    ("Today", "/"),
    ("queue", "/queue"),
    ("visits: every flag", "/visits"),
    ("stations", "/stations"),
    ("cash in hand", "/cash"),
    ("a line", "/lines/line-00000089"),
    ("audit", "/audit"),
    ("PAR, vintages, provisioning", "/health"),
    (LIST, "/map"),
    ("list, one village, by risk", "/map?village=site-00007&sort=-risk"),
    ("list, a search", "/map?q=otieno"),
    ("data of the map, asked alone", "/map/plots.json"),
    ("portfolio of lines", "/portfolio"),
)
AT_ONCE = 10  # lenders
PEAK = "memory"
TASKS = "longest tasks"
ROUND = ("/", "/portfolio", "/map", "/queue")
KNOWN = 'id="known-at"'  # on the page of health, once its figures are there
LISTEN = """window.tasks = [];
new PerformanceObserver((told) => told.getEntries().forEach((one) => tasks.push(one.duration)))
  .observe({ type: "longtask", buffered: true });"""
LONGEST = "Math.max(0, ...tasks.splice(0)) / 1000"
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one thing took: of the wall until the first byte and the last, and the server's CPU."""

    first_s: float
    whole_s: float
    cpu_s: float
    size_bytes: int = 0
    questions: int = 0


@dataclass(frozen=True, slots=True)
class Console:
    """A console that is served: where, by which process, and what counts its questions."""

    address: str
    process: psutil.Process
    asked: Counted

    @property
    def cpu_s(self) -> float:
        """The processor time of the process."""
        told = self.process.cpu_times()
        return float(told.user + told.system)

    @property
    def peak_mb(self) -> float:
        """The most memory that the process ever held."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines()
        [told] = [line for line in lines if line.startswith("VmHWM")]
        return int(told.split()[1]) / 1024


def measure(effort: Effort) -> Report:
    """Every page on both databases, then in a browser."""
    repeats = effort.repeats
    found: dict[str, dict[str, Taken]] = {}
    with running_postgres() as postgres, chromium() as browser:
        for name, url in (
            ("SQLite", f"sqlite:///{effort.scratch / 'console.sqlite'}"),
            ("PostgreSQL", postgres.create("console")),
        ):
            _say(f"{name}: a book of {LINES:,} lines …")
            found[name] = _one(effort.scratch, url, browser, repeats)
    return _report(found, repeats)


def _say(text: str, took: Taken | None = None) -> None:
    """What is done, or what it took, for who waits."""
    if took:
        text += f": {took.first_s:.2f} s, {took.whole_s:.2f} s, CPU {took.cpu_s:.2f} s"
    print(f"console: {text}", file=sys.stderr, flush=True)


def _one(folder: Path, url: str, browser: Browser, repeats: int) -> dict[str, Taken]:
    centre = wide_centre(folder, url, LINES)
    add_desk(centre.store, TRAIL_LINES)
    rows = _middle([_rows_alone(centre) for _ in range(repeats + 1)][1:])
    _say(LIMIT, rows)
    centre.store.close()
    with _serving(folder, url) as console:
        taken = {LIMIT: rows, "health, reckoned for the first time": _reckoned(console)}
        for name, path in PAGES:
            taken[name] = _asked(console, path, repeats)
            _say(name, taken[name])
        for name, took in _seen(console, browser, repeats).items():
            taken[name] = took
            _say(name, took)
        alone_mb = console.peak_mb
        name = f"{AT_ONCE} lenders at once: 95 of 100"
        taken[name] = _at_once(console)
        _say(name, taken[name])
        return taken | {PEAK: Taken(alone_mb, console.peak_mb, 0.0)}


def _rows_alone(centre: Centre) -> Taken:
    """The book's rows without a page: less than this no list of all of it can take."""
    start, cpu_s = time.perf_counter(), time.process_time()
    with collected_after(), centre.store.reading() as tx:
        plots = plot_rows.every_plot(tx)
        first_s = time.perf_counter() - start
        resting = plot_rows.resting_lines(tx)
    whole_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_s
    if not plots or not resting:
        raise ValueError(f"expected a book of {LINES:,} lines, got none")
    return Taken(first_s, whole_s, cpu_s, questions=2)


@contextmanager
def _serving(folder: Path, url: str) -> Iterator[Console]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    asked = context.Value("q", 0)
    process = context.Process(target=_serve, args=(folder, url, there, asked))
    process.start()
    try:
        if not here.poll(READY_S_MAX):
            raise TimeoutError(f"expected a console within {READY_S_MAX} s")
        yield Console(here.recv(), psutil.Process(process.pid), asked)
    finally:
        here.send("stop")
        process.join()


def _serve(folder: Path, url: str, pipe: Connection, asked: Counted) -> None:
    centre = opened(folder, url)

    def count(*_: object) -> None:
        with asked.get_lock():
            asked.value += 1

    event.listen(centre.store.engine, "before_cursor_execute", count)
    served = Served(create_app(centre))
    gc.collect()
    gc.freeze()  # as `harvestline-server run` does
    pipe.send(f"{served.url}/console")
    pipe.recv()
    served.close()
    centre.store.close()


def _asked(console: Console, path: str, repeats: int) -> Taken:
    """The median of asking for a page; the first time, which fills memories, is left out."""
    with _client(console) as client:
        found = [_ask(client, console, path) for _ in range(repeats + 1)][1:]
    return _middle(found)


@contextmanager
def _client(console: Console) -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=READY_S_MAX) as client:
        _log_in(client, console.address)
        yield client


def _ask(client: httpx.Client, console: Console, path: str) -> Taken:
    cpu_s, asked, start = console.cpu_s, console.asked.value, time.perf_counter()
    with client.stream("GET", console.address + path) as answer:
        answer.raise_for_status()
        first_s = time.perf_counter() - start
        size = sum(len(part) for part in answer.iter_raw())
    whole_s = time.perf_counter() - start
    return Taken(first_s, whole_s, console.cpu_s - cpu_s, size, console.asked.value - asked)


def _reckoned(console: Console) -> Taken:
    """Until the figures of health are there, from the first look of a day on."""
    with _client(console) as client:
        cpu_s, start, first_s = console.cpu_s, time.perf_counter(), 0.0
        while KNOWN not in client.get(f"{console.address}/health").text:
            first_s = first_s or time.perf_counter() - start
            if time.perf_counter() - start > READY_S_MAX:
                raise TimeoutError(f"expected the figures of health within {READY_S_MAX} s")
        return Taken(first_s, time.perf_counter() - start, console.cpu_s - cpu_s)


def _at_once(console: Console) -> Taken:
    """Ten lenders who go round the pages at once: the median of a page, and the slowest few."""
    with ThreadPoolExecutor(AT_ONCE) as people, ExitStack() as doors:
        # One after the other: the door slows many tries at one name at the same moment.
        inside = [doors.enter_context(_client(console)) for _ in range(AT_ONCE)]
        cpu_s, go_round = console.cpu_s, partial(_round, console)
        found = sorted(each for took in people.map(go_round, inside) for each in took)
    return Taken(found[len(found) // 2], found[len(found) * 95 // 100], console.cpu_s - cpu_s)


def _round(console: Console, client: httpx.Client) -> list[float]:
    took = []
    for path in ROUND:
        start = time.perf_counter()
        client.get(console.address + path).raise_for_status()
        took.append(time.perf_counter() - start)
    return took


def _log_in(client: httpx.Client, address: str) -> None:
    text = client.get(f"{address}/login").text
    token = text.partition('name="token" value="')[2].partition('"')[0]
    form = {"name": "supervisor", "password": PASSWORD, "next": "", "token": token}
    client.post(f"{address}/login", data=form)


def _seen(console: Console, browser: Browser, repeats: int) -> dict[str, Taken]:
    """In a browser: the page opened, gone near and far again, and a filter chosen."""
    address = console.address
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(LISTEN)
    page = context.new_page()
    page.set_default_timeout(READY_S_MAX * 1000)
    page.goto(f"{address}/login?next=/console/map%3Fq=none")
    page.fill("#name", "supervisor")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/map?q=none")
    empty = [_timed(console, lambda: _open(page, address, "?q=none")) for _ in range(repeats)]
    opens = [_timed(console, lambda: _open(page, address)) for _ in range(repeats + 1)][1:]
    opened_s = page.evaluate(LONGEST)
    near = _timed(console, lambda: _near(page))
    moved_s = page.evaluate(LONGEST)
    steps = [_timed(console, partial(_narrow, page, n)) for n in range(repeats)]
    context.close()
    return {
        EMPTY: _middle(empty),
        OPENED: _middle(opens),
        "browser: from hexagons to plots, and all again": near,
        "browser: a crop chosen": _middle(steps),
        TASKS: Taken(opened_s, moved_s, 0.0),
    }


def _timed(console: Console, act: Callable[[], tuple[float, float]]) -> Taken:
    cpu_s = console.cpu_s
    first_s, whole_s = act()
    return Taken(first_s, whole_s, console.cpu_s - cpu_s)


def _open(page: Page, address: str, query: str = "") -> tuple[float, float]:
    """When the page had loaded, and when its map was drawn [s]."""
    page.goto(f"{address}/map{query}")
    page.wait_for_selector("#map[data-drawn]")
    drawn_ms = page.evaluate("performance.getEntriesByName('map-drawn')[0].startTime")
    return page.evaluate(LOADED) / 1000, drawn_ms / 1000


def _near(page: Page) -> tuple[float, float]:
    """Until plots are seen as they are, pressing hexagons; and until all are seen again [s]."""
    start = time.perf_counter()
    for _ in range(NEARER_MAX):
        if page.get_attribute("#map", "data-shape") != "hexagons":
            break
        looking = page.evaluate("location.hash")
        page.mouse.click(*middle_of_a_shape(page, 20))
        page.wait_for_function("at => location.hash !== at", arg=looking)
        page.wait_for_function("!('drawing' in map.dataset)")
    else:
        raise TimeoutError(f"expected plots after {NEARER_MAX} hexagons, got hexagons still")
    near_s = time.perf_counter() - start
    page.click("#map .leaflet-bar a:has(.whole)")
    page.wait_for_selector("#map[data-shape='hexagons']")
    return near_s, time.perf_counter() - start


def _narrow(page: Page, turn: int) -> tuple[float, float]:
    """When the list and the map show another crop alone [s]."""
    before = page.get_attribute("#map", "data-drawn")
    start = time.perf_counter()
    page.select_option("#crop", ("maize", "beans", "sorghum")[turn % 3])
    page.wait_for_function("n => map.dataset.drawn !== n", arg=before)
    took_s = time.perf_counter() - start
    return took_s, took_s


def _middle(found: list[Taken]) -> Taken:
    return Taken(
        statistics.median(each.first_s for each in found),
        statistics.median(each.whole_s for each in found),
        statistics.median(each.cpu_s for each in found),
        found[0].size_bytes,
        found[0].questions,
    )


def _goal(what: str) -> str:
    """What a page may take that is asked by one person; nothing for what no page is."""
    is_asked = any(what == name for name, _ in PAGES) or what.startswith("browser")
    return f"{GOAL_S:.0f} s" if is_asked else ""


def _report(found: dict[str, dict[str, Taken]], repeats: int) -> Report:
    rows = [
        (f"{what}, {database}", f"{one.first_s:.2f} s", f"{one.whole_s:.2f} s",
         _goal(what), f"{one.cpu_s:.2f} s",
         f"{one.size_bytes / 1000:.0f} kB" if one.size_bytes else "",
         f"{one.questions}" if one.questions else "")
        for database, each in found.items()
        for what, one in each.items()
        if what not in (PEAK, TASKS)
    ]  # fmt: skip
    worst = max(each[OPENED].whole_s for each in found.values())
    tasks = [(each[TASKS].first_s, each[TASKS].whole_s) for each in found.values()]
    opened_s, moved_s = (max(each) for each in zip(*tasks, strict=True))
    load = os.getloadavg()[0]
    today = max(each["Today"].whole_s for each in found.values())
    peaks = "; ".join(
        f"{database}: {each[PEAK].first_s:.0f} MB, with {AT_ONCE} at once {each[PEAK].whole_s:.0f}"
        for database, each in found.items()
    )
    return Report(
        title="The console on a book of 20,000 plots",
        headings=(
            "page",
            "first byte, or loaded",
            "whole, or drawn",
            "limit",
            "server's CPU",
            "sent",
            "questions",
        ),
        rows=tuple(rows),
        note=(
            f"Medians of {repeats}; load {load:.1f} at the end. In the browser the first time is "
            "of the page's load event and the second of the map being drawn, from the start of "
            "the navigation; of the lenders at once the median of a page and the 95th of 100, and "
            f"the processor time of all {AT_ONCE * len(ROUND)} pages. PostgreSQL's own processor "
            f"time is not in the server's. The most memory that the server's process held: {peaks}."
        ),
        figures=(
            Figure("Today, on a book of 20,000 plots", f"{today:.1f} s", f"goal {GOAL_S:.0f} s"),
            Figure(
                "map and list of 20,000 plots, opened in a browser",
                f"{worst:.1f} s",
                f"goal {GOAL_S:.0f} s",
            ),
            Figure(
                "longest task of the map's page: opened; gone near and far",
                f"{opened_s:.2f} s; {moved_s:.2f} s",
                f"goal {GOAL_TASK_S:.1f} s",
            ),
        ),
        numbers={
            f"{database} {what} {name}": getattr(one, name)
            for database, each in found.items()
            for what, one in each.items()
            for name in ("first_s", "whole_s", "cpu_s")
        },
    )
