"""Agents' boxes at the centre: what stations report, what is wrong with it, and the books."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy.exc import DatabaseError

from core.errors import HarvestlineError
from core.lending.cashbox import DifferenceReason
from core.lending.lease import DrawState
from core.wire.cash import CashRole, Pieces
from core.wire.records import Drawdown
from server.commands.cash import cash as cash_group
from server.commands.hands import Hands
from server.services import enrolment
from server.services.audit.run import audit, audit_in
from server.services.bouncing import BounceReason, BounceRequest
from server.services.cash_people import (
    Ending,
    NewPerson,
    add_login,
    add_person,
    change_person,
    held,
    renew_card,
)
from server.services.centre import RequestError
from server.services.standing import owed
from server.services.suspense import open_suspended
from server.store import cash, ledger, lines, people
from server.store.engine import ConflictError, NotKnownError
from server.store.people import Actor, Role
from tests.support.cash_hands import SUPERVISOR, Village
from tests.support.centre_kit import SEASON_START, STATION, TESTER, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b, flags, leases_at_station
from tests.support.tampering import changed
from tests.support.two_words import FIRST, SECOND, bounced, ended

D1, D40 = SEASON_START + timedelta(days=1), SEASON_START + timedelta(days=40)


@pytest.fixture
def village(kit: Kit) -> Village:
    """KES 10,000 drawn by farmer B on the first day, out of the station's till of before."""
    drawn_by_farmer_b(kit, D1)
    kit.clock.set_day(D40)
    return Village.at(kit)


def in_box(village: Village, person_id: str) -> int:
    return village.kit.read(ledger.account_balance, f"cash/agent/{person_id}", "KES")


def difference(village: Village, person_id: str) -> int:
    return village.kit.read(ledger.account_balance, f"cash-difference/{person_id}", "KES")


def told(village: Village) -> str:
    return " | ".join(flags(village.kit))


def test_float_is_given_repayments_come_in_and_the_rest_goes_back(village: Village):
    line_id = village.line_of_farmer_b()
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    village.repay("r1", village.agent, line_id, 300_000)
    village.hand_over("h2", village.agent, village.keeper, 200_000)
    village.count("c1", village.agent, 1_100_000)
    village.deliver()
    assert flags(village.kit) == []
    assert in_box(village, "akinyi") == 1_100_000 == village.expected["akinyi"]
    # The safe is the centre's till: a million went out, two hundred thousand came back.
    assert village.kit.read(ledger.account_balance, "cash/centre", "KES") == -800_000
    line = village.kit.read(lines.get, line_id)
    [paid] = village.kit.read(ledger.repayments_of, line_id)
    assert (paid.amount_minor, paid.paid_to, paid.received_by) == (
        300_000, "cash/agent/akinyi", "akinyi",
    )  # fmt: skip
    assert village.kit.read(lambda tx: owed(tx, line, D40)).principal_minor < 1_000_000
    assert audit(village.kit.centre).holds


def test_a_draw_that_a_box_paid_out_leaves_that_box(village: Village):
    kit = village.kit
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    [lease] = [e for e in leases_at_station(kit) if e.line_id == village.line_of_farmer_b()]
    for state in (DrawState.PENDING, DrawState.POSTED):
        body = Drawdown(
            "draw-2", lease.line_id, lease.lease_id, state, 100_000, 1_500, "KES", "consent-1",
            150_000, village.today, paid_by="akinyi",
        )  # fmt: skip
        village.say("drawdown", body)
    village.deliver()
    assert in_box(village, "akinyi") == 900_000
    [move] = [m for m in kit.read(cash.moves_of, "akinyi") if m.kind.value == "payout"]
    assert (move.move_id, move.amount_minor, move.flag) == ("draw/draw-2", -100_000, "")
    assert audit(kit.centre).holds


def test_a_shortage_and_an_overage_are_booked_each_and_never_set_off(village: Village):
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    village.count("c1", village.agent, 990_000)
    village.count("c2", village.agent, 995_000, reason=DifferenceReason.COUNTED_WRONG_BEFORE)
    village.deliver()
    assert (in_box(village, "akinyi"), difference(village, "akinyi")) == (995_000, 5_000)
    [found] = [e for e in village.kit.read(held, D40) if e.person.person_id == "akinyi"]
    assert (found.box.short_minor, found.box.over_minor, found.box.differences) == (
        10_000, 5_000, 2,
    )  # fmt: skip
    assert flags(village.kit) == []
    assert audit(village.kit.centre).holds


