"""The console's map, list and portfolio of 20,000 plots, on SQLite and on PostgreSQL.

A book of many villages is served by a process of its own; a client asks for each page and for
the map's data, and a real Chromium opens the page as an officer does: the page is ready when
it has loaded, the map when its plots are drawn. Times are of the wall, so that other work on
the machine is in them; beside them stands the server's processor time.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import psutil
from playwright.sync_api import Browser, Page

from bench.report import Effort, Figure, Report
from server.app import create_app
from tests.support.centre import Served
from tests.support.chromium import chromium
from tests.support.console_book import PASSWORD
from tests.support.postgres import running_postgres
from tests.support.wide_book import opened, wide_centre

LINES = 23_300  # of which 20,000 rest on a plot each; the others on herds, machines, stores
REPEATS_MIN = 5
GOAL_S = 2.0
READY_S_MAX = 120.0
PAGES = (
    ("list of plots", "/map"),
    ("list, one village, by risk", "/map?village=site-00007&sort=-risk"),
    ("list, a search", "/map?q=otieno"),
    ("data of the map", "/map/plots.json"),
    ("portfolio of lines", "/portfolio"),
)
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one thing took: of the wall until the first byte and the last, and the server's CPU."""

    first_s: float
    whole_s: float
    cpu_s: float
    size_bytes: int = 0


def measure(effort: Effort) -> Report:
    """Every page on both databases, then in a browser."""
    repeats = max(effort.repeats, REPEATS_MIN)
    found: dict[str, dict[str, Taken]] = {}
    with running_postgres() as postgres, chromium() as browser:
        for name, url in (
            ("SQLite", f"sqlite:///{effort.scratch / 'console.sqlite'}"),
            ("PostgreSQL", postgres.create("console")),
        ):
            found[name] = _one(effort.scratch, url, browser, repeats)
    return _report(found, repeats)


def _one(folder: Path, url: str, browser: Browser, repeats: int) -> dict[str, Taken]:
    wide_centre(folder, url, LINES).store.close()
    with _serving(folder, url) as (address, process):
        taken = {name: _asked(address, process, path, repeats) for name, path in PAGES}
        return taken | _seen(address, process, browser, repeats)


@contextmanager
def _serving(folder: Path, url: str) -> Iterator[tuple[str, psutil.Process]]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(folder, url, there))
    process.start()
    try:
        if not here.poll(READY_S_MAX):
            raise TimeoutError(f"expected a console within {READY_S_MAX} s")
        yield here.recv(), psutil.Process(process.pid)
    finally:
        here.send("stop")
        process.join()


def _serve(folder: Path, url: str, pipe: Connection) -> None:
    centre = opened(folder, url)
    served = Served(create_app(centre))
    pipe.send(f"{served.url}/console")
    pipe.recv()
    served.close()
    centre.store.close()


def _cpu_s(process: psutil.Process) -> float:
    told = process.cpu_times()
    return float(told.user + told.system)


def _asked(address: str, process: psutil.Process, path: str, repeats: int) -> Taken:
    """The median of asking for a page; the first time, which fills memories, is left out."""
    with httpx.Client(trust_env=False, timeout=READY_S_MAX) as client:
        _log_in(client, address)
        found = [_ask(client, process, address + path) for _ in range(repeats + 1)][1:]
    return _middle(found)


def _ask(client: httpx.Client, process: psutil.Process, url: str) -> Taken:
    cpu_s, start = _cpu_s(process), time.perf_counter()
    with client.stream("GET", url) as answer:
        answer.raise_for_status()
        first_s = time.perf_counter() - start
        size = sum(len(part) for part in answer.iter_raw())
    whole_s = time.perf_counter() - start
    return Taken(first_s, whole_s, _cpu_s(process) - cpu_s, size)


def _log_in(client: httpx.Client, address: str) -> None:
    text = client.get(f"{address}/login").text
    token = text.partition('name="token" value="')[2].partition('"')[0]
    form = {"name": "supervisor", "password": PASSWORD, "next": "", "token": token}
    client.post(f"{address}/login", data=form)


def _seen(
    address: str, process: psutil.Process, browser: Browser, repeats: int
) -> dict[str, Taken]:
    """In a browser: the page opened, a filter chosen, and a step nearer."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(READY_S_MAX * 1000)
    page.goto(f"{address}/login?next=/console/map%3Fq=none")
    page.fill("#name", "supervisor")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/map?q=none")
    opens = [_timed(process, lambda: _open(page, address)) for _ in range(repeats)]
    steps = [_timed(process, lambda n=n: _narrow(page, n)) for n in range(repeats)]
    context.close()
    return {
        "browser: map and list opened": _middle(opens),
        "browser: a crop chosen": _middle(steps),
    }


def _timed(process: psutil.Process, act: Callable[[], tuple[float, float]]) -> Taken:
    cpu_s = _cpu_s(process)
    first_s, whole_s = act()
    return Taken(first_s, whole_s, _cpu_s(process) - cpu_s)


def _open(page: Page, address: str) -> tuple[float, float]:
    """When the page had loaded, and when its map was drawn [s]."""
    page.goto(f"{address}/map")
    page.wait_for_selector("#map[data-drawn]")
    drawn_ms = page.evaluate("performance.getEntriesByName('map-drawn')[0].startTime")
    return page.evaluate(LOADED) / 1000, drawn_ms / 1000


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
    )


def _report(found: dict[str, dict[str, Taken]], repeats: int) -> Report:
    rows = [
        (f"{what}, {database}", f"{one.first_s:.2f} s", f"{one.whole_s:.2f} s",
         f"{one.cpu_s:.2f} s", f"{one.size_bytes / 1000:.0f} kB" if one.size_bytes else "")
        for database, each in found.items()
        for what, one in each.items()
    ]  # fmt: skip
    worst = max(each["browser: map and list opened"].whole_s for each in found.values())
    load = os.getloadavg()[0]
    return Report(
        title="The console's map and list of 20,000 plots",
        headings=("page", "first byte, or loaded", "whole, or drawn", "server's CPU", "sent"),
        rows=tuple(rows),
        note=(
            f"Medians of {repeats}; load {load:.1f} at the end. In the browser the first time is "
            "of the page's load event and the second of the map being drawn, from the start of "
            "the navigation. PostgreSQL's own processor time is not in the server's."
        ),
        figures=(
            Figure(
                "map and list of 20,000 plots, opened in a browser",
                f"{worst:.1f} s",
                f"goal {GOAL_S:.0f} s",
            ),
        ),
        numbers={
            f"{database} {what} {name}": getattr(one, name)
            for database, each in found.items()
            for what, one in each.items()
            for name in ("first_s", "whole_s", "cpu_s")
        },
    )
