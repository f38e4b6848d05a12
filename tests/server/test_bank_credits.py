"""Money that a bank books as a credit repays the line that the payer names: once, as of its day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from core.canonical import sha256_hex
from server.services.audit.run import audit
from server.services.centre import RequestError
from server.services.money_words import waiting
from server.services.payouts.credits import Came, take_credits
from server.services.payouts.rails import RailError
from server.services.standing import owed
from server.store import bounces, ledger, lines, people
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b
from tests.support.payout_kit import set_up_rails
from tests.support.rail_files import brought

LENA = Actor("lena", "lender")
D1, D40, D41 = (SEASON_START + timedelta(days=days) for days in (1, 40, 41))
NTRY = """<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>
<Sts><Cd>{status}</Cd></Sts><BookgDt><Dt>{booked}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>
<AcctSvcrRef>{bank}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>{own}</EndToEndId></Refs>
{back}<RmtInf><Ustrd>{words}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""
CAME = {
    "currency": "KES", "amount": "3000.00", "direction": "CRDT", "status": "BOOK", "back": "",
    "booked": D41.isoformat(), "day": D40.isoformat(), "bank": "B-1", "own": "NOTPROVIDED",
}  # fmt: skip


@pytest.fixture
def drawn(kit: Kit) -> str:
    line_id = drawn_by_farmer_b(kit, D1)
    kit.clock.set_day(D41)
    return line_id


def statement(*entries: dict[str, str]) -> bytes:
    told = "".join(NTRY.format(**{**CAME, **each}) for each in entries)
    return f"<Document><BkToCstmrStmt><Stmt>{told}</Stmt></BkToCstmrStmt></Document>".encode()


def bring(kit: Kit, folder: Path, data: bytes, rail: str = "bank") -> Sequence[Came]:
    return take_credits(kit.centre, set_up_rails(folder), rail, data, LENA).came


def owes(kit: Kit, line_id: str) -> int:
    return kit.read(lambda tx: owed(tx, lines.get(tx, line_id), D41)).total_minor


def test_a_transfer_that_names_a_line_repays_it_once_as_of_its_value_day(
    kit: Kit, drawn: str, tmp_path: Path
):
    bare = drawn.replace("-", "").upper()
    data = statement(
        {"words": f"loan {drawn} thank you"}, {"words": f"/{bare}/", "bank": "B-2", "own": "LOAN"},
        {"words": drawn, "bank": "B-3", "own": "LOAN"},  # the same payer's words, another transfer
    )  # fmt: skip
    before = owes(kit, drawn)
    came = bring(kit, tmp_path, data)
    assert [(each.line_id, each.is_new, each.why) for each in came] == [(drawn, True, "")] * 3
    taken = kit.read(ledger.repayments_of, drawn)
    assert [each.repayment_id for each in taken] == ["bank/B-1", "bank/LOAN/B-2", "bank/LOAN/B-3"]
    assert {(each.effective_on, each.received_by) for each in taken} == {(D40.isoformat(), "lena")}
    after = owes(kit, drawn)
    assert before - after >= 900_000  # and a day's interest less
    count = len(kit.read(ledger.entries))
    assert [each.is_new for each in bring(kit, tmp_path, data)] == [False] * 3
    assert (owes(kit, drawn), len(kit.read(ledger.entries))) == (after, count)
    told = kit.read(people.trail_of, "rail", "bank")
    admitted, *told = told
    assert dict(admitted.detail) == {
        "purpose": "credits", "sha256": sha256_hex(data), "moved_minor": 900_000, "word_id": "",
    }  # fmt: skip
    assert [dict(row.detail) for row in told] == [
        {"sha256": sha256_hex(data), "credits": {"new": 3}},
        {"sha256": sha256_hex(data), "credits": {"known": 3}},
    ]
    assert audit(kit.centre).holds