def test_a_shortage_split_over_days_adds_up(village: Village):
    kit = village.kit
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    for number in range(1, 6):
        village.count(f"c{number}", village.agent, 1_000_000 - number * 1_000)
        kit.clock.add_days(1)
    village.deliver()
    today = D40 + timedelta(days=5)
    [found] = [e for e in kit.read(held, today) if e.person.person_id == "akinyi"]
    assert (found.box.short_minor, found.box.differences, found.difference_minor) == (
        5_000, 5, 5_000,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["handover", "count", "repayment"])
def test_records_of_an_old_box_change_nothing_and_other_content_is_refused(
    village: Village, name: str
):
    village.hand_over("h0", village.keeper, village.agent, 1_000_000)
    line_id = village.line_of_farmer_b()
    body = {
        "handover": lambda: village.hand_over("x1", village.keeper, village.agent, 1_000),
        "count": lambda: village.count("x1", village.agent, 999_000),
        "repayment": lambda: village.repay("x1", village.agent, line_id, 5_000),
    }[name]()
    village.deliver()
    before = (in_box(village, "akinyi"), len(village.kit.read(ledger.entries)))
    village.again(f"cash_{name}", body)
    village.deliver()
    assert (in_box(village, "akinyi"), len(village.kit.read(ledger.entries))) == before
    assert flags(village.kit) == []
    match name:
        case "handover":
            village.hand_over("x1", village.keeper, village.agent, 2_000)
        case "count":
            village.count("x1", village.agent, 1_000)
        case _:
            village.repay("x1", village.agent, line_id, 6_000)
    village.deliver()
    assert in_box(village, "akinyi") == before[0]
    assert "HL-SRV-005: move x1 of a cash box exists with other content" in told(village)
    assert audit(village.kit.centre).holds


def test_a_friend_who_did_not_sign_is_flagged_and_the_cash_is_where_it_was_said_to_be(
    village: Village,
):
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    forged = village.hand_over("h2", village.agent, village.friend, 400_000)
    village.deliver()
    assert flags(village.kit) == []
    stolen = forged.handover.__class__(
        "h3", "akinyi", "rafiki", "shift-1", 100_000, "KES", village.today
    )
    body = forged.__class__(stolen, forged.giver_signature, forged.receiver_signature)
    village.say("cash_handover", body)
    village.deliver()
    assert "not signed by the card of akinyi" in told(village)
    assert (in_box(village, "akinyi"), in_box(village, "rafiki")) == (500_000, 500_000)
    assert audit(village.kit.centre).holds


@pytest.mark.parametrize(
    ("act", "wrong"),
    [
        (lambda v: v.hand_over("h2", v.agent, v.keeper, 2_000_000), "held less than was taken"),
        (lambda v: v.hand_over("h2", v.keeper, v.agent, 4_500_000), "more than it may"),
        (lambda v: v.hand_over("h2", v.agent, v.agent, 1_000), "HL-CORE-003"),
        (lambda v: v.hand_over("h2", v.keeper, v.agent, -5), "HL-CORE-003"),
        (lambda v: v.hand_over("h2", v.keeper, v.agent, 5, currency="kes"), "HL-CORE"),
        (lambda v: v.hand_over("../x", v.keeper, v.agent, 5), "HL-CORE-003"),
        (lambda v: v.hand_over("h2", v.keeper, v.agent, 5, receiver_id="a/b"), "HL-CORE-003"),
        (lambda v: v.hand_over("h2", v.keeper, v.agent, 5, receiver_id="zz"), "'zz' holds no cash"),
        (lambda v: v.count("c2", v.agent, 900_000, reason=None), "it differs without a reason"),
        (
            lambda v: v.count("c2", v.agent, 900_000, pieces=(Pieces(100, 1),)),
            "its notes and coins come to another sum",
        ),
        (
            lambda v: v.count("c2", v.agent, 900_000, expected_minor=900_000),
            "it expected 900000, here are 1000000",
        ),
        (
            lambda v: v.repay("r2", v.agent, v.line_of_farmer_b(), 5_000, on="2020-01-01"),
            "it is dated '2020-01-01', written on",
        ),
        (lambda v: v.repay("r2", v.agent, "line-9", 5_000), "line line-9 is not known"),
    ],
)
def test_what_is_wrong_is_named_and_the_books_still_agree(village: Village, act, wrong: str):
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    act(village)
    village.deliver()
    assert wrong in told(village)
    assert audit(village.kit.centre).holds
    assert sum(village.kit.read(ledger.trial_balance).values()) == 0


