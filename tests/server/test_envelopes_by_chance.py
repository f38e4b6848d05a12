"""A random log in bulk leaves every row that it leaves without a memory, on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from server.config import Settings
from server.services.audit.run import audit
from server.services.envelopes import accept_envelope
from server.store import ledger
from server.store.engine import Store, Tx, open_store
from server.store.tables import metadata
from tests.support.centre_kit import BuiltVillage, Kit, take_kit
from tests.support.kiosk_kit import flags
from tests.support.random_money import RandomMoney

T = TypeVar("T")
RECORDS = 70
pytestmark = pytest.mark.both_engines


class ForgetfulTx(Tx):
    """A transaction that remembers nothing: each record asks the database, and writes at once."""

    def in_bulk(self, act: Callable[[Tx], T], *_: object) -> T:
        return act(self)


@dataclass(frozen=True, slots=True)
class ForgetfulStore(Store):
    """A store of such transactions."""

    def write(self, act: Callable[[Tx], T]) -> T:
        return super(ForgetfulStore, self).write(
            lambda tx: act(ForgetfulTx(tx.connection, tx.tenant_id))
        )


def rows(kit: Kit) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the store, by table, in the order of its text."""

    def read(tx: Tx) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table.name: sorted((tuple(row.values()) for row in tx.rows(select(table))), key=repr)
            for table in metadata.sorted_tables
        }

    return kit.read(read)


def forgetful(village: BuiltVillage, folder: Path) -> Kit:
    path = folder / "forgetful.sqlite"
    shutil.copyfile(village.database, path)
    plain = open_store(f"sqlite:///{path}", Settings().tenant_id)
    return take_kit(ForgetfulStore(plain.engine, plain.tenant_id), Settings(), village.ids_last)


def hold_equal(kit: Kit, village: BuiltVillage, folder: Path, seed: int) -> None:
    other = forgetful(village, folder)
    bulk, one_by_one = RandomMoney(kit, seed), RandomMoney(other, seed)
    for each in (bulk, one_by_one):
        each.write(RECORDS)
    for data in bulk.envelopes():
        answers = [accept_envelope(each.centre, data) for each in (kit, other)]
        assert answers[0] == answers[1]
    assert flags(kit) == flags(other)
    found, wanted = rows(kit), rows(other)
    for name, rows_wanted in wanted.items():
        assert found[name] == rows_wanted, (seed, name)
    assert audit(kit.centre, ["sums", "seals", "chains", "books", "inbound", "trail"]).holds
    other.centre.store.close()


@pytest.mark.parametrize("seed", range(2))
def test_a_random_log_in_bulk_is_the_log_record_by_record(
    kit: Kit, village_on_sqlite: BuiltVillage, tmp_path: Path, seed: int
):
    hold_equal(kit, village_on_sqlite, tmp_path, seed)
    assert len(flags(kit)) > 5
    assert len(kit.read(ledger.entries)) > 20


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(2, 102))
def test_many_random_logs_in_bulk_are_the_logs_record_by_record(
    kit: Kit, village_on_sqlite: BuiltVillage, tmp_path: Path, seed: int
):
    hold_equal(kit, village_on_sqlite, tmp_path, seed)
