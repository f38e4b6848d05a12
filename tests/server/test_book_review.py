"""A review of the whole book says what reviews line by line say, byte for byte."""

from __future__ import annotations

import json
import re
from collections import Counter as Counter_
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Table, select

from core.shape import decode
from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text
from core.units import MS_PER_DAY, civil_day
from core.wire.records import Down, LineStatus
from server.app import main
from server.config import Settings
from server.services import book_review
from server.services.centre import Centre, Work
from server.services.freezing import FreezeReason, freeze
from server.services.reviews import review_again
from server.services.telling import tell_due
from server.store import lines
from server.store.authorities import RULE
from server.store.engine import Store, open_store
from server.store.people import Actor
from server.store.schema import migrate
from server.store.tables import agreement_steps, audit, movements, outbound_logs, outbound_records
from server.store.tables import lines as lines_table
from tests.support.centre_kit import Counter, Kit, keys_of
from tests.support.desk import WANTED_MINOR, bound, raise_wanted
from tests.support.limit_book import NOW_MS, add_products, fill
from tests.support.postgres import Postgres

OPERATOR = Actor("operator", "operator")
WRITTEN = (movements, lines_table, outbound_records, outbound_logs, agreement_steps, audit)
LINES = 260


def centre_of(store: Store) -> Centre:
    ids = Counter()
    return Centre(
        Settings(), store, keys_of("centre", 1), lambda: NOW_MS, ids.next_id, ids.next_token
    )


def fresh(store: Store, seed: int, lines_count: int = LINES) -> Centre:
    """A centre with a random book of every kind, in which people froze some lines too."""
    add_products(store)
    fill(store, lines_count, seed)
    centre = centre_of(store)
    for number in (3, 40, 41):
        freeze(centre, f"line-{number:08d}", FreezeReason.DISPUTE, OPERATOR)
    return centre


def rows_of(store: Store, table: Table) -> list[dict[str, Any]]:
    with store.reading() as tx:
        order = list(table.primary_key.columns)
        return tx.rows(select(table).where(table.c.tenant_id == tx.tenant_id).order_by(*order))


def written(store: Store) -> dict[str, list[dict[str, Any]]]:
    """All that reviews write; the audit trail without who began a run."""
    found = {table.name: rows_of(store, table) for table in WRITTEN}
    acts = [row for row in found.pop("audit") if row["action"] != book_review.REVIEWED]
    hashes = ("seq", "previous", "hash")
    found["trail"] = [{k: v for k, v in row.items() if k not in hashes} for row in acts]
    return found


def line_by_line(centre: Centre) -> None:
    """The same reviews, each in a transaction of its own."""
    with centre.store.reading() as tx:
        every = sorted(lines.every(tx, open_only=True), key=lambda one: (one.station, one.line_id))
    for line in every:
        centre.write(lambda work, one=line.line_id: review_again(work, one, tells=False))


def pulled(centre: Centre) -> Counter_[str]:
    """Each station asks for its log; how many records of each kind are in all of them."""
    with centre.store.reading() as tx:
        stations = sorted({one.station for one in lines.every(tx)})
    for station in stations:
        centre.write(lambda work, name=station: tell_due(work, name))
    return Counter_(row["kind"] for row in rows_of(centre.store, outbound_records))


class StopError(Exception):
    """The worker's end, at a place that the test chooses."""


def stop_after(pages: int) -> Callable[[book_review.Progress], None]:
    seen: list[book_review.Progress] = []

    def tell(progress: book_review.Progress) -> None:
        seen.append(progress)
        if len(seen) == pages:
            raise StopError

    return tell


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Store]:
    """A second store, on SQLite, for the reviews line by line."""
    store = open_store(f"sqlite:///{tmp_path}/twin.sqlite", "lender")
    migrate(store)
    yield store
    store.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_whole_book_comes_out_as_line_by_line(store: Store, twin: Store, seed: int):
    alone = fresh(twin, seed)
    alone.new_id()  # the other one's run has an id
    line_by_line(alone)
    centre = fresh(store, seed)
    run = book_review.begin(centre, OPERATOR)
    found = book_review.work_through(centre, run, page_lines=100)
    assert found.is_done
    told = pulled(centre)
    assert told == pulled(alone)
    assert told[Down.LINE.value] == found.lines_count - found.counts.get("waiting", 0)
    expected, got = written(twin), written(store)
    for name, rows in expected.items():
        assert got[name] == rows, name
    kinds = {row["movement"] for row in got["movements"]}
    assert kinds == {"opened", "raised", "cut", "held", "frozen"}
    assert found.lines_count == sum(row["is_open"] for row in got["lines"])


def test_an_interrupted_run_goes_on_and_moves_nothing_twice(store: Store, twin: Store):
    whole = fresh(twin, 3)
    run = book_review.begin(whole, OPERATOR)
    book_review.work_through(whole, run, page_lines=30)
    centre = fresh(store, 3)
    run = book_review.begin(centre, OPERATOR)
    with pytest.raises(StopError):
        book_review.work_through(centre, run, stop_after(4), page_lines=30)
    assert book_review.begin(centre, OPERATOR) == run
    assert book_review.work_through(centre, run, page_lines=30).is_done
    assert written(store) == written(twin)


