"""A rail's file moves little on one person's word: what is more, or odd, waits for another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.lending.payout import PayoutState
from core.units import MS_PER_DAY
from server.services import money_words
from server.services.audit.run import audit, audit_in
from server.services.centre import RoleError
from server.services.payouts.credits import Brought, take_credits
from server.services.payouts.rails import Rails
from server.services.payouts.reading import Reconciled, reconcile
from server.services.payouts.sending import send_due
from server.store import ledger
from server.store.engine import ConflictError
from server.store.payouts import Payout
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b
from tests.support.packs import pack
from tests.support.payout_kit import (
    AMOUNT,
    GRACE,
    HENRY,
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

LENA, TILL = Actor("lena", "lender"), Actor("till", "cashier")


def bounded(folder: Path, alone_minor_max: int) -> Rails:
    """Rails whose files move so much on one person's word."""
    most = "amount_minor_max = 10_000_000"
    return set_up_rails(
        folder, text=RAILS.replace(most, f"{most}\nalone_minor_max = {alone_minor_max}")
    )


@pytest.fixture
def sent(kit: Kit, tmp_path: Path) -> Payout:
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    with_account(kit, "files")
    send_due(kit.centre, set_up_rails(tmp_path))
    return payout


def paid(payout: Payout, outcome: str = "paid", reference: str = "S-1") -> bytes:
    return csv_of(f"{told(payout)},{outcome},5000.00,KES,{reference},")


def bring(kit: Kit, rails: Rails, data: bytes, by: Actor) -> Reconciled:
    return reconcile(kit.centre, rails, "files", data, by)


def words(kit: Kit) -> Sequence[str]:
    return [each.sentence for each in kit.centre.write(money_words.waiting)]


@pytest.mark.both_engines
def test_what_is_above_the_rail_s_bound_waits_until_another_brings_the_same_bytes(
    kit: Kit, sent: Payout, tmp_path: Path
):
    rails, data = bounded(tmp_path, AMOUNT - 1), paid(sent, "returned")
    for _ in range(2):  # again by the same person it is the same word
        found = bring(kit, rails, data, IRIS)
        assert found.waits is not None
        assert "more than KES 4,999.99" in found.waits.reason
    assert current(kit, sent).state is PayoutState.SENT
    assert "settles or undoes KES 5,000.00; 0 of it" in words(kit)[0]
    with pytest.raises(RoleError):
        bring(kit, rails, data, LENA)  # a lender confirms no money
    other = bring(kit, rails, paid(sent, "returned", "S-2"), JUMA)
    assert other.waits is not None  # other bytes are another file
    assert bring(kit, rails, data, JUMA).findings == {"matched": 1}
    assert current(kit, sent).state is PayoutState.RETURNED
    assert bring(kit, rails, data, IRIS).known_count == 1
    whole = audit(kit.centre)
    assert whole.holds, whole.first


