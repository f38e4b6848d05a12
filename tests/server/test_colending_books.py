"""Lines that several lenders carry, in the ledger: parts that add up on every day."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO

import pytest

from core.errors import AgreementError
from core.lending.colending import Party, accounts_of, settlement_account
from core.signing import open_document
from core.units import allocate
from server.keys import KeyRing
from server.services.audit.run import audit
from server.services.bouncing import BounceReason, BounceRequest
from server.services.centre import RequestError
from server.services.colending import exposure_of, lent_of, share_out, sign_agreement
from server.services.posting import RepaymentRequest, take_repayment
from server.services.settling import (
    STATEMENT,
    Settled,
    partner_statement,
    settle_with,
    statement_files,
)
from server.services.verifying import verify
from server.store import colending, ledger, lines, people
from server.store.engine import ConflictError, NotKnownError
from server.store.people import Actor
from tests.support.beside_lines import (
    COOP,
    LENDERS,
    OFFICER,
    OURS,
    agreement,
    consent,
    offer,
    rules,
)
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import deliver, draw, flags, leases_at_station
from tests.support.two_words import bounced, written_off

CASHIER = Actor("till", "cashier")


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


def joined(kit: Kit, *parties: Party) -> str:
    """Farmer B's line, opened under an agreement that they consented to; its id."""
    offer(kit, lenders=LENDERS)
    sign_agreement(kit.centre, agreement(*(parties or (OURS, COOP))), OFFICER)
    consent(kit, "farmer-b", "co_lending")
    open_known(kit)
    kit.station.pull(kit.centre)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    return line.line_id


def draw_on(kit: Kit, line_id: str, number: int, amount: int) -> None:
    [lease] = [each for each in leases_at_station(kit) if each.line_id == line_id][:1]
    kit.clock.set_day(day(number))
    draw(kit, f"draw-{number}", line_id, lease.lease_id, amount)
    deliver(kit)
    assert flags(kit) == []


def repay(kit: Kit, repayment_id: str, line_id: str, amount: int, number: int) -> None:
    request = RepaymentRequest(repayment_id, line_id, amount, "KES", day(number).isoformat())
    take_repayment(kit.centre, request, CASHIER)


def balance(kit: Kit, account: str) -> int:
    return int(kit.read(ledger.account_balance, account, "KES"))


def parts(kit: Kit, line_id: str, partner: str = "coop") -> dict[str, int]:
    """A partner's part of a line by component; what is nothing left out."""
    found = {a.split("/")[1]: balance(kit, a) for a in accounts_of(partner, line_id)[:-1]}
    found["settlement"] = balance(kit, settlement_account(partner, line_id))
    return {name: minor for name, minor in found.items() if minor}


def test_a_drawdown_and_its_fee_are_split_by_the_agreement(kit: Kit):
    rules(kit)
    line_id = joined(kit)
    draw_on(kit, line_id, 1, 1_000_000)
    assert parts(kit, line_id) == {
        "principal": -300_000, "fee": -4_500, "earned-fee": 4_500, "settlement": 300_000,
    }  # fmt: skip
    assert audit(kit.centre, ["shares", "accounts", "books", "sums"]).holds
    assert verify(kit.centre).faults == ()


def test_many_repayments_of_one_unit_drift_by_nothing(kit: Kit):
    rules(kit)
    line_id = joined(kit)
    draw_on(kit, line_id, 1, 1_000_000)
    kit.clock.set_day(day(40))
    for number in range(1, 8):
        repay(kit, f"r-{number}", line_id, 1, 10 + number)
    repay(kit, "r-late", line_id, 77_777, 5)  # a fact that comes late reverses and replays
    owed = -balance(kit, f"loan/principal/{line_id}")
    assert parts(kit, line_id)["principal"] == -allocate(-owed, [700_000, 300_000])[1]
    assert audit(kit.centre, ["shares", "books"]).holds
    kit.centre.write(lambda work: share_out(work, line_id))
    assert audit(kit.centre, ["shares"]).holds


def test_a_line_that_is_repaid_leaves_each_its_part_of_the_price(kit: Kit):
    rules(kit)
    third = Party("fund", LENDERS[2], 300_000)
    line_id = joined(kit, replace(OURS, share_ppm=400_000), COOP, third)
    draw_on(kit, line_id, 1, 1_000_000)
    kit.clock.set_day(day(184))
    repay(kit, "r-all", line_id, 2_000_000, 184)
    interest = -sum(
        x.amount_minor
        for e in kit.read(ledger.entries_for, [f"loan/interest/{line_id}"])
        for x in e.entry.lines
        if x.account == "income/interest"
    )
    shares = allocate(interest, [400_000, 300_000, 300_000])
    for number, partner in ((1, "coop"), (2, "fund")):
        left = parts(kit, line_id, partner)
        assert set(left) <= {"earned-interest", "earned-fee", "settlement"}
        assert left["earned-interest"] == shares[number]
        assert left["settlement"] == -(shares[number] + left["earned-fee"])
    assert audit(kit.centre, ["shares"]).holds


