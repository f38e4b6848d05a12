"""What a rail's file says stands in the database only if somebody let it in, no exporter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DatabaseError

from core.errors import HarvestlineError
from core.lending.payout import Finding, Outcome, PayoutState
from server.services import money_words
from server.services.audit.run import audit, audit_in
from server.services.centre import RoleError
from server.services.payouts.rails import Rails
from server.services.payouts.reading import Reconciled, reconcile
from server.services.payouts.sending import Order, send_due
from server.store import money_words as kept_words
from server.store import people, rail_books, schema
from server.store.engine import open_store
from server.store.money_words import WordAnswer
from server.store.payouts import Payout
from server.store.people import Actor
from server.store.rail_books import KeptAnswer, LetIn
from tests.support.centre_kit import Kit
from tests.support.packs import pack
from tests.support.payout_kit import (
    RAILS,
    csv_of,
    current,
    draw_on,
    line_of,
    set_up_rails,
    told,
    with_account,
)
from tests.support.rail_files import IRIS, JUMA
from tests.support.tampering import changed

NORA, LENA = Actor("nora", "supervisor"), Actor("lena", "lender")
REFUSED = (DatabaseError, HarvestlineError)
FOLDER = Path(schema.__file__).parent / "migrations"


def bounded(folder: Path, alone_minor_max: int) -> Rails:
    """Rails whose files move so much on one person's word."""
    most = "amount_minor_max = 10_000_000"
    text = RAILS.replace(most, f"{most}\nalone_minor_max = {alone_minor_max}")
    return set_up_rails(folder, text=text)


@pytest.fixture
def due(kit: Kit) -> Payout:
    """A payout that waits to be handed to its rail."""
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    with_account(kit, "files")
    return payout


def paid(payout: Payout) -> bytes:
    return csv_of(f"{told(payout)},returned,5000.00,KES,S-1,")


def bring(kit: Kit, rails: Rails, data: bytes, by: Actor) -> Reconciled:
    return reconcile(kit.centre, rails, "files", data, by)


@pytest.mark.both_engines
def test_who_exported_what_was_paid_neither_brings_it_back_alone_nor_confirms_it(
    kit: Kit, due: Payout, tmp_path: Path
):
    rails = bounded(tmp_path, 0)
    assert send_due(kit.centre, rails, Order("files", at_once=True, by=NORA)).taken_count == 1
    waits = bring(kit, rails, paid(due), IRIS).waits
    assert waits is not None
    for again in (NORA, Actor("Nora ", "supervisor")):
        with pytest.raises(RoleError, match="exported what was paid"):
            bring(kit, rails, paid(due), again)
    with pytest.raises(RoleError, match="exported what was paid"):
        kit.centre.write(lambda work: money_words.confirm(work, waits.word_id, NORA))
    said = WordAnswer(waits.word_id, "iris", "nora", True, "", 7)  # past the service too
    with pytest.raises(REFUSED):
        kit.centre.write(lambda work: kept_words.answer(work.tx, said))
    assert current(kit, due).state is PayoutState.SENT
    assert bring(kit, rails, paid(due), JUMA).findings == {"matched": 1}
    assert current(kit, due).state is PayoutState.RETURNED
    whole = audit(kit.centre)
    assert whole.holds, whole.first


def test_an_exporter_brings_a_small_file_only_with_another(kit: Kit, due: Payout, tmp_path: Path):
    rails = set_up_rails(tmp_path)
    send_due(kit.centre, rails, Order("files", at_once=True, by=LENA))
    waits = bring(kit, rails, paid(due), LENA).waits
    assert waits is not None
    assert "prepared what was paid" in waits.reason
    assert bring(kit, rails, paid(due), IRIS).findings == {"matched": 1}


