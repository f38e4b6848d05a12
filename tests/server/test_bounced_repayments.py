"""A repayment that came to nothing: undone as of its day, once, and never by who took it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy.exc import DatabaseError

from core.errors import HarvestlineError
from core.lending.agreement import AgreementState
from core.units import civil_day
from server.commands.hands import Hands
from server.commands.repayments import repayment as repayment_group
from server.commands.words import word as word_group
from server.services import enrolment
from server.services.agreements import state_of_line
from server.services.audit.run import audit, audit_in
from server.services.bouncing import BounceReason, BounceRequest
from server.services.centre import RequestError, RoleError
from server.services.money_words import tell_bounce
from server.services.posting import RepaymentRequest, take_repayment
from server.services.standing import owed
from server.services.statements import statement
from server.store import agreements, bounces, ledger, lines, money_words, people
from server.store.engine import ConflictError, NotKnownError
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, TESTER, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b
from tests.support.tampering import changed
from tests.support.two_words import FIRST, bounced, written_off

S = AgreementState
CASHIER, SUPERVISOR = Actor("till", "cashier"), Actor("wanjiru", "supervisor")
D1, D40, D74 = (SEASON_START + timedelta(days=days) for days in (1, 40, 74))


@pytest.fixture
def drawn(kit: Kit) -> str:
    """KES 10,000 drawn on the first day; the line's id."""
    return drawn_by_farmer_b(kit, D1)


def pay(kit: Kit, line_id: str, name: str, amount: int, on: date) -> None:
    kit.clock.set_day(max(on, civil_day(kit.clock.at_ms)))
    take_repayment(
        kit.centre, RepaymentRequest(name, line_id, amount, "KES", on.isoformat()), CASHIER
    )


def word(kit: Kit, name: str, **changes: str) -> BounceRequest:
    today = civil_day(kit.clock.at_ms).isoformat()
    told = {"reference": "cheque 17", "bounced_on": today, **changes}
    return BounceRequest(name, BounceReason.CHEQUE_UNPAID, told["reference"], told["bounced_on"])


def owes(kit: Kit, line_id: str, on: date):
    return kit.read(lambda tx: owed(tx, lines.get(tx, line_id), on))


def state(kit: Kit, line_id: str) -> AgreementState:
    return kit.read(lambda tx: state_of_line(tx, lines.get(tx, line_id)))


def test_a_bounce_leaves_the_account_as_if_it_had_not_been_paid(kit: Kit, drawn: str):
    never = owes(kit, drawn, D74)
    pay(kit, drawn, "r1", 300_000, D40)
    pay(kit, drawn, "r2", 10_000, D74)
    before = owes(kit, drawn, D74)
    kept = bounced(kit.centre, word(kit, "r1"))
    assert (kept.amount_minor, kept.actor) == (300_000, "barasa")
    assert owes(kit, drawn, D74).total_minor == never.total_minor - 10_000
    assert owes(kit, drawn, D74).total_minor > before.total_minor + 300_000  # and its interest
    causes = [p.entry.cause_id for p in kit.read(ledger.entries)]
    assert "bounce/r1/undoes/repayment/r1" in causes
    assert "bounce/r1/replays/repayment/r2" in causes
    assert sum(kit.read(ledger.trial_balance).values()) == 0
    assert audit(kit.centre).holds


def test_it_bounces_once_and_only_as_it_was_told_first(kit: Kit, drawn: str):
    pay(kit, drawn, "r1", 300_000, D40)
    first = word(kit, "r1")
    bounced(kit.centre, first)
    count = len(kit.read(ledger.entries))
    for again in (first, word(kit, "r1", reference="another")):
        with pytest.raises(ConflictError, match="bounced already: cheque_unpaid"):
            kit.centre.write(lambda work, told=again: tell_bounce(work, told, FIRST))
    assert len(kit.read(ledger.entries)) == count
    # The same repayment told again by the till does not come back to life.
    pay(kit, drawn, "r1", 300_000, D40)
    assert len(kit.read(ledger.entries)) == count


@pytest.mark.parametrize(
    ("name", "changes", "actor", "error", "told"),
    [
        ("r9", {}, SUPERVISOR, NotKnownError, "expected a repayment that was taken, got 'r9'"),
        ("r1", {}, Actor("till", "supervisor"), RoleError, "another person than till"),
        ("r1", {"reference": ""}, SUPERVISOR, RequestError, "reference of 1 to 64"),
        ("r1", {"bounced_on": "2026-02-30"}, SUPERVISOR, RequestError, "the day of bouncing"),
        ("r1", {"bounced_on": "1999-01-01"}, SUPERVISOR, RequestError, "the day of bouncing"),
        ("r1", {"bounced_on": "2099-01-01"}, SUPERVISOR, RequestError, "the day of bouncing"),
    ],
)
def test_what_cannot_be_is_refused_and_writes_nothing(
    kit: Kit,
    drawn: str,
    name: str,
    changes: dict[str, str],
    actor: Actor,
    error: type[HarvestlineError],
    told: str,
):
    pay(kit, drawn, "r1", 300_000, D40)
    with pytest.raises(error, match=told):
        bounced(kit.centre, word(kit, name, **changes), actor)
    assert kit.read(bounces.of_line, drawn) == ()