def test_small_files_of_one_day_are_added_up(kit: Kit, sent: Payout, tmp_path: Path):
    rails = bounded(tmp_path, AMOUNT + AMOUNT // 2)
    assert bring(kit, rails, paid(sent), IRIS).findings == {"matched": 1}
    second = bring(kit, rails, paid(sent, "returned"), JUMA)  # neither does another's add room
    assert second.waits is not None
    kit.clock.at_ms += MS_PER_DAY
    third = bring(kit, rails, paid(sent, "returned", "S-3"), JUMA)
    assert third.findings == {"matched": 1}
    assert audit(kit.centre).holds


@pytest.mark.parametrize("who", [GRACE, HENRY])
def test_who_set_or_confirmed_the_account_brings_no_answer_alone(
    kit: Kit, sent: Payout, tmp_path: Path, who: Actor
):
    rails = set_up_rails(tmp_path)
    found = bring(kit, rails, paid(sent), who)
    assert found.waits is not None
    assert "prepared what was paid" in found.waits.reason
    assert bring(kit, rails, paid(sent), IRIS).findings == {"matched": 1}


@pytest.mark.parametrize(
    "row", [f"{'e' * 32}-1,paid,1.00,KES,,", "r9,bounced,1.00,KES,,", "{told},paid,5000.01,KES,,"]
)
def test_what_does_not_fit_what_was_asked_waits(kit: Kit, sent: Payout, tmp_path: Path, row: str):
    data = csv_of(row.replace("{told}", told(sent)))
    found = bring(kit, set_up_rails(tmp_path), data, IRIS)
    assert found.waits is not None
    assert "1 of it does not fit" in found.waits.reason
    assert current(kit, sent).state is PayoutState.SENT


def test_a_refused_file_is_not_taken_and_may_be_brought_anew(
    kit: Kit, sent: Payout, tmp_path: Path
):
    rails, data = bounded(tmp_path, 0), paid(sent)
    found = bring(kit, rails, data, IRIS)
    assert found.waits is not None
    word_id = found.waits.word_id
    kit.centre.write(lambda work: money_words.refuse(work, word_id, JUMA, "not from the bank"))
    again = bring(kit, rails, data, JUMA)
    assert again.waits is not None
    assert again.waits.word_id != word_id
    with pytest.raises(ConflictError):
        kit.centre.write(lambda work: money_words.confirm(work, word_id, JUMA))
    assert current(kit, sent).state is PayoutState.SENT


def test_confirmed_as_a_word_it_is_taken_when_it_is_brought_again(
    kit: Kit, sent: Payout, tmp_path: Path
):
    rails, data = bounded(tmp_path, 0), paid(sent)
    found = bring(kit, rails, data, IRIS)
    assert found.waits is not None
    for alone in (IRIS, Actor("Iris ", "supervisor"), TILL):
        with pytest.raises(Exception, match="expected"):
            kit.centre.write(
                lambda work, alone=alone: money_words.confirm(work, found.waits.word_id, alone)
            )
    kit.centre.write(lambda work: money_words.confirm(work, found.waits.word_id, JUMA))
    assert current(kit, sent).state is PayoutState.SENT
    assert bring(kit, rails, data, IRIS).findings == {"matched": 1}


def test_who_takes_no_money_brings_no_file(kit: Kit, sent: Payout, tmp_path: Path):
    for by in (TILL, Actor("operator", "operator"), Actor("ada", "auditor")):
        with pytest.raises(RoleError):
            bring(kit, set_up_rails(tmp_path), paid(sent), by)


@pytest.mark.both_engines
def test_credits_above_the_bound_repay_nothing_before_two_brought_them(kit: Kit, tmp_path: Path):
    day = SEASON_START + timedelta(days=1)
    line_id = drawn_by_farmer_b(kit, day)
    kit.clock.set_day(day + timedelta(days=40))
    rails = bounded(tmp_path, 299_999)
    head = "reference,line_id,amount,currency,day\n"
    data = f"{head}MP-1,{line_id},3000.00,KES,{day}\nMP-2,my loan,9.00,KES,{day}\n".encode()

    def take(by: Actor) -> Brought:
        return take_credits(kit.centre, rails, "files", data, by)

    for _ in range(2):
        waits = take(LENA).waits
        assert waits is not None
    assert kit.read(ledger.repayments_of, line_id) == ()
    assert "repays KES 3,000.00" in words(kit)[0]
    assert [each.is_new for each in take(IRIS).came] == [True, False]
    assert len(kit.read(ledger.repayments_of, line_id)) == 1
    assert [each.is_new for each in take(LENA).came] == [False, False]
    assert audit(kit.centre).holds


@pytest.mark.both_engines
def test_the_audit_names_a_file_that_too_few_people_brought(kit: Kit, sent: Payout, tmp_path: Path):
    rails = bounded(tmp_path, 0)
    for by in (IRIS, JUMA):
        bring(kit, rails, paid(sent), by)
    gone = {
        "the word of another file": "UPDATE money_words SET subject_id = 'files|answers|a'",
        "an admission taken away": "DELETE FROM audit WHERE action = 'rail_file_admitted'",
    }
    for name, statement in gone.items():
        table = statement.split()[2 if statement.startswith("DELETE") else 1]
        with changed(kit, f"{statement} WHERE kind = 'rail_file'" if table == "money_words"
                     else statement, table) as tx:  # fmt: skip
            [checked] = audit_in(kit.centre, tx, ["words"]).checks
            found = [(each.table, each.expected) for each in checked.findings]
            assert any(where == "rail_answers" and "brought" in why for where, why in found), name
    assert audit(kit.centre).holds


def test_a_rail_tells_how_much_one_person_s_files_move(tmp_path: Path):
    rails = bounded(tmp_path, 7)
    assert {each.terms.alone_minor_max for each in rails.values()} == {7}
    terms = replace(rails["files"].terms, alone_minor_max=None)
    assert terms.amount_minor_max == 10_000_000
