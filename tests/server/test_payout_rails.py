"""Rails of files: bank messages by their schema's rules, answers of banks, kills, bombs."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from core.canonical import sha256_hex
from core.lending.payout import Finding, PayoutState, instruction_id
from server.services.centre import RequestError
from server.services.payouts.accounts import Account, Scheme
from server.services.payouts.folder import ASIDE, put_once
from server.services.payouts.iso_rail import NAMESPACE, credit_transfers
from server.services.payouts.loading import load_rails
from server.services.payouts.rails import Debtor, Instruction, Parcel, RailError
from server.services.payouts.reading import reconcile
from server.services.payouts.safe_xml import DEPTH_MAX, read_xml
from server.services.payouts.sending import Order, send_due
from server.store import ledger, payouts
from tests.support.centre_kit import Kit
from tests.support.packs import pack
from tests.support.payout_kit import (
    AGROVET,
    AMOUNT,
    GRACE,
    RAILS,
    current,
    draw_on,
    line_of,
    set_up_rails,
    with_account,
)
from tests.support.rail_files import brought

DEBTOR = Debtor("Lender Ltd", Scheme.ACCOUNT, "9900112233", "KCBLKENX")
WAIT_S_MAX = 60

# The order of elements in the schema of pain.001.001.09, as far as we write them.
ORDER = {
    "CstmrCdtTrfInitn": ["GrpHdr", "PmtInf"],
    "GrpHdr": ["MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "InitgPty"],
    "PmtInf": [
        "PmtInfId", "PmtMtd", "NbOfTxs", "CtrlSum", "ReqdExctnDt", "Dbtr", "DbtrAcct", "DbtrAgt",
        "ChrgBr", "CdtTrfTxInf",
    ],
    "CdtTrfTxInf": ["PmtId", "Amt", "CdtrAgt", "Cdtr", "CdtrAcct", "RmtInf"],
    "PmtId": ["InstrId", "EndToEndId"],
}  # fmt: skip


def parcel(*amounts: int, account: Account = AGROVET) -> Parcel:
    told = tuple(
        Instruction(instruction_id(f"{n:032x}", 1), amount, "KES", account, "lender draw-1")
        for n, amount in enumerate(amounts, 1)
    )
    return Parcel("b" * 32, 1_773_565_200_000, told)


def local(element: ET.Element) -> str:
    return element.tag.removeprefix("{" + NAMESPACE + "}")


def message(*amounts: int, account: Account = AGROVET) -> ET.Element:
    return ET.fromstring(credit_transfers(parcel(*amounts, account=account), DEBTOR))  # noqa: S314


def texts(root: ET.Element, name: str) -> list[str]:
    return [each.text or "" for each in root.iter() if local(each) == name]


def test_bank_message_is_in_the_order_of_its_schema_and_its_sums_hold():
    root = message(123_450, 5, 1_000_000)
    for element in root.iter():
        wanted = ORDER.get(local(element))
        if wanted is not None:
            found = [local(each) for each in element]
            assert sorted(found, key=wanted.index) == found
            assert set(found) == set(wanted)
    assert root.tag == "{" + NAMESPACE + "}Document"
    assert texts(root, "NbOfTxs") == ["3", "3"]
    assert texts(root, "CtrlSum") == ["11234.55", "11234.55"]
    assert texts(root, "InstdAmt") == ["1234.50", "0.05", "10000.00"]
    assert all(len(text) <= 35 for name in ("MsgId", "InstrId", "EndToEndId", "PmtInfId")
               for text in texts(root, name))  # fmt: skip
    assert texts(root, "Dt") == ["2026-03-15"]
    assert texts(root, "InstrId") == texts(root, "EndToEndId")


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        (AGROVET, {"BICFI": ["KCBLKENX"] * 2, "Cd": ["BBAN"] * 2}),
        (Account("Önal <&> Söhne", Scheme.IBAN, "GB82WEST12345698765432", "WESTGB22"),
         {"IBAN": ["GB82WEST12345698765432"], "Nm": ["Lender Ltd"] * 2 + ["Önal <&> Söhne"]}),
        (Account("Name", Scheme.PHONE, "+254700000002"), {"Prtry": ["PHONE"]}),
        (Account("Name", Scheme.ACCOUNT, "123456", "01234"), {"MmbId": ["01234"]}),
    ],
)  # fmt: skip
def test_bank_message_names_every_kind_of_account(account: Account, shown: dict[str, list[str]]):
    root = message(100, account=account)
    for name, wanted in shown.items():
        found = texts(root, name)
        assert [each for each in found if each in wanted] == wanted


def test_a_batch_of_files_is_whole_and_its_manifest_says_so(kit: Kit, tmp_path: Path):
    line = line_of(kit, pack("input-voucher"))
    made = [draw_on(kit, line, f"draw-{n}", 100_000) for n in (1, 2, 3)]
    rails = set_up_rails(tmp_path)
    with_account(kit, "files")
    assert send_due(kit.centre, rails).taken_count == 3
    assert send_due(kit.centre, rails).tried_count == 0
    [file] = (tmp_path / "to-sacco").glob("*.csv")
    [manifest] = (tmp_path / "to-sacco").glob("*.manifest.json")
    told = json.loads(manifest.read_bytes())
    assert told["sha256"] == sha256_hex(file.read_bytes())
    assert (told["file"], told["instructions_count"]) == (file.name, 3)
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["amount"] for row in rows] == ["1000.00"] * 3
    assert {row["instruction_id"] for row in rows} == {
        instruction_id(each.payout_id, 1) for each in made
    }
    assert file.stat().st_mode & 0o077 == 0


def test_a_batch_waits_to_fill_unless_told_otherwise(kit: Kit, tmp_path: Path):
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    rails = set_up_rails(tmp_path, text=RAILS.replace("wait_s = 0", "wait_s = 900"))
    with_account(kit, "bank")
    assert send_due(kit.centre, rails).tried_count == 0
    assert send_due(kit.centre, rails, Order("files", at_once=True)).tried_count == 0
    kit.clock.at_ms += 899_000
    assert send_due(kit.centre, rails).tried_count == 0
    kit.clock.at_ms += 1_000
    assert send_due(kit.centre, rails, Order("bank")).taken_count == 1
    assert current(kit, payout).state is PayoutState.SENT


def test_a_folder_that_is_gone_is_tried_again_with_the_same_bytes(kit: Kit, tmp_path: Path):
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    rails = set_up_rails(tmp_path)
    with_account(kit, "bank")
    (tmp_path / "to-bank").rename(tmp_path / "away")
    assert send_due(kit.centre, rails).taken_count == 0
    (tmp_path / "away").rename(tmp_path / "to-bank")
    kit.clock.at_ms += 60_000
    assert send_due(kit.centre, rails).taken_count == 1
    [file] = (tmp_path / "to-bank").glob("*.xml")
    assert f"<MsgId>{current(kit, payout).batch_id}</MsgId>".encode() in file.read_bytes()
    assert current(kit, payout).tries == 2


PUTTING = """
import sys
from pathlib import Path
from server.services.payouts.folder import put_once
for number in range(int(sys.argv[2])):
    put_once(Path(sys.argv[1]), f"b{number}", b"x" * 50_000 + str(number).encode())