def test_a_backdated_repayment_saves_no_interest(village: Village):
    line_id = village.line_of_farmer_b()
    village.repay("r1", village.agent, line_id, 100_000, on=D1.isoformat())
    village.deliver()
    [paid] = village.kit.read(ledger.repayments_of, line_id)
    assert paid.effective_on == D40.isoformat()


def test_money_repaid_on_a_line_that_is_not_known_waits_in_suspense(kit: Kit):
    village = Village.at(kit)
    village.repay("r1", village.agent, "line-1", 5_000)
    village.deliver()
    assert kit.read(ledger.account_balance, "suspense/line-1", "KES") == -5_000
    assert audit(kit.centre).holds
    with pytest.raises(RequestError, match="expected a line that a station reported"):
        open_suspended(kit.centre, "line-1", TESTER)


def test_a_repayment_in_cash_that_was_none_leaves_its_notes_as_over(village: Village):
    line_id = village.line_of_farmer_b()
    village.repay("r1", village.agent, line_id, 300_000)
    village.deliver()
    before = in_box(village, "akinyi")
    asked = BounceRequest("r1", BounceReason.ENTERED_IN_ERROR, "visit 7", village.today)
    centre = village.kit.centre
    enrolment.add_user(centre, "a.otieno", "a long enough password", Role.SUPERVISOR, TESTER)
    add_login(centre, "akinyi", "a.otieno", SUPERVISOR)
    for name in ("akinyi", "a.otieno"):  # neither tells nor confirms, under whatever name
        own = Actor(name, "supervisor")
        for first, second in ((own, SECOND), (FIRST, own)):
            with pytest.raises(HarvestlineError, match=f"another person than {name}"):
                bounced(centre, asked, first, second)
    bounced(centre, asked)
    assert (in_box(village, "akinyi"), difference(village, "akinyi")) == (before, -300_000)
    village.count("c1", village.agent, 0)  # the notes never were there: short by as much
    village.deliver()
    assert (in_box(village, "akinyi"), difference(village, "akinyi")) == (0, 0)
    assert audit(village.kit.centre).holds


def open_after(village: Village, ending: tuple[Ending, int]) -> int:
    ended(village.kit.centre, "akinyi", ending)
    return difference(village, "akinyi")


def test_a_difference_ends_by_the_word_of_two_and_no_other_way(village: Village):
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    village.count("c1", village.agent, 990_000)
    village.deliver()
    centre = village.kit.centre
    assert open_after(village, (Ending.PAID, 4_000)) == 6_000
    assert open_after(village, (Ending.LOST, 6_000)) == 0
    assert village.kit.read(ledger.account_balance, "expense/cash-shortage", "KES") == 6_000
    for ending in ((Ending.LOST, 1), (Ending.NOBODYS, 1)):
        with pytest.raises(RequestError, match="expected at most 0"):
            ended(centre, "akinyi", ending)
    village.count("c2", village.agent, 993_000)
    village.deliver()
    assert open_after(village, (Ending.NOBODYS, 3_000)) == 0
    assert village.kit.read(ledger.account_balance, "income/cash-overage", "KES") == -3_000
    said = village.kit.read(people.trail_of, "cash_person", "akinyi")
    assert [row.action for row in said].count("cash_difference_ended") == 3
    assert audit(centre).holds


def test_a_box_that_nobody_counts_is_flagged(village: Village):
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    village.deliver()

    def uncounted(days: int) -> bool:
        found = village.kit.read(held, D40 + timedelta(days=days))
        return next(e for e in found if e.person.person_id == "akinyi").box.is_uncounted

    assert [uncounted(days) for days in (0, 1, 2)] == [False, False, True]