def test_a_loss_falls_on_the_first_loss_first_and_comes_back_in_the_same_order(kit: Kit):
    rules(kit)
    line_id = joined(kit, OURS, replace(COOP, first_loss_ppm=100_000))
    draw_on(kit, line_id, 1, 1_000_000)
    kit.clock.set_day(day(184))
    repay(kit, "r-1", line_id, 500_000, 183)
    kit.clock.set_day(day(400))
    written_off(kit.centre, line_id)
    lost = -balance(kit, f"loan/written-off/{line_id}")
    first = min(lost, 100_000)
    theirs = first + allocate(lost - first, [700_000, 300_000])[1]
    assert parts(kit, line_id)["loss"] == -theirs
    assert audit(kit.centre, ["shares"]).holds
    repay(kit, "r-2", line_id, lost, 399)
    assert audit(kit.centre, ["shares"]).holds


def test_a_recovery_that_bounced_is_lost_again_to_each_by_its_part(kit: Kit):
    """Also one repayment of before the loss: what it had paid is owed again, and not lost."""
    rules(kit)
    line_id = joined(kit, OURS, replace(COOP, first_loss_ppm=100_000))
    draw_on(kit, line_id, 1, 1_000_000)
    kit.clock.set_day(day(400))
    repay(kit, "r-1", line_id, 500_000, 183)
    written_off(kit.centre, line_id)
    lost = parts(kit, line_id)["loss"]
    repay(kit, "r-2", line_id, 200_000, 400)
    assert parts(kit, line_id)["loss"] > lost
    for repayment_id in ("r-2", "r-1"):
        said = BounceRequest(repayment_id, BounceReason.CHEQUE_UNPAID, "bank", day(400).isoformat())
        bounced(kit.centre, said)
        assert parts(kit, line_id)["loss"] == lost
        assert audit(kit.centre, ["shares", "books"]).holds
    assert verify(kit.centre).faults == ()


# share of the partner, then how the refusal tells it
@pytest.mark.parametrize(
    ("share", "told"), [(299_900, "300,000 ppm, got 299,900, 100 short"), (1, "299,999 short")]
)
def test_an_agreement_with_too_small_a_share_is_refused_by_how_much(
    kit: Kit, share: int, told: str
):
    offer(kit, lenders=LENDERS)
    small = agreement(replace(OURS, share_ppm=1_000_000 - share), replace(COOP, share_ppm=share))
    with pytest.raises(AgreementError, match=told):
        sign_agreement(kit.centre, small, OFFICER)
    assert kit.read(colending.agreements) == ()


def test_a_product_that_does_not_say_who_lends_is_not_lent_together(kit: Kit):
    with pytest.raises(AgreementError, match="tells the farmer who lends"):
        sign_agreement(kit.centre, agreement(OURS, COOP), OFFICER)


def test_an_agreement_is_signed_once(kit: Kit):
    offer(kit, lenders=LENDERS)
    assert sign_agreement(kit.centre, agreement(OURS, COOP), OFFICER)
    assert not sign_agreement(kit.centre, agreement(OURS, COOP), OFFICER)
    with pytest.raises(ConflictError):
        sign_agreement(kit.centre, agreement(OURS, COOP, until_on="2027-01-01"), OFFICER)


def alone_because(kit: Kit) -> list[str]:
    return [str(row.detail["why"]) for row in kit.read(people.trail)
            if row.action == "line_lent_alone"]  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({"tier1_minor": 0}, "no_capital"),
        ({"tier1_minor": 3_000_000}, "partner_max with coop"),
        ({"book_ppm_max": 100_000}, "book_max"),
        ({"currency": "CNY"}, "stated in CNY"),
    ],
)
def test_a_line_that_may_not_be_joint_is_lent_alone_and_the_trail_says_why(
    kit: Kit, stated: dict[str, object], why: str
):
    rules(kit, **stated)
    line_id = joined(kit)
    assert kit.read(colending.shared, line_id) is None
    assert any(why in each for each in alone_because(kit))
    draw_on(kit, line_id, 1, 1_000_000)
    assert parts(kit, line_id) == {}


