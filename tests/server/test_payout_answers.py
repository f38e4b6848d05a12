"""What rails say of payouts: matched, refused, contradicted, returned, and told by the audit."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from core.errors import AgreementError, SignatureError
from core.lending.payout import (
    Finding,
    Outcome,
    PayoutState,
)
from server.services.audit.run import audit_in
from server.services.centre import RequestError
from server.services.hooks.backoff import TRIES_MAX, WAIT_MS_MAX
from server.services.hooks.signature import signed_headers
from server.services.payouts.acts import retry
from server.services.payouts.rails import RailError, amount_text, read_amount
from server.services.payouts.reading import open_findings, take_call
from server.services.payouts.sending import Round, send_due
from server.services.payouts.webhook_rail import ASK_AGAIN_MS
from server.services.posting import RepaymentRequest, take_repayment
from server.services.reports.loans import as_of, loans
from server.services.standing import standing
from server.services.statements import statement
from server.store import lines
from server.store.payouts import Payout
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.packs import pack
from tests.support.payout_kit import (
    AMOUNT,
    GRACE,
    HENRY,
    OWED,
    SECRET,
    PaymentService,
    balance,
    call,
    csv_of,
    current,
    draw_on,
    events,
    holds,
    line_of,
    said_body,
    set_up_rails,
    told,
    with_account,
)
from tests.support.rail_files import brought
from tests.support.two_words import cancelled, settled
from tests.support.web_receiver import Answer, receiving


@pytest.fixture
def drawn(kit: Kit) -> Payout:
    return draw_on(kit, line_of(kit, pack("input-voucher")))


RUBBISH = (
    Answer(500),
    Answer(302, headers={"location": "http://127.0.0.1:1/"}),
    Answer(200, b"<html>login</html>"),
    Answer(200, b"[" * 60_000),
    Answer(200, said_body("x", "paid")),  # nobody signed it
    Answer(200, b""),
)


def test_rubbish_is_no_answer_and_the_same_instruction_is_told_again(
    kit: Kit, drawn: Payout, tmp_path: Path
):
    with receiving() as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        for answer in RUBBISH:
            receiver.answer = lambda _, told=answer: told
            assert send_due(kit.centre, rails) == Round(1, 0)
            assert current(kit, drawn).state is PayoutState.SENT
            assert send_due(kit.centre, rails).tried_count == 0
            kit.clock.at_ms += WAIT_MS_MAX
        receiver.answer = PaymentService(kit.clock.now_ms)
        assert send_due(kit.centre, rails).taken_count == 1
    assert len({posted.body for posted in receiver.posted}) == 1
    assert len({posted.headers["idempotency-key"] for posted in receiver.posted}) == 1
    assert current(kit, drawn).state is PayoutState.PAID
    holds(kit)


def test_an_answer_to_another_instruction_is_none(kit: Kit, drawn: Payout, tmp_path: Path):
    service = PaymentService(kit.clock.now_ms, changes={"instruction_id": "f" * 32 + "-1"})
    with receiving(service) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        assert send_due(kit.centre, rails).taken_count == 0
    assert current(kit, drawn).state is PayoutState.SENT


def test_a_rail_that_never_answers_leaves_it_to_an_officer(kit: Kit, drawn: Payout, tmp_path: Path):
    with receiving(lambda _: Answer(503)) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        for _ in range(TRIES_MAX):
            assert send_due(kit.centre, rails).tried_count == 1
            kit.clock.at_ms += WAIT_MS_MAX
        assert current(kit, drawn).state is PayoutState.STUCK
        with pytest.raises(AgreementError, match="stuck"):
            cancelled(kit.centre, drawn.payout_id, GRACE, "it may have been paid")
        receiver.answer = PaymentService(kit.clock.now_ms)
        retry(kit.centre, drawn.payout_id, GRACE, "the service is up again")
        send_due(kit.centre, rails)
    assert len({posted.headers["idempotency-key"] for posted in receiver.posted}) == 1
    assert current(kit, drawn).state is PayoutState.PAID
    holds(kit)


def test_what_failed_is_tried_under_a_new_id_or_cancelled(kit: Kit, drawn: Payout, tmp_path: Path):
    with receiving(PaymentService(kit.clock.now_ms, "rejected")) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        send_due(kit.centre, rails)
        assert current(kit, drawn).state is PayoutState.FAILED
        assert balance(kit, OWED) == -AMOUNT
        with pytest.raises(RequestError, match="reason"):
            retry(kit.centre, drawn.payout_id, GRACE, "  ")
        retry(kit.centre, drawn.payout_id, GRACE, "name corrected at the bank")
        send_due(kit.centre, rails)
        assert [p.headers["idempotency-key"] for p in receiver.posted] == [
            told(drawn, 1), told(drawn, 2),
        ]  # fmt: skip
        late = call(kit, rails, said_body(told(drawn, 1), "paid"))
        assert late.answer.finding is Finding.CONTRADICTS
        cancelled(kit.centre, drawn.payout_id, HENRY, "the supplier is gone")
    assert balance(kit, OWED) == 0
    assert [found.finding for found in open_findings(kit.centre)] == [Finding.CONTRADICTS]
    holds(kit)


def test_an_accepted_instruction_is_confirmed_by_a_call_or_asked_about_again(
    kit: Kit, drawn: Payout, tmp_path: Path
):
    with receiving(PaymentService(kit.clock.now_ms, "accepted")) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        assert send_due(kit.centre, rails).taken_count == 1
        assert current(kit, drawn).state is PayoutState.SENT
        kit.clock.at_ms += ASK_AGAIN_MS
        assert send_due(kit.centre, rails).tried_count == 1
        first = call(kit, rails, said_body(told(drawn), "paid"))
        again = call(kit, rails, said_body(told(drawn), "paid"))
        other = call(kit, rails, said_body(told(drawn), "paid"), "m2")
    assert (first.is_new, first.answer.finding) == (True, Finding.MATCHED)
    assert again.is_new is False
    assert (other.is_new, other.answer.finding) == (True, Finding.DUPLICATE)
    assert balance(kit, "cash/rail/mobile") == -AMOUNT
    holds(kit)


def test_forged_altered_and_old_calls_change_nothing(kit: Kit, drawn: Payout, tmp_path: Path):
    with receiving(PaymentService(kit.clock.now_ms, "accepted")) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        send_due(kit.centre, rails)
    good = said_body(told(drawn), "paid")
    headers = signed_headers(SECRET, "m1", kit.clock.at_ms, good)
    forged = signed_headers(b"x" * 32, "m1", kit.clock.at_ms, good)
    old = signed_headers(SECRET, "m1", kit.clock.at_ms - 3_600_000, good)
    for said, body in ((forged, good), (old, good), (headers, good + b" "), ({}, good)):
        with pytest.raises(SignatureError):
            take_call(kit.centre, rails, "mobile", said, body)
    for body in (b"", b"[]", b'{"instruction_id": 5}', b"\xff", said_body("x", "rich")):
        with pytest.raises(RequestError):
            call(kit, rails, body)
    for rail in ("files", "unknown"):
        with pytest.raises(RailError):
            take_call(kit.centre, rails, rail, headers, good)
    assert current(kit, drawn).state is PayoutState.SENT
    assert events(kit, drawn) == ["make", "send"]


def test_another_amount_moves_no_money_and_is_shown(kit: Kit, drawn: Payout, tmp_path: Path):
    with receiving(PaymentService(kit.clock.now_ms, "accepted")) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        send_due(kit.centre, rails)
    for number, amount in enumerate((AMOUNT * 1_000_000, AMOUNT + 1, 2**53 - 1, 0, -AMOUNT)):
        found = call(kit, rails, said_body(told(drawn), "paid", amount), f"m{number}").answer
        assert (found.finding, found.amount_minor) == (Finding.WRONG_AMOUNT, amount)
        assert current(kit, drawn).state is PayoutState.STUCK
    with pytest.raises(RequestError):
        call(kit, rails, said_body(told(drawn), "paid", 2**60))
    assert balance(kit, "cash/rail/mobile") == 0
    settled(kit.centre, drawn.payout_id, Outcome.PAID)
    assert balance(kit, "cash/rail/mobile") == -AMOUNT
    holds(kit)


def test_returned_money_undoes_the_draw_its_fee_and_its_interest(
    kit: Kit, drawn: Payout, tmp_path: Path
):
    line = kit.read(lines.get, drawn.line_id)
    with receiving(PaymentService(kit.clock.now_ms)) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        send_due(kit.centre, rails)
    kit.clock.add_days(60)
    repaid = RepaymentRequest(
        "r1", line.line_id, 60_000, "KES", (SEASON_START + timedelta(days=60)).isoformat()
    )
    take_repayment(kit.centre, repaid, Actor("till", "cashier"))
    assert balance(kit, "income/interest") < 0
    back = call(kit, rails, said_body(told(drawn), "returned", reason="account closed"))
    assert back.answer.finding is Finding.MATCHED
    today = kit.centre.write(lambda work: work.today())
    stands = kit.read(standing, line, today)
    assert stands.owed.total_minor == 0
    assert stands.outstanding_minor == 0
    for account in (OWED, "cash/rail/mobile", "income/interest", "income/fee"):
        assert balance(kit, account) == 0, account
    assert balance(kit, f"payable/{line.line_id}") == -60_000  # what was repaid is the farmer's
    assert events(kit, drawn) == ["make", "send", "confirm", "return"]
    [status] = [each for each in kit.station.pull(kit.centre) if each.kind == "line"][-1:]
    assert status.body["principal_minor"] == 0
    assert status.body["facts"]["drawn"] == []
    again = call(kit, rails, said_body(told(drawn), "returned"), "m2")
    assert again.answer.finding is Finding.DUPLICATE
    shown = kit.read(statement, line, today, today)
    assert [(row.what, row.amount_minor) for row in shown.rows] == [
        ("drawn", AMOUNT), ("fee", 7_500), ("returned", AMOUNT), ("returned", 7_500),
        ("repaid", 60_000),
    ]  # fmt: skip
    with kit.centre.store.reading() as tx:
        then = as_of(today, kit.clock.at_ms)
        [loan] = [each for each in loans(tx, then) if each.line.line_id == line.line_id]
    assert [fact.kind.value for fact in loan.facts] == ["repayment"]
    holds(kit)


def test_a_returned_draw_leaves_the_others_of_its_line(kit: Kit, tmp_path: Path):
    line = line_of(kit, pack("input-voucher"))
    first, second = draw_on(kit, line, "draw-1", 300_000), draw_on(kit, line, "draw-2", 200_000)
    with receiving(PaymentService(kit.clock.now_ms)) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        send_due(kit.centre, rails)
    call(kit, rails, said_body(told(first), "returned", 300_000))
    stands = kit.read(standing, kit.read(lines.get, line.line_id), SEASON_START)
    assert stands.outstanding_minor == 200_000
    assert stands.owed.fee_minor == 3_000  # 1.5 % of the one that stands
    assert current(kit, second).state is PayoutState.PAID
    holds(kit)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(123450, "KES", "1234.50"), (5, "KES", "0.05"), (700, "JPY", "700"), (1, "KWD", "0.001")],
)
def test_amounts_are_written_and_read_in_their_currencys_decimals(
    minor: int, currency: str, text: str
):
    assert amount_text(minor, currency) == text
    assert read_amount(text, currency) == minor


@pytest.mark.parametrize("text", ["", "1,5", "1.234", "-1", "1e9", "٣", "1.2.3", "9" * 16, "NaN"])
def test_texts_that_are_no_amounts_are_none(text: str):
    assert read_amount(text, "KES") is None


def test_csv_answers_are_matched_and_a_file_counts_once(kit: Kit, drawn: Payout, tmp_path: Path):
    rails = set_up_rails(tmp_path)
    with_account(kit, "files")
    send_due(kit.centre, rails)
    data = csv_of(
        f"{told(drawn)},paid,5000.00,KES,S-1,",
        f"{told(drawn)},paid,5000.00,KES,S-1,",
        f"{'e' * 32}-1,paid,5000.00,KES,S-2,",
        f"{told(drawn)},paid,5000.01,KES,S-3,",
    )
    found = brought(kit, rails, "files", data)
    assert found.findings == {"duplicate": 1, "matched": 1, "unmatched": 1, "wrong_amount": 1}
    again = brought(kit, rails, "files", data)
    assert (again.known_count, again.answers_count) == (4, 4)
    assert balance(kit, "cash/rail/files") == -AMOUNT
    assert len(open_findings(kit.centre)) == 2
    # Another rail cannot speak of what it was never asked.
    other = brought(kit, rails, "mobile", data)
    assert other.findings == {"unmatched": 4}
    holds(kit)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xfe", b"a,b\n1,2\n", csv_of("x,paid,abc,KES,,"), csv_of("x,gone,1.00,KES,,"),
        csv_of('x,paid,1.00,KES,"', ), csv_of("x,paid,,KES,,"),
    ],
)  # fmt: skip
def test_csv_that_cannot_be_read_is_refused_as_a_whole(kit: Kit, tmp_path: Path, data: bytes):
    with pytest.raises(RequestError):
        brought(kit, set_up_rails(tmp_path), "files", data)


TAMPERED = (
    ("UPDATE payouts SET state = 'paid'", "payouts", "as its steps lead to"),
    ("UPDATE payout_steps SET event = 'confirm', state = 'paid' WHERE seq = 2", "payouts",
     "a step that the table permits"),
    ("UPDATE payout_steps SET reference = 'x'", "payouts", "the steps that the trail tells"),
    ("UPDATE payouts SET amount_minor = 7", "payables", "the draw's entry"),
    ("UPDATE payouts SET state = 'cancelled'", "payables", "undoes its draw"),
    ("DELETE FROM payouts", "payables", "a payout, for no till paid it"),
)  # fmt: skip


class _UndoneError(Exception):
    """Ends a transaction so that nothing of it stays."""


def test_the_audit_names_a_payout_that_was_changed_behind_its_back(
    kit: Kit, drawn: Payout, tmp_path: Path
):
    with_account(kit, "files")
    send_due(kit.centre, set_up_rails(tmp_path))
    holds(kit)
    told: list[str] = []

    def tamper(work, change: str, check: str) -> None:
        run = work.tx.connection.exec_driver_sql
        if work.tx.connection.dialect.name == "postgresql":
            for table in ("payouts", "payout_steps"):
                run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        else:
            for trigger in ("payouts_fixed", "payouts_no_delete", "payout_steps_no_update"):
                run(f"DROP TRIGGER {trigger}")
        run(change)
        found = audit_in(kit.centre, work.tx, (check,))
        told[:] = [each.expected for row in found.checks for each in row.findings]
        raise _UndoneError

    for change, check, words in TAMPERED:
        with pytest.raises(_UndoneError):
            kit.centre.write(partial(tamper, change=change, check=check))
        assert words in " ".join(told), change
    holds(kit)