def test_what_is_no_repayment_moves_nothing_and_holds_no_other_up(
    kit: Kit, drawn: str, tmp_path: Path
):
    [other] = kit.read(lines.of_farmer, "farmer-a")
    wrong = {
        "it names no line of ours": {"words": "for my loan"},
        "it names several": {"words": f"{drawn} {other.line_id}"},
        "in KES": {"words": drawn, "currency": "USD"},
        "expected effective_on": {"words": drawn, "day": "2016-04-01"},
        "expected a positive amount": {"words": drawn, "amount": "0.00"},
        "expected at most 1000000000000 minor": {"words": drawn, "amount": "900000000000000.00"},
        "positive amount in KES, got": {"words": drawn, "amount": "0"},
        "does not tell how much": {"words": drawn, "amount": "-3000.00"},
        "to 2026-04-26": {"words": drawn, "day": "2026-05-01"},
        "expected a reference": {"words": drawn, "bank": ""},
        "1 to 64 letters": {"words": drawn, "own": "x" * 65},
    }
    passed = [
        {"words": drawn, "direction": "DBIT"}, {"words": drawn, "status": "PDNG"},
        {"words": drawn, "back": "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"},
    ]  # fmt: skip
    before = owes(kit, drawn)
    came = bring(kit, tmp_path, statement(*wrong.values(), *passed, {"words": drawn}))
    assert len(came) == len(wrong) + 1
    for words, each in zip(wrong, came, strict=False):
        assert words in each.why
    assert came[-1].is_new
    assert before - owes(kit, drawn) >= 300_000
    assert len(kit.read(ledger.repayments_of, drawn)) == 1
    assert audit(kit.centre).holds


def test_a_list_of_a_service_says_it_too_all_or_none(kit: Kit, drawn: str, tmp_path: Path):
    head = "reference,line_id,amount,currency,day\n"
    rows = f"{head}MP-1,{drawn},3000.00,KES,{D40}\nMP-2,nobody,1.00,KES,{D40}\n"
    came = bring(kit, tmp_path, rows.encode(), "files")
    assert [(each.is_new, each.why) for each in came] == [
        (True, ""),
        (False, "it names no line of ours"),
    ]
    for odd in (f"{head}MP-3,{drawn},3.001,KES,{D40}\n", "reference,line_id\n", "\xff"):
        with pytest.raises(RequestError):
            bring(kit, tmp_path, odd.encode("latin-1"), "files")
    for bomb in (b"<!DOCTYPE x><Document/>", b"<Document><Other/></Document>", b"{}"):
        with pytest.raises(RequestError):
            bring(kit, tmp_path, bomb)
    with pytest.raises(RailError):
        bring(kit, tmp_path, b"", "nowhere")
    assert len(kit.read(ledger.repayments_of, drawn)) == 1


def test_a_transfer_that_came_and_was_returned_bounces_by_the_banks_file(
    kit: Kit, drawn: str, tmp_path: Path
):
    two = ({"words": drawn, "own": "LOAN", "bank": bank} for bank in ("B-8", "B-9"))
    bring(kit, tmp_path, statement(*two))
    never = owes(kit, drawn)
    bring(kit, tmp_path, statement({"words": drawn, "own": "LOAN-7"}))
    back = {"words": drawn, "own": "LOAN-7", "direction": "DBIT",
            "back": "<RtrInf><Rsn><Cd>AM04</Cd></Rsn></RtrInf>"}  # fmt: skip
    found = brought(kit, set_up_rails(tmp_path), "bank", statement(back))
    assert found.findings == {"matched": 1}
    assert kit.read(bounces.find, "bank/LOAN-7/B-1").actor == "bank"
    assert owes(kit, drawn) == never
    # Which of two under one reference came back, the bank does not say: people look.
    found = brought(kit, set_up_rails(tmp_path), "bank", statement({**back, "own": "LOAN"}))
    assert found.findings == {"unmatched": 1}
    assert owes(kit, drawn) == never
    assert kit.centre.write(waiting) == ()
    assert audit(kit.centre).holds