def test_an_agreement_that_it_had_closed_stands_again_and_frozen(kit: Kit, drawn: str):
    due = date.fromisoformat(kit.read(lines.get, drawn).due_on)
    total = owes(kit, drawn, due).total_minor
    pay(kit, drawn, "r1", total, due)
    assert (state(kit, drawn), kit.read(lines.get, drawn).is_open) == (S.CLOSED, False)
    bounced(kit.centre, word(kit, "r1"))
    line = kit.read(lines.get, drawn)
    assert (state(kit, drawn), line.is_open, line.frozen) == (S.FROZEN, True, True)
    last = kit.read(agreements.life, line.application_id)[-1]
    assert (last.event.value, last.reason.value, last.detail["repayment_id"]) == (
        "reinstate", "bounced", "r1",
    )  # fmt: skip
    assert owes(kit, drawn, due).total_minor == total
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("line") if body["line_id"] == drawn][-1]
    assert (told["open"], told["facts"]["paid"]) == (True, [])
    pay(kit, drawn, "r2", total, due)  # paid after all
    assert state(kit, drawn) is S.CLOSED
    assert audit(kit.centre).holds


def test_a_bounced_recovery_is_no_recovery(kit: Kit, drawn: str):
    written_off(kit.centre, drawn)
    lost = kit.read(ledger.account_balance, f"loan/written-off/{drawn}", "KES")
    pay(kit, drawn, "r1", 500_000, D40)
    assert kit.read(ledger.account_balance, "income/recovery", "KES") < 0
    bounced(kit.centre, word(kit, "r1"))
    assert kit.read(ledger.account_balance, "income/recovery", "KES") == 0
    assert kit.read(ledger.account_balance, f"loan/written-off/{drawn}", "KES") == lost
    assert audit(kit.centre).holds


def test_statements_show_it_by_when_it_was_known(kit: Kit, drawn: str):
    pay(kit, drawn, "r1", 300_000, D40)
    kit.clock.set_day(D74)
    bounced(kit.centre, word(kit, "r1"))

    def rows(known: date) -> list[tuple[str, int, date]]:
        line = kit.read(lines.get, drawn)
        found = kit.read(lambda tx: statement(tx, line, D74, known))
        return [(row.what, row.amount_minor, row.recorded_on) for row in found.rows][2:]

    assert rows(D40) == [("repaid", 300_000, D40)]
    assert rows(D74) == [("repaid", 300_000, D40), ("bounced", 300_000, D74)]
    line = kit.read(lines.get, drawn)
    now = kit.read(lambda tx: statement(tx, line, D74, D74))
    assert now.rows[-1].owed.principal_minor == 1_000_000


def test_bounces_are_kept_for_good_and_in_the_trail(kit: Kit, drawn: str):
    pay(kit, drawn, "r1", 300_000, D40)
    bounced(kit.centre, word(kit, "r1"))
    [said] = [
        row for row in kit.read(people.trail_of, "repayment", "r1") if "bounced" in row.action
    ]
    assert (said.actor, said.detail["taken_by"]) == ("barasa", "till")
    for statement_ in (
        "UPDATE repayment_bounces SET reason = 'x'",
        "DELETE FROM repayment_bounces",
    ):
        with pytest.raises(DatabaseError), kit.centre.store.engine.begin() as connection:
            connection.exec_driver_sql(statement_)


def test_the_command_bounces_and_lists(kit: Kit, drawn: str, tmp_path):
    pay(kit, drawn, "r1", 300_000, D40)
    secret = tmp_path / "secret"
    secret.write_text("a long enough password")
    for name in ("wanjiru", "barasa"):
        enrolment.add_user(kit.centre, name, secret.read_text(), people.Role.SUPERVISOR, TESTER)
    hands = Hands(lambda _: kit.centre, lambda _: b"", lambda _: None)  # type: ignore[arg-type,return-value]
    on = civil_day(kit.clock.at_ms).isoformat()
    asked = [
        "bounce", "--config", "x", "r1", "--reason", "cheque_unpaid", "--reference", "c 17",
        "--on", on, "--officer", "wanjiru", "--password-file", str(secret),
    ]  # fmt: skip
    done = CliRunner().invoke(repayment_group, asked, obj=hands)
    assert done.exit_code == 0, done.output
    assert "Nothing has changed yet" in done.output
    [waits] = kit.read(money_words.waiting)
    by = ["--config", "x", "--officer", "barasa", "--password-file", str(secret)]
    confirmed = CliRunner().invoke(word_group, ["confirm", waits.word_id, *by], obj=hands)
    assert f"Word {waits.word_id} of wanjiru is confirmed." in confirmed.output
    told = CliRunner().invoke(repayment_group, ["bounced", "--config", "x"], obj=hands)
    assert "300000 on" in told.output
    assert "cheque_unpaid (c 17), by barasa" in told.output


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("actor = 'till'", "another person than who took it"),
        ("amount_minor = 1", "300000, as was paid"),
        ("line_id = 'line-9'", "as was paid"),
    ],
)
def test_the_audit_names_a_bounce_that_was_changed(
    kit: Kit, drawn: str, change: str, expected: str
):
    pay(kit, drawn, "r1", 300_000, D40)
    bounced(kit.centre, word(kit, "r1"))
    statement_ = f"UPDATE repayment_bounces SET {change}"  # noqa: S608 (of this test's own words)
    with changed(kit, statement_, "repayment_bounces") as tx:
        found = audit_in(kit.centre, tx, ("bounces",)).first
        assert found is not None
        assert (found.record_id, expected in found.expected) == ("r1", True)
