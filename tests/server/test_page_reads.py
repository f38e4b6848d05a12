"""What a page of the book's review reads at once is what each line's own questions bring."""

from __future__ import annotations

import json
from collections import Counter as Counted
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from server.config import Settings
from server.services import book_review
from server.services.centre import Centre
from server.store import book_pages, bulk, lines
from server.store.engine import Store, Tx, open_store
from server.store.lines import LineMovement
from server.store.people import Actor
from server.store.rows import from_json, json_text
from server.store.schema import migrate
from server.store.tables import lines as lines_table
from server.store.tables import movements
from tests.support.centre_kit import Counter, keys_of
from tests.support.limit_book import NOW_MS, add_products, fill
from tests.support.postgres import Postgres

LINES = 120
HELPERS = "max_parallel_workers_per_gather"


def _open_one(tx: Tx) -> None:
    """Another line like the first, which was opened and not reviewed since."""
    of_first = {"line_id": "line-00000001"}
    opened = tx.find_row(movements, seq=1, **of_first)
    line = tx.find_row(lines_table, **of_first)
    assert opened is not None
    assert line is not None
    named = {"line_id": "line-new"}
    tx.insert(lines_table, **{**line, **named, "movements_count": 1, "application_id": "app-new"})
    tx.insert(movements, **{**opened, **named, "movement_id": "mv-new"})


@pytest.mark.parametrize("reviewed", [False, True])
def test_a_page_knows_of_each_line_what_the_line_alone_is_told(store: Store, reviewed: bool):
    add_products(store)
    fill(store, LINES, 7)
    if reviewed:
        ids = Counter()
        centre = Centre(
            Settings(), store, keys_of("centre", 1), lambda: NOW_MS, ids.next_id, ids.next_token
        )
        book_review.work_through(centre, book_review.begin(centre, Actor("operator", "operator")))
    store.write(_open_one)
    with store.reading() as tx:
        found = lines.every(tx, open_only=True)
        alone = {
            each.line_id: (
                lines.last_movement(tx, each.line_id),
                lines.opening_policy(tx, each.line_id),
            )
            for each in found
        }
    newest = Counted(moved.seq for moved, _ in alone.values() if moved is not None)
    assert newest[1] == 1
    assert max(newest) == (3 if reviewed else 2)

    def read(tx: Tx) -> dict[str, tuple[LineMovement | None, str]]:
        with tx.remembering() as remembering:
            book_pages.learn_page(remembering, found)
            return {
                each.line_id: (
                    remembering.known(movements, ("last", each.line_id)),
                    remembering.known(movements, ("policy", each.line_id)),
                )
                for each in found
            }

    assert store.write(read) == alone
    assert all(policy for _, policy in alone.values())


def test_a_page_begins_no_helpers_and_compiles_nothing_and_others_may(postgres: Postgres):
    store = open_store(postgres.url("postgres"), "lender")
    try:

        def asked(tx: Tx) -> list[Any]:
            bulk.keep_to_itself(tx)
            return [tx.connection.execute(text(f"SHOW {one}")).scalar() for one in (HELPERS, "jit")]

        def of_others(tx: Tx) -> Any:
            return tx.connection.execute(text(f"SHOW {HELPERS}")).scalar()

        before = store.write(of_others)
        assert store.write(asked) == ["0", "off"]
        assert store.write(of_others) == before != "0"
    finally:
        store.close()


def test_on_sqlite_there_are_no_helpers_to_forgo(tmp_path: Path):
    store = open_store(f"sqlite:///{tmp_path}/one.sqlite", "lender")
    migrate(store)
    store.write(bulk.keep_to_itself)
    store.close()


@pytest.mark.parametrize("value", [[], {}, [{"a": 1}, "é"], {"b": ["]", "\n"], "a": True}])
def test_what_was_written_as_json_is_read_back(value: object):
    assert from_json(json_text(value)) == value
    assert from_json(f" {json_text(value)}\n") == value  # spaces of another's hand


@pytest.mark.parametrize("text_kept", ["", "[", "[] []", '{"a":1}x', '{"a":1} {"b":2}'])
def test_what_is_no_json_is_refused(text_kept: str):
    with pytest.raises(json.JSONDecodeError):
        from_json(text_kept)