@pytest.mark.parametrize(
    ("changes", "error", "wrong"),
    [
        ({"person_id": "akinyi"}, ConflictError, "exists"),
        ({"person_id": "a b"}, RequestError, "letters, digits and hyphens"),
        ({"name": ""}, RequestError, "a name of 1 to 100"),
        ({"station": "nowhere"}, NotKnownError, "a station that is enrolled"),
        ({"hold_max_minor": 0}, RequestError, "limits above 0 for an agent"),
        ({"role": CashRole.KEEPER}, RequestError, "none for a keeper"),
    ],
)
def test_who_cannot_hold_cash(village: Village, changes, error, wrong: str):
    fields = {
        "person_id": "otieno", "name": "Otieno", "role": CashRole.AGENT, "station": STATION,
        "currency": "KES", "hold_max_minor": 1, "pay_day_max_minor": 1, **changes,
    }  # fmt: skip
    with pytest.raises(error, match=wrong):
        add_person(village.kit.centre, NewPerson(**fields), SUPERVISOR)


def test_stations_hear_of_people_cards_and_limits(village: Village):
    kit = village.kit
    _, card = renew_card(kit.centre, "akinyi", SUPERVISOR)
    change_person(kit.centre, "rafiki", (10, 5), SUPERVISOR, active=False)
    kit.station.pull(kit.centre)
    known = {body["person_id"]: body for body in kit.station.bodies("cash_person")}
    assert known["rafiki"]["hold_max_minor"] == 10
    assert known["rafiki"]["active"] is False
    assert known["akinyi"]["public_key"] != village.agent.person.public_key
    assert card not in str(known)


def test_moves_are_kept_for_good_and_tampering_shows(village: Village):
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    village.deliver()
    for statement in ("UPDATE cash_moves SET amount_minor = 1", "DELETE FROM cash_moves"):
        with pytest.raises(DatabaseError), village.kit.centre.store.engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_the_commands_add_list_and_settle(village: Village, tmp_path):
    kit = village.kit
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    village.count("c1", village.agent, 990_000)
    village.deliver()
    secret = tmp_path / "secret"
    secret.write_text("a long enough password")
    enrolment.add_user(kit.centre, "wanjiru", secret.read_text(), people.Role.SUPERVISOR, TESTER)
    hands = Hands(lambda _: kit.centre, lambda _: b"", lambda _: None)  # type: ignore[arg-type,return-value]
    by = ["--officer", "wanjiru", "--password-file", str(secret)]

    def run(*asked: str) -> str:
        done = CliRunner().invoke(cash_group, [asked[0], "--config", "x", *asked[1:]], obj=hands)
        assert done.exit_code == 0, done.output
        return done.output

    assert "KES 9,900.00 in the box, counted" in run("list")
    assert "short 10000 and over 0" in run("list")
    assert "handover" in run("moves", "akinyi")
    added = run(
        "add", "otieno", "--name", "Otieno", "--station", STATION, "--currency", "KES",
        "--hold-max-minor", "1000", "--pay-day-max-minor", "500", *by,
    )  # fmt: skip
    assert "Card, shown once: " in added
    assert "is good no more" in run("card", "otieno", *by)
    assert "may hold no cash any more" in run("change", "otieno", "--stopped", *by)
    asked = ("settle", "akinyi", "--as", "lost", "--amount-minor", "10000", "--reason", "looked at")
    assert "Nothing has changed yet" in run(*asked, *by)
    assert "akinyi logs in as wanjiru" in run("login", "akinyi", "wanjiru", *by)


@pytest.mark.parametrize(
    ("check", "change", "expected"),
    [
        ("boxes", "amount_minor = 5", "5 in the box, as its records say"),
        ("cash", "amount_minor = 5", "1000000, as was reported"),
    ],
)
def test_the_audit_names_a_move_that_was_changed(
    village: Village, check: str, change: str, expected: str
):
    village.hand_over("h1", village.keeper, village.agent, 1_000_000)
    village.deliver()
    statement = f"UPDATE cash_moves SET {change}"  # noqa: S608 (of this test's own words)
    with changed(village.kit, statement, "cash_moves") as tx:
        found = audit_in(village.kit.centre, tx, (check,)).first
        assert found is not None
        assert (found.table, expected in found.expected) == ("cash_moves", True)
        assert "akinyi" in found.record_id