def test_reviewed_again_on_the_same_evidence_nothing_moves(store: Store):
    centre = fresh(store, 4, 120)
    book_review.work_through(centre, book_review.begin(centre, OPERATOR))
    before = written(store)
    again = book_review.begin(centre, OPERATOR)
    found = book_review.work_through(centre, again)
    assert set(found.counts) <= {"unchanged", "waiting"}
    assert written(store) == before


def test_a_station_hears_of_each_line_once_with_its_next_pull(store: Store):
    """Freezes go down at once; how lines stand after two reviews is told once, as of the pull."""
    centre = fresh(store, 6, 120)
    later = replace(centre, now_ms=lambda: NOW_MS + MS_PER_DAY)
    for day in (centre, later):
        book_review.work_through(day, book_review.begin(day, OPERATOR))
    assert {row["kind"] for row in rows_of(store, outbound_records)} == {Down.FREEZE.value}
    moved = [row["line_id"] for row in rows_of(store, lines_table) if row["movements_count"] > 2]
    with store.reading() as tx:
        assert list(lines.due_at(tx, "st-00000")) == moved
    for _ in range(2):
        assert pulled(later)[Down.LINE.value] == len(moved)
    for row in rows_of(store, outbound_records)[-len(moved) :]:
        status = decode(LineStatus, json.loads(row["body"]))
        with store.reading() as tx:
            last = lines.last_movement(tx, status.line_id)
        assert last is not None
        assert (status.limit_minor, status.reasons) == (last.limit_minor, last.reasons)
        assert status.as_of == civil_day(later.now_ms(), 180 * 60_000).isoformat()


def test_a_pull_brings_what_a_review_of_the_book_raised(kit: Kit):
    line = raise_wanted(kit)
    kit.station.pull(kit.centre)
    bound(kit, RULE, 10**9)
    found = book_review.work_through(kit.centre, book_review.begin(kit.centre, OPERATOR))
    assert found.counts["raised"] == 1
    [told] = [one.body for one in kit.station.pull(kit.centre) if one.kind == Down.LINE.value]
    assert (told["line_id"], told["limit_minor"]) == (line.line_id, WANTED_MINOR)
    assert kit.station.pull(kit.centre) == []


def test_two_who_ask_at_once_for_one_station_are_told_once(postgres: Postgres):
    """A pull, and a carrier's file for the same station, wait for each other's lines."""
    store = open_store(postgres.create("told_once"), "lender")
    migrate(store)
    centre = fresh(store, 6, 60)
    book_review.work_through(centre, book_review.begin(centre, OPERATOR))
    with store.reading() as tx:
        due = lines.due_at(tx, "st-00000")
    with ThreadPoolExecutor(1) as pool:

        def first(work: Work) -> Future[int]:
            tell_due(work, "st-00000")
            second = pool.submit(centre.write, lambda other: tell_due(other, "st-00000"))
            while not second.done() and not _waits(store):
                wait([second], timeout=0.01)
            return second

        assert centre.write(first).result() == 0
    told = [row for row in rows_of(store, outbound_records) if row["kind"] == Down.LINE.value]
    assert len(told) == len(due) > 0
    store.close()
    postgres.drop("told_once")


def _waits(store: Store) -> bool:
    """Whether somebody waits for a lock that another holds."""
    question = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with store.reading() as tx:
        return bool(tx.connection.exec_driver_sql(question).scalar())


def test_two_workers_share_one_book(postgres: Postgres, twin: Store, tmp_path: Path):
    """Two processes over the stations of one book; every line as if one had gone through it."""
    alone = fresh(twin, 5, 520)
    book_review.work_through(alone, book_review.begin(alone, OPERATOR))
    url = postgres.create("two_workers")
    store = open_store(url, "lender")
    migrate(store)
    fresh(store, 5, 520)
    clock = tmp_path / "clock"
    clock.write_text(clock_text(NOW_MS))
    shell = CliRunner(env={CLOCK_SETTING: str(clock), DEMO_SETTING: "1"})
    assert shell.invoke(main, ["init", "--out", str(tmp_path / "centre")]).exit_code == 0
    config = tmp_path / "centre" / "server.toml"
    text = config.read_text()
    config.write_text(re.sub(r"(?m)^database_url.*$", f'database_url = "{url}"', text))
    found = shell.invoke(main, ["review-book", "--config", str(config), "--workers", "2", "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["is_done"]
    assert told["lines_count"] == 520 - 6
    for table in (lines_table, movements):
        expected, got = rows_of(twin, table), rows_of(store, table)
        for row in (*expected, *got):
            row.pop("movement_id", None)
        assert got == expected, table.name
    store.close()


def test_more_workers_than_writers_are_refused(tmp_path: Path):
    clock = tmp_path / "clock"
    clock.write_text(clock_text(NOW_MS))
    shell = CliRunner(env={CLOCK_SETTING: str(clock), DEMO_SETTING: "1"})
    assert shell.invoke(main, ["init", "--out", str(tmp_path / "centre")]).exit_code == 0
    config = tmp_path / "centre" / "server.toml"
    found = shell.invoke(main, ["review-book", "--config", str(config), "--workers", "2"])
    assert found.exit_code == 3
    assert "one worker on SQLite" in found.output
