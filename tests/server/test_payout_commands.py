"""Payouts and webhooks by commands and by a running centre, with real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from core.lending.payout import PayeeKind, PayoutState, instruction_id
from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text
from server.app import main
from server.services.courier import carrying
from server.services.hooks.delivering import CLAIM_MS
from server.services.hooks.signature import signed_headers
from server.services.payouts.payees import set_payee
from server.store import ledger, payouts
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b
from tests.support.packs import pack
from tests.support.payout_kit import (
    AGROVET,
    AMOUNT,
    GRACE,
    SECRET,
    SUPPLIER,
    PaymentService,
    account_file,
    current,
    draw_on,
    line_of,
    said_body,
    set_up_rails,
    settings_file,
    with_account,
)
from tests.support.web_receiver import Answer, receiving

ROOT = Path(__file__).resolve().parents[2]
WAIT_S_MAX = 60


class Shell:
    """Commands on the kit's database, on the kit's clock."""

    def __init__(self, kit: Kit, database_url: str, folder: Path) -> None:
        self.kit, self.folder = kit, folder
        self.config = settings_file(kit, database_url, folder)
        self.clock = folder / "clock"

    def environ(self) -> dict[str, str]:
        self.clock.write_text(clock_text(self.kit.clock.at_ms))
        return {CLOCK_SETTING: str(self.clock), DEMO_SETTING: "1"}

    def run(self, command: str, *words: str | Path) -> Any:
        given = [*command.split(), "--config", str(self.config), *map(str, words)]
        return CliRunner(env=self.environ()).invoke(main, given)

    def read(self, command: str, *words: str | Path) -> dict[str, Any]:
        found = self.run(command, *words, "--json")
        assert found.exit_code == 0, found.output
        told: dict[str, Any] = json.loads(found.stdout)
        return told

    def by(self, officer: str) -> tuple[str, ...]:
        return ("--officer", officer, "--password-file", str(self.folder / "password"))

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        given = [sys.executable, "-c", "from server.app import main; main()", *words]
        with subprocess.Popen(
            [*given, "--config", str(self.config)],
            env={**os.environ, **self.environ()}, cwd=ROOT, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


@pytest.fixture
def engine_name() -> str:
    """What differs by database is tested beside the services; here are processes and words."""
    return "sqlite"


@pytest.fixture
def shell(kit: Kit, database_url: str, tmp_path: Path) -> Shell:
    return Shell(kit, database_url, tmp_path)


def test_a_morning_of_a_lender_by_commands(kit: Kit, shell: Shell, tmp_path: Path):
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    set_up_rails(tmp_path)
    [held] = shell.read("payout report")["held"]
    assert held["why"] == "no confirmed account"
    whom = ("supplier", SUPPLIER)
    first = account_file(tmp_path / "grace.toml", AGROVET)
    words = ("--rail", "bank", "--account-file", first, "--reason", "contract 12")
    made = shell.read("payout payee set", *whom, *words, *shell.by("grace"))
    assert made["account"] == "account …3004"
    again = ("--account-file", account_file(tmp_path / "henry.toml", AGROVET))
    refused = shell.run("payout payee confirm", *whom, *again, *shell.by("grace"))
    assert refused.exit_code == 4
    assert "another officer" in refused.output
    shell.read("payout payee confirm", *whom, *again, *shell.by("henry"))
    written = shell.read("payout export", "bank", *shell.by("grace"))
    assert written["taken_count"] == 1
    [batch] = written["last_batch"]
    assert (tmp_path / "to-bank" / batch["file_name"]).exists()
    named = instruction_id(payout.payout_id, 1)
    answer = tmp_path / "notice.xml"
    answer.write_text(
        "<Document><CstmrPmtStsRpt><OrgnlPmtInfAndSts><TxInfAndSts>"
        f"<OrgnlInstrId>{named}</OrgnlInstrId><TxSts>ACSC</TxSts>"
        "</TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )
    given = ("bank", answer)
    waits = shell.read("payout reconcile", *given, *shell.by("grace"))["waits"]
    assert "prepared what was paid" in waits["reason"]  # grace set the account
    told = shell.run("payout reconcile", *given, *shell.by("grace")).output
    assert f"word confirm {waits['word_id']}" in told
    assert "settles or undoes KES 5,000.00" in shell.run("word list").output
    assert [each["state"] for each in shell.read("payout list")["payouts"]] == ["sent"]
    found = shell.read("payout reconcile", *given, *shell.by("henry"))
    assert found["findings"] == {"matched": 1}
    assert shell.read("payout reconcile", *given, *shell.by("grace"))["known_count"] == 1
    found = shell.read("payout show", payout.payout_id)
    assert [each["event"] for each in found["steps"]] == ["make", "send", "confirm"]
    assert [each["state"] for each in shell.read("payout list")["payouts"]] == ["paid"]
    assert shell.read("payout report")["rows"] == []
    assert AGROVET.number not in shell.run("payout payee list").output
    assert shell.run("payout show", payout.payout_id).output.startswith(payout.payout_id)
    back = ("--as", "returned", "--reason", "letter of the bank")
    told = shell.read("payout settle", payout.payout_id, *back, *shell.by("henry"))
    assert shell.read("payout show", payout.payout_id)["payout"]["state"] == "paid"
    alone = shell.run("word confirm", told["word_id"], *shell.by("henry"))
    assert alone.exit_code == 4
    assert "another person than henry" in alone.output
    assert "is returned. Told by henry" in shell.run("word list").output
    shell.read("word confirm", told["word_id"], *shell.by("grace"))
    assert shell.read("payout show", payout.payout_id)["payout"]["state"] == "returned"
    assert "No word waits" in shell.run("word list").output
    shell.read("audit")
    assert shell.run("payout show", "nothing").exit_code == 3
    assert shell.run("payout reconcile", "nowhere", answer, *shell.by("grace")).exit_code == 5


def test_a_morning_of_money_that_came_in(kit: Kit, shell: Shell, tmp_path: Path):
    line_id = drawn_by_farmer_b(kit, SEASON_START)
    set_up_rails(tmp_path)
    rows = ("reference,line_id,amount,currency,day", f"MP-1,{line_id},30.00,KES,{SEASON_START}",
            f"MP-2,my loan,5.00,KES,{SEASON_START}")  # fmt: skip
    listed = tmp_path / "came.csv"
    listed.write_text("\n".join(rows))
    given = ("files", listed, *shell.by("grace"))
    told = shell.run("repayment import", *given)
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines() == [
        f"look at: MP-2 of 500 KES on {SEASON_START}: it names no line of ours",
        "2 credits: 1 new repayments, 1 to look at.",
    ]
    again = shell.read("repayment import", *given)["credits"]
    assert [(each["line_id"], each["is_new"]) for each in again] == [(line_id, False), ("", False)]
    refused = shell.run("repayment import", "files", listed, "--officer", "nobody",
                        "--password-file", str(tmp_path / "password"))  # fmt: skip
    assert refused.exit_code != 0
    assert len(kit.read(ledger.repayments_of, line_id)) == 1


def test_hooks_by_commands(kit: Kit, shell: Shell, tmp_path: Path):
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    with receiving(PaymentService(kit.clock.now_ms)) as rail, receiving() as shop:
        set_up_rails(tmp_path, rail.url)
        words = ("--address", shop.url, "--kind", "payout.*", "--party", SUPPLIER)
        secret = tmp_path / "shop.secret"
        more = ("--secret-file", secret, "--allow-private", *shell.by("grace"))
        shell.read("hook add", "agrovet", *words, *more)
        assert secret.stat().st_mode & 0o077 == 0
        with_account(kit, "mobile")
        assert shell.read("payout send")["taken_count"] == 1
        shop.answer = lambda _: Answer(410)
        assert shell.read("hook send")["dead_count"] == 1
        [dead] = shell.read("hook dead")["deliveries"]
        shown = shell.read("hook show", dead["event_id"])
        assert shown["event"]["payload"]["payout_id"] == payout.payout_id
        shop.answer = lambda _: Answer(204)
        assert shell.read("hook redeliver", *shell.by("grace"))["deliveries_count"] == 1
        assert shell.read("hook send")["delivered_count"] == 1
        assert [each["state"] for each in shell.read("hook deliveries")["deliveries"]] == [
            "delivered"
        ]
        changed = ("--secret-file", tmp_path / "new.secret", "--overlap-hours", "1")
        assert shell.read("hook rotate", "agrovet", *changed, *shell.by("grace"))["seq"] == 1
        assert (tmp_path / "new.secret").stat().st_mode & 0o077 == 0
        shell.read("hook end", "agrovet", *shell.by("grace"))
        assert "ended" in shell.run("hook list").output
    assert json.loads(shop.posted[-1].body)["type"] == "payout.paid"


@pytest.mark.parametrize("group", ["payout", "payout payee", "hook"])
def test_help_is_worth_reading(group: str):
    found = CliRunner().invoke(main, [*group.split(), "--help"])
    names = re.findall(r"^  (\w+) {2,}", found.output, re.MULTILINE)
    assert len(names) >= 4
    for name in names:
        told = CliRunner().invoke(main, [*group.split(), name, "--help"])
        assert told.exit_code == 0
        assert len(told.output.split("Options:")[0].split()) > 8, told.output


def test_a_process_killed_while_it_pays_pays_nobody_twice(kit: Kit, shell: Shell, tmp_path: Path):
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))
    held = threading.Event()
    service = PaymentService(kit.clock.now_ms)
    with receiving() as receiver:
        receiver.answer = lambda posted: Answer(200, service(posted).body, {}, held)
        set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        with shell.started("payout", "send") as process:
            receiver.wait_for(1)
            process.send_signal(signal.SIGKILL)
        held.set()
        assert current(kit, payout).state is PayoutState.SENT
        assert shell.read("payout send")["tried_count"] == 0  # the dead one's claim
        kit.clock.at_ms += CLAIM_MS
        receiver.answer = service
        assert shell.read("payout send")["taken_count"] == 1
    assert service.paid == {instruction_id(payout.payout_id, 1): AMOUNT}
    assert len({posted.body for posted in receiver.posted}) == 1
    shell.read("audit")


def test_a_draw_is_paid_while_the_centre_runs_and_a_call_reaches_it(
    kit: Kit, shell: Shell, tmp_path: Path
):
    """The real process: nobody sends a command, the payment goes out and is confirmed."""
    line = line_of(kit, pack("input-voucher"))
    with receiving(PaymentService(kit.clock.now_ms, "accepted")) as receiver:
        set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        payout = draw_on(kit, line)
        with shell.started("run", "--port", "0") as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            [posted] = receiver.wait_for(1)
            body = said_body(json.loads(posted.body)["instruction_id"], "paid")
            headers = signed_headers(SECRET, "m1", kit.clock.at_ms, body)
            address = f"{url}/api/v1/payouts/answers/mobile"
            answer = httpx.post(address, content=body, headers=headers)
            assert (answer.status_code, answer.json()) == (200, {"finding": "matched", "new": True})
            forged = httpx.post(address, content=body + b" ", headers=headers)
            assert forged.status_code == 403
            assert forged.json()["type"] == "urn:harvestline:error:HL-CORE-004"
            assert (
                httpx.post(f"{url}/api/v1/payouts/answers/none", content=b"{}").status_code == 404
            )
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=WAIT_S_MAX)
    assert process.returncode == 0
    assert current(kit, payout).state is PayoutState.PAID


def test_what_is_committed_wakes_the_courier(kit: Kit, tmp_path: Path):
    """Events alone: the bell, the post, the answer; and an account that comes later."""
    line = line_of(kit, pack("input-voucher"))
    with receiving(service := PaymentService(kit.clock.now_ms)) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        with carrying(kit.centre, rails):
            first = draw_on(kit, line, "draw-1", 100_000)
            receiver.wait_for(1)
            second = draw_on(kit, line, "draw-2", 100_000)
            receiver.wait_for(2)
    assert service.paid == {instruction_id(each.payout_id, 1): 100_000 for each in (first, second)}
    assert {current(kit, each).state for each in (first, second)} == {PayoutState.PAID}
    assert kit.read(ledger.account_balance, "cash/rail/mobile", "KES") == -200_000


def test_draws_from_before_payouts_are_adopted_and_wait(kit: Kit, shell: Shell):
    payout = draw_on(kit, line_of(kit, pack("input-voucher")))

    def forget(work: Any) -> None:
        run = work.tx.connection.exec_driver_sql
        after = " ON payouts" if work.tx.connection.dialect.name == "postgresql" else ""
        run(f"DROP TRIGGER payouts_no_delete{after}")
        run("DELETE FROM payouts")

    kit.centre.write(forget)
    found = shell.run("audit", "--only", "payables")
    assert found.exit_code != 0
    assert "payout adopt" in found.output
    assert kit.read(payouts.of_line, payout.line_id) == ()


def test_only_known_farmers_get_accounts(kit: Kit, shell: Shell, tmp_path: Path):
    words = ("--rail", "bank", "--account-file", account_file(tmp_path / "a.toml", AGROVET))
    told = shell.run(
        "payout payee set", "farmer", "nobody", *words, "--reason", "x", *shell.by("grace")
    )
    assert told.exit_code == 3
    (tmp_path / "a.toml").write_text("number = 5")
    told = shell.run(
        "payout payee set", "farmer", "farmer-b", *words, "--reason", "x", *shell.by("grace")
    )
    assert told.exit_code == 3
    assert set_payee(
        kit.centre, (PayeeKind.FARMER, "farmer-b"), ("bank", AGROVET), GRACE, "x"
    ).seq == 1  # fmt: skip