def test_what_the_centre_sends_by_itself_nobody_prepared(kit: Kit, due: Payout, tmp_path: Path):
    rails = bounded(tmp_path, 0)
    send_due(kit.centre, rails)
    for by in (NORA, IRIS):  # two officers are enough
        found = bring(kit, rails, paid(due), by)
    assert found.findings == {"matched": 1}


@pytest.mark.both_engines
def test_the_database_takes_no_answer_of_a_file_that_nobody_let_in(
    kit: Kit, due: Payout, tmp_path: Path
):
    send_due(kit.centre, bounded(tmp_path, 0))
    forged = KeptAnswer("files", "ab" * 32, 1, "csv", told(due), Outcome.RETURNED, 500_000, "KES",
                        "S-9", "", Finding.MATCHED, due.payout_id, 7, "iris")  # fmt: skip
    file = LetIn("files", "answers", "ab" * 32, 500_000, "no-such-word", "juma", 7)
    for attempt in (forged, replace(forged, kind="call"), replace(forged, rail="bank")):
        with pytest.raises(REFUSED):
            kit.centre.write(lambda work, one=attempt: rail_books.add_answer(work.tx, one))
    for each in (file, replace(file, brought_by="", word_id="")):
        with pytest.raises(REFUSED):
            kit.centre.write(lambda work, one=each: rail_books.add_file(work.tx, one))
    waits = bring(kit, bounded(tmp_path, 0), paid(due), IRIS).waits
    assert waits is not None
    own = waits.subject_id.split("|")[2]
    with pytest.raises(REFUSED):  # a word that nobody confirmed lets nothing in
        kit.centre.write(
            lambda work: rail_books.add_file(
                work.tx, replace(file, sha256=own, word_id=waits.word_id, brought_by="juma")
            )
        )
    bring(kit, bounded(tmp_path, 0), paid(due), JUMA)
    for statement in ("UPDATE rail_files SET word_id = ''", "DELETE FROM rail_files"):
        with pytest.raises(DatabaseError), kit.centre.store.engine.begin() as connection:
            connection.exec_driver_sql(statement)


@pytest.mark.both_engines
def test_the_audit_names_a_file_that_stands_beside_the_trail(kit: Kit, due: Payout, tmp_path: Path):
    send_due(kit.centre, set_up_rails(tmp_path))
    bring(kit, set_up_rails(tmp_path), paid(due), IRIS)
    with changed(kit, "UPDATE rail_files SET brought_by = 'juma'", "rail_files") as tx:
        [checked] = audit_in(kit.centre, tx, ["words"]).checks
        assert checked.first is not None
        assert (checked.first.table, checked.first.found) == ("rail_files", "juma")
    assert audit(kit.centre, ["words"]).holds


def test_files_that_an_older_centre_took_stay_let_in(tmp_path: Path):
    store = open_store(f"sqlite:///{tmp_path / 'old.sqlite'}", "lender")
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    answer = (
        "INSERT INTO rail_answers (tenant_id, rail, source_sha256, item, kind, instruction_id,"
        " outcome, amount_minor, currency, reference, reason, finding, payout_id, at_ms, actor,"
        " repayment_id) VALUES ('lender', 'bank', '{0}', 1, '{1}', 'i', 'paid', 5, 'KES', '', '',"
        " 'unmatched', '', 9, 'grace', '')"
    )
    with store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0037")
        connection.exec_driver_sql(answer.format("old", "csv"))
        connection.exec_driver_sql(answer.format("call", "call"))
    store.write(
        lambda tx: people.record(
            tx, 12, Actor("juma", "supervisor"), "rail_file_admitted", ("rail", "bank"),
            {"purpose": "credits", "sha256": "new", "moved_minor": 7, "word_id": "w-1"},
        )
    )  # fmt: skip
    schema.migrate(store)
    with store.reading() as tx:
        assert rail_books.files_let_in(tx) == (
            LetIn("bank", "answers", "old", 0, "", "migration", 9),
            LetIn("bank", "credits", "new", 7, "w-1", "juma", 12),
        )
    store.close()