"""


def test_killed_at_any_point_every_file_is_put_whole_and_once(tmp_path: Path):
    """The bank takes files away at once, so presence alone would say that they were never put."""
    folder, bank = tmp_path / "out", tmp_path / "bank"
    folder.mkdir()
    bank.mkdir()
    taken: list[str] = []

    def take() -> None:
        for file in folder.glob("b*"):
            taken.append(file.name)
            file.rename(bank / file.name)

    count = 120
    words = [sys.executable, "-c", PUTTING, str(folder), str(count)]
    for _ in range(6):
        before = len(taken)
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_S_MAX
        while len(taken) < before + 3 and process.poll() is None:
            assert time.monotonic() < deadline
            take()
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_S_MAX)
        take()
    subprocess.run(words, check=True, timeout=WAIT_S_MAX)
    take()
    assert sorted(taken) == sorted(f"b{number}" for number in range(count))
    for number in range(count):
        assert (bank / f"b{number}").read_bytes() == b"x" * 50_000 + str(number).encode()


def test_every_place_to_stop_at_leads_to_the_same_end(tmp_path: Path):
    """What a power cut leaves behind each write: nothing, a torn part, part and mark."""
    for name, torn in (("a", False), ("b", True)):
        folder = tmp_path / name
        (folder / ASIDE).mkdir(parents=True)
        part = folder / ASIDE / "f.part"
        part.write_bytes(b"to" if torn else b"torn and whole")
        if not torn:
            (folder / ASIDE / "f.put").write_bytes(b"")
        assert put_once(folder, "f", b"torn and whole")
        assert (folder / "f").read_bytes() == b"torn and whole"
        (folder / "f").unlink()
        assert not put_once(folder, "f", b"torn and whole")
        assert not (folder / "f").exists()


def bank_said(body: str) -> bytes:
    return f'<?xml version="1.0"?><Document xmlns="urn:x">{body}</Document>'.encode()


def status(instruction: str, code: str, whole: str = "") -> bytes:
    transfer = (
        f"<OrgnlPmtInfAndSts><TxInfAndSts><OrgnlInstrId>{instruction}</OrgnlInstrId>"
        f"<TxSts>{code}</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"
        "</TxInfAndSts></OrgnlPmtInfAndSts>"
    )
    group = f"<OrgnlMsgId>{whole}</OrgnlMsgId><GrpSts>RJCT</GrpSts>"
    group = f"<OrgnlGrpInfAndSts>{group}</OrgnlGrpInfAndSts>"
    return bank_said(f"<CstmrPmtStsRpt>{group if whole else transfer}</CstmrPmtStsRpt>")


def entry(
    instruction: str,
    way: str = "DBIT",
    amount: str = "5000.00",
    more: str = "",
    booked: str = "BOOK",
) -> str:
    return (
        f'<Ntry><Amt Ccy="KES">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd>'
        f"<Sts><Cd>{booked}</Cd></Sts><AcctSvcrRef>A1</AcctSvcrRef><NtryDtls><TxDtls><Refs>"
        f"<EndToEndId>{instruction}</EndToEndId></Refs>{more}</TxDtls></NtryDtls></Ntry>"
    )


def notice(*entries: str) -> bytes:
    return bank_said(
        f"<BkToCstmrDbtCdtNtfctn><Ntfctn>{''.join(entries)}</Ntfctn></BkToCstmrDbtCdtNtfctn>"
    )


def statement(*entries: str) -> bytes:
    return bank_said(f"<BkToCstmrStmt><Stmt>{''.join(entries)}</Stmt></BkToCstmrStmt>")


@pytest.fixture
def sent(kit: Kit, tmp_path: Path):
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    rails = set_up_rails(tmp_path)
    with_account(kit, "bank")
    send_due(kit.centre, rails)
    named = instruction_id(payout.payout_id, 1)

    def read(data: bytes) -> tuple[dict[str, int], str]:
        found = brought(kit, rails, "bank", data)
        return dict(found.findings), current(kit, payout).state.value

    return payout, named, read


def test_a_status_report_is_no_payment_until_it_is_settled(kit: Kit, sent):
    _, named, read = sent
    assert read(status(named, "ACSP")) == ({"matched": 1}, "sent")
    assert read(status(named, "ACSC")) == ({"matched": 1}, "paid")
    assert read(status(named, "RJCT")) == ({"contradicts": 1}, "paid")
    with pytest.raises(RequestError, match="status of ISO 20022"):
        read(status(named, "HURRAH"))


def test_a_rejected_message_fails_all_that_was_in_it(kit: Kit, sent):
    payout, _, read = sent
    batch = current(kit, payout).batch_id
    assert read(status("", "", whole=batch)) == ({"matched": 1}, "failed")
    assert read(status("", "", whole=batch)) == ({"matched": 1}, "failed")
    assert read(status("", "", whole="f" * 32))[0] == {"unmatched": 1}


def test_booked_debits_pay_and_credits_return(kit: Kit, sent):
    payout, named, read = sent
    assert read(notice(entry(named, booked="PDNG"))) == ({}, "sent")
    assert read(notice(entry(named), entry("", "CRDT", "75.00"))) == ({"matched": 1}, "paid")
    assert read(statement(entry(named))) == ({"duplicate": 1}, "paid")
    why = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>closed</AddtlInf></RtrInf>"
    assert read(statement(entry(named, "CRDT", more=why))) == ({"matched": 1}, "returned")
    steps = kit.read(payouts.steps_of, payout.payout_id)
    assert steps[-1].reason == "returned: AC04 closed"
    assert kit.read(ledger.account_balance, "cash/rail/bank", "KES") == 0


def test_what_the_bank_books_without_our_id_or_in_another_amount_is_seen(kit: Kit, sent):
    _, named, read = sent
    assert read(statement(entry("NOTPROVIDED"))) == ({"unmatched": 1}, "sent")
    bare = '<Ntry><Amt Ccy="KES">1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts></Ntry>'
    assert read(statement(bare)) == ({"unmatched": 1}, "sent")
    assert read(statement(entry(named, amount="5000000000.00"))) == ({"wrong_amount": 1}, "stuck")
    with pytest.raises(RequestError, match="amount"):
        read(statement(entry(named, amount="12,5")))


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(9))
    + "]><Document>&j;</Document>"
).encode()


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><Document/>',
        b'<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]><Document>&x;</Document>',
        b"<a>" * (DEPTH_MAX + 1) + b"</a>" * (DEPTH_MAX + 1),
        b"<Document>&undefined;</Document>",
        b"<Document>", b"", b"\x00", b"<a/><b/>", "<Dokument/>".encode("utf-16")[:-3],
    ],
)  # fmt: skip
def test_bombs_and_broken_xml_are_refused(data: bytes):
    with pytest.raises(RequestError):
        read_xml(data)


def test_xml_of_another_kind_is_refused(kit: Kit, tmp_path: Path):
    rails = set_up_rails(tmp_path)
    for data in (b"<Document/>", b"<html><CstmrPmtStsRpt/></html>", BOMB):
        with pytest.raises(RequestError):
            reconcile(kit.centre, rails, "bank", data, GRACE)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "bank"', 'name = "Bank One"', "name of a-z"),
        ('name = "files"', 'name = "bank"', "twice"),
        ('kind = "file"', 'kind = "pigeon"', "pigeon"),
        ('folder = "to-bank"', 'folder = "nowhere"', "make it"),
        ('folder = "to-bank"', "", "a folder"),
        ("amount_minor_max = 10_000_000", "amount_minor_max = 0", "amount_minor_max"),
        ("wait_s = 0", "wait_s = -1", "wait_s"),
        ('currency = "KES"', 'currency = "kes"', "currency"),
        ('secret_file = "mobile.secret"', "", "secret_file"),
        ('secret_file = "mobile.secret"', 'secret_file = "gone"', "secret"),
        ("allow_private = true", "", "https"),
        ('number = "9900112233"', 'number = "!"', "debtor"),
        ("[[rails]]", "[[tracks]]", "tables"),
        ('kind = "file"', "kind = ", "TOML"),
    ],
)
def test_rails_that_cannot_be_are_refused_by_name(tmp_path: Path, old: str, new: str, words: str):
    assert load_rails(tmp_path / "rails.toml") == {}
    with pytest.raises(RailError, match=words):
        set_up_rails(tmp_path, text=RAILS.replace(old, new))


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path):
    set_up_rails(tmp_path)
    (tmp_path / "mobile.secret").chmod(0o644)
    with pytest.raises(RailError, match="chmod 600"):
        load_rails(tmp_path / "rails.toml")


def test_findings_are_all_of_the_catalogue():
    assert {each.value for each in Finding} == {
        "matched", "unmatched", "wrong_amount", "duplicate", "contradicts",
    }  # fmt: skip


assert AMOUNT == 500_000  # the entries above say 5000.00
