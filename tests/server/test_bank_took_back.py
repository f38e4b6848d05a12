"""What a bank's file says it took back: a repayment bounces by it, once, and by nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from core.lending.payout import Finding
from server.services.audit.run import audit
from server.services.bouncing import BounceReason, BounceRequest
from server.services.money_words import confirm, refuse, tell_bounce, waiting
from server.services.payouts.reading import reconcile
from server.services.posting import RepaymentRequest, take_repayment_in
from server.services.standing import owed
from server.store import bounces, ledger, lines
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b
from tests.support.payout_kit import csv_of, set_up_rails
from tests.support.rail_files import IRIS, JUMA, brought
from tests.support.two_words import FIRST, SECOND

TILL = Actor("till", "cashier")
D1, D40 = (SEASON_START + timedelta(days=days) for days in (1, 40))
CAMT = """<Document><BkToCstmrDbtCdtNtfctn><Ntfctn><Ntry>
<Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{reversal}
<Sts><Cd>BOOK</Cd></Sts><AcctSvcrRef>B-77</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>{name}</EndToEndId></Refs>
{back}</TxDtls>{more}</NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"""
RETURNED = {
    "name": "r1", "amount": "3000.00", "direction": "DBIT", "reversal": "",
    "back": "<RtrInf><Rsn><Cd>AM04</Cd></Rsn></RtrInf>", "currency": "KES", "more": "",
}  # fmt: skip


@pytest.fixture
def drawn(kit: Kit) -> str:
    line_id = drawn_by_farmer_b(kit, D1)
    kit.clock.set_day(D40)
    return line_id


def take(kit: Kit, line_id: str, by: Actor = TILL) -> None:
    request = RepaymentRequest("r1", line_id, 300_000, "KES", D40.isoformat())
    kit.centre.write(lambda work: take_repayment_in(work, request, by))


def read(kit: Kit, tmp_path: Path, **changes: str) -> Mapping[str, int]:
    """What a notice of the bank comes to."""
    data = CAMT.format(**{**RETURNED, **changes}).encode()
    rails = set_up_rails(tmp_path)
    found = reconcile(kit.centre, rails, "bank", data, JUMA)
    return brought(kit, rails, "bank", data).findings if found.waits else found.findings


def owes(kit: Kit, line_id: str) -> int:
    return kit.read(lambda tx: owed(tx, lines.get(tx, line_id), D40)).total_minor


def test_a_returned_debit_undoes_its_repayment_by_itself_and_once(
    kit: Kit, drawn: str, tmp_path: Path
):
    never = owes(kit, drawn)
    take(kit, drawn)
    assert read(kit, tmp_path) == {"matched": 1}
    kept = kit.read(bounces.find, "r1")
    assert (kept.reason, kept.reference, kept.actor) == ("transfer_returned", "B-77", "bank")
    assert owes(kit, drawn) == never
    count = len(kit.read(ledger.entries))
    assert read(kit, tmp_path) == {"matched": 1}  # the same file again
    reversed_credit = {"back": "", "reversal": "<RvslInd>true</RvslInd>"}
    assert read(kit, tmp_path, **reversed_credit) == {"duplicate": 1}  # another, saying the same
    assert len(kit.read(ledger.entries)) == count
    assert audit(kit.centre).holds


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"amount": "2999.99"}, {"wrong_amount": 1}),
        ({"currency": "TZS"}, {"wrong_amount": 1}),
        ({"name": "r9"}, {"unmatched": 1}),
        ({"direction": "CRDT"}, {"unmatched": 1}),  # money that came in is no bounce
        ({"back": ""}, {"unmatched": 1}),  # nor is a debit of its own
    ],
)
def test_what_does_not_fit_moves_nothing(
    kit: Kit, drawn: str, tmp_path: Path, changes: dict[str, str], found: dict[str, int]
):
    take(kit, drawn)
    before = owes(kit, drawn)
    assert read(kit, tmp_path, **changes) == found
    assert (owes(kit, drawn), kit.read(bounces.find, "r1")) == (before, None)
    assert kit.centre.write(waiting) == ()
    assert audit(kit.centre).holds


def test_a_file_of_answers_says_it_too(kit: Kit, drawn: str, tmp_path: Path):
    take(kit, drawn)
    rows = csv_of("r1,bounced,3000.00,KES,S-9,no funds", "r1,returned,3000.00,KES,S-9,")
    found = brought(kit, set_up_rails(tmp_path), "files", rows)
    assert found.findings == {"matched": 1, "unmatched": 1}
    assert kit.read(bounces.find, "r1").actor == "files"
    assert audit(kit.centre).holds


def test_where_it_contradicts_an_officer_two_words_are_needed(kit: Kit, drawn: str, tmp_path: Path):
    take(kit, drawn)
    asked = BounceRequest("r1", BounceReason.CHEQUE_UNPAID, "cheque 3", D40.isoformat())
    told = kit.centre.write(lambda work: tell_bounce(work, asked, FIRST))
    kit.centre.write(lambda work: refuse(work, told.word_id, SECOND, "the cheque was paid"))
    assert read(kit, tmp_path) == {"contradicts": 1}
    assert kit.read(bounces.find, "r1") is None
    [waits] = kit.centre.write(waiting)
    assert (waits.word.told_by, waits.word.role) == ("bank", "rail")
    assert "an officer said that it did not bounce" in waits.word.reason
    again = {"back": "", "reversal": "<RvslInd>true</RvslInd>"}
    assert read(kit, tmp_path, **again) == {Finding.DUPLICATE.value: 1}
    kit.centre.write(lambda work: confirm(work, waits.word.word_id, SECOND))
    assert kit.read(bounces.find, "r1").reference == "B-77"
    assert audit(kit.centre).holds


def test_a_return_that_tells_no_amount_waits_for_two(kit: Kit, drawn: str, tmp_path: Path):
    """Of an entry of several transfers only the sum may be told: it says nothing of each."""
    take(kit, drawn)
    before = owes(kit, drawn)
    other = f"<TxDtls><Refs><EndToEndId>r9</EndToEndId></Refs>{RETURNED['back']}</TxDtls>"
    changes = {"amount": "1.00", "more": other}
    assert read(kit, tmp_path, **changes) == {"contradicts": 1, "unmatched": 1}
    assert (owes(kit, drawn), kit.read(bounces.find, "r1")) == (before, None)
    [waits] = kit.centre.write(waiting)
    assert "it does not tell how much" in waits.word.reason
    assert audit(kit.centre).holds


def test_a_rail_that_took_it_itself_needs_an_officer(kit: Kit, drawn: str, tmp_path: Path):
    take(kit, drawn, Actor("bank", "cashier"))
    assert read(kit, tmp_path) == {"contradicts": 1}
    [waits] = kit.centre.write(waiting)
    assert "its rail took it itself" in waits.word.reason
    assert kit.read(bounces.find, "r1") is None
    assert audit(kit.centre).holds


def test_who_took_a_repayment_undoes_it_by_no_file_of_their_own(
    kit: Kit, drawn: str, tmp_path: Path
):
    take(kit, drawn, IRIS)
    data = CAMT.format(**RETURNED).encode()
    found = reconcile(kit.centre, set_up_rails(tmp_path), "bank", data, IRIS)
    assert found.waits is not None
    assert "1 of it does not fit" in found.waits.reason
    assert kit.read(bounces.find, "r1") is None
    assert read(kit, tmp_path) == {"matched": 1}  # another had it from the bank as well
    assert kit.read(bounces.find, "r1").actor == "bank"
