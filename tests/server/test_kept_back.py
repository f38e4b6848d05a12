"""What parts of a transaction keep back: refused alone, written together, whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from core.lending.ledger import Entry, EntryKind, transfer
from server.config import Settings
from server.store import books, bulk, ledger
from server.store.cash_tables import cash_logins
from server.store.engine import ConflictError, Store, StoreError, Tx
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.district_book import build_district, rings_of
from tests.support.kiosk_kit import MONEY, deliver, draw, flags, leases_at_station
from tests.support.random_money import RandomMoney

pytestmark = pytest.mark.both_engines


def login(person_id: str) -> dict[str, Any]:
    return {"person_id": person_id, "username": f"u-{person_id}", "at_ms": 1, "actor": "x"}


def logins(store: Store) -> list[str]:
    with store.reading() as tx:
        return [row["person_id"] for row in tx.find_rows(cash_logins, "person_id")]


def entry(number: int, cause: str) -> Entry:
    lines = transfer("loan/principal/l", "cash/s", "KES", 100)
    return Entry(f"e{number}", EntryKind.DRAWDOWN, "2026-04-01", number, cause, lines)


class PowerCutError(Exception):
    """Nobody expects it."""


class Parts:
    """Parts done in bulk; what became of each, and how often all was begun."""

    def __init__(self, store: Store, *parts: Any) -> None:
        self.store, self.parts, self.begun = store, parts, 0

    def run(self) -> list[str]:
        return self.store.write(lambda tx: tx.in_bulk(self._all, bulk.writer(tx)))

    def _all(self, tx: Tx) -> list[str]:
        self.begun += 1
        return [self._one(tx, part) for part in self.parts]

    def _one(self, tx: Tx, part: Any) -> str:
        try:
            tx.attempt(lambda: part(tx))
        except (ConflictError, StoreError) as error:
            return type(error).__name__
        return ""


def kept(person_id: str) -> Any:
    return lambda tx: tx.append(cash_logins, **login(person_id))


def written(person_id: str) -> Any:
    return lambda tx: tx.insert(cash_logins, **login(person_id))


def refused(*before: Any) -> Any:
    def part(tx: Tx) -> None:
        for each in before:
            each(tx)
        tx.learn(cash_logins, "known", 2)
        raise ConflictError("refused in the middle")

    return part


def knows(wanted: object) -> Any:
    def part(tx: Tx) -> None:
        assert tx.known(cash_logins, "known") == wanted

    return part


def test_a_refused_part_is_taken_back_alone_wherever_its_rows_are(store: Store):
    parts = Parts(
        store,
        kept("a"),
        refused(kept("b")),
        lambda tx: tx.learn(cash_logins, "known", 1),
        refused(kept("c"), written("d")),
        knows(1),
        written("e"),
        kept("f"),
    )
    assert parts.run() == ["", "ConflictError", "", "ConflictError", "", "", ""]
    assert (parts.begun, logins(store)) == (1, ["a", "e", "f"])


def test_what_cannot_be_written_together_is_done_again_part_by_part(store: Store):
    parts = Parts(store, kept("a"), kept("b"), kept("a"), kept("c"))
    assert parts.run() == ["", "", "StoreError", ""]
    assert (parts.begun, logins(store)) == (2, ["a", "b", "c"])
    asked = Parts(store, kept("d"), kept("d"), lambda tx: tx.find_rows(cash_logins))
    assert asked.run() == ["", "StoreError", ""]
    assert (asked.begun, logins(store)) == (2, ["a", "b", "c", "d"])


def test_an_entry_under_an_id_that_is_taken_is_named_and_the_others_stand(store: Store):
    store.write(lambda tx: ledger.post(tx, "s", entry(1, "draw/1")))
    posts = [entry(2, "draw/2"), entry(1, "draw/3"), entry(2, "draw/2"), entry(4, "draw/4")]
    parts = Parts(store, *(lambda tx, one=each: ledger.post(tx, "s", one) for each in posts))
    assert parts.run() == ["", "ConflictError", "", ""]
    with store.reading() as tx:
        assert [row.entry().cause_id for row in books.chained_entries(tx)] == [
            "draw/1", "draw/2", "draw/4",
        ]  # fmt: skip


def test_a_power_cut_between_parts_leaves_nothing(store: Store):
    def cut(_: Tx) -> None:
        raise PowerCutError

    for parts in ([kept("a"), cut], [written("a"), kept("b"), cut]):
        with pytest.raises(PowerCutError):
            Parts(store, *parts).run()
        assert logins(store) == []
    assert Parts(store, kept("a")).run() == [""]


def test_ten_times_the_draws_ask_no_more(kit: Kit):
    asked: list[int] = []
    event.listen(
        kit.centre.store.engine, "before_cursor_execute", lambda *told: asked.append(len(told[2]))
    )
    money, counts = RandomMoney(kit, 1), []
    for draws in (4, 40):
        first = len(kit.station.records.get(MONEY, ())) + 1
        money.draws(draws)
        asked.clear()
        deliver(kit, first)
        counts.append(len(asked))
    assert flags(kit) == []
    assert counts[1] <= counts[0] + 5, counts


def test_draws_on_ten_times_the_lines_ask_no_more(store: Store):
    """What one line is asked by itself writes out all that was kept back, line by line."""
    kit = build_district(store, Settings(), rings_of(30))
    keys = kit.centre.keys
    kit.station = replace(
        kit.station,
        centre_seal_key=keys.identity().seal_key,
        centre_seal_key_id=keys.seal_key_id,
        centre_public_key=keys.identity().public_key,
    )
    kit.station.pull(kit.centre)
    kit.clock.set_day(SEASON_START + timedelta(days=1))
    leased = [each for each in leases_at_station(kit) if each.line_id]
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    counts = []
    for many in (2, 20):
        first = len(kit.station.records.get(MONEY, ())) + 1
        for number, lease in enumerate(leased[:many]):
            draw(kit, f"draw-{many}-{number}", lease.line_id, lease.lease_id, 1_000)
        asked.clear()
        deliver(kit, first)
        counts.append(len(asked))
    assert flags(kit) == []
    assert counts[1] <= counts[0] + 5, counts