def test_limits_that_nobody_drew_on_count_against_the_bounds(kit: Kit):
    """The first line takes the whole room by its limit, though nothing is drawn of it."""
    rules(kit, tier1_minor=8_000_000)  # 2,000,000 with one partner
    offer(kit, lenders=LENDERS)
    sign_agreement(kit.centre, agreement(OURS, COOP), OFFICER)
    consent(kit, "farmer-a", "co_lending")
    consent(kit, "farmer-b", "co_lending")
    open_known(kit)
    every = [line for name in ("farmer-a", "farmer-b") for line in kit.read(lines.of_farmer, name)]
    joint = [line for line in every if kit.read(colending.shared, line.line_id) is not None]
    own = [allocate(line.limit_minor, [700_000, 300_000])[0] for line in joint]
    assert len(joint) == 1 < len(every)
    assert any("partner_max with coop" in each for each in alone_because(kit))
    signed, lent = kit.read(exposure_of, "KES"), kit.read(lent_of, "KES")
    assert signed.with_partner_minor == {"coop": sum(own)}
    alone = sum(line.limit_minor for line in every if line not in joint)
    assert signed.book_minor == sum(own) + alone
    assert (lent.joint_minor, lent.book_minor) == (0, 0)
    left = kit.read(exposure_of, "KES", joint[0].line_id)
    assert (left.joint_minor, left.book_minor) == (0, alone)


def test_what_is_drawn_counts_where_a_limit_fell_below_it_or_the_line_has_ended(kit: Kit):
    rules(kit)
    line_id = joined(kit)
    draw_on(kit, line_id, 1, 1_000_000)

    def leave(**changes: object) -> None:
        kit.centre.write(
            lambda work: lines.save(work.tx, replace(lines.lock(work.tx, line_id), **changes))
        )

    leave(limit_minor=400_000)
    assert kit.read(exposure_of, "KES").with_partner_minor == {"coop": 700_000}
    leave(is_open=False)
    assert kit.read(exposure_of, "KES").with_partner_minor == {"coop": 700_000}


def test_without_the_farmers_consent_the_lender_lends_alone(kit: Kit):
    rules(kit)
    joined(kit)
    [other] = kit.read(lines.of_farmer, "farmer-a")
    assert kit.read(colending.shared, other.line_id) is None
    assert alone_because(kit) == ["no consent"]


def test_a_partner_is_told_and_paid(kit: Kit):
    rules(kit)
    line_id = joined(kit)
    draw_on(kit, line_id, 1, 1_000_000)
    kit.clock.set_day(day(50))
    repay(kit, "r-1", line_id, 400_000, 49)
    first = partner_statement(kit.centre, "coop", day(0), day(30))
    second = partner_statement(kit.centre, "coop", day(31), day(60))
    [then], [now] = first.lines, second.lines
    assert (then.closing_principal_minor, now.opening_principal_minor) == (300_000, 300_000)
    whole = balance(kit, f"loan/principal/{line_id}")
    assert now.closing_principal_minor == allocate(whole, [700_000, 300_000])[1]
    assert then.settlement_minor == 300_000
    assert second.balance_minor == {"KES": then.settlement_minor + now.settlement_minor}
    paid = Settled("coop", "KES", second.balance_minor["KES"], day(60).isoformat(), "bank-1")
    assert settle_with(kit.centre, paid, CASHIER)
    assert not settle_with(kit.centre, paid, CASHIER)
    with pytest.raises(ConflictError):
        settle_with(kit.centre, replace(paid, amount_minor=1), CASHIER)
    assert partner_statement(kit.centre, "coop", day(0), day(60)).balance_minor == {"KES": 0}
    files = statement_files(kit.centre, second)
    [data, signed] = files.values()
    assert next(csv.DictReader(StringIO(data.decode())))["line_id"] == line_id
    own = KeyRing((kit.centre.keys.identity().public_key,))
    assert open_document(signed, STATEMENT, own).body["balance_minor"] == dict(second.balance_minor)
    assert json.loads(signed)
    assert audit(kit.centre, ["accounts", "sums", "shares"]).holds


def test_who_is_no_partner_gets_no_statement(kit: Kit):
    with pytest.raises(NotKnownError):
        partner_statement(kit.centre, "nobody", day(0), day(1))
    with pytest.raises(RequestError):
        partner_statement(kit.centre, "nobody", day(1), day(0))
    with pytest.raises(NotKnownError):
        settle_with(kit.centre, Settled("nobody", "KES", 1, "2026-05-01", "x"), CASHIER)
