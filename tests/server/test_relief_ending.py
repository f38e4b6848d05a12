"""Relief ends with its last day, or with what it put off: by rule, once, told who and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.errors import AgreementError
from core.lending.agreement import AgreementEvent, AgreementReason, AgreementState, Party
from core.lending.relief import LossSeen, LossSource, ReliefBand
from core.lending.terms import ArrearsTerms
from server.services import enrolment
from server.services.agreements import state_of_line
from server.services.audit.run import audit
from server.services.bouncing import BounceReason, BounceRequest
from server.services.ending import Said
from server.services.freezing import FreezeReason, freeze, thaw
from server.services.posting import RepaymentRequest, take_repayment
from server.services.renewing import renew
from server.services.standing import account_of, owed
from server.services.verifying import verify
from server.store import agreements, lines
from server.store.agreements import Step
from server.store.people import Actor
from tests.support.centre_kit import TESTER, Kit, open_known
from tests.support.kiosk_kit import deliver, draw, leases_at_station
from tests.support.two_words import bounced, relieved

pytestmark = pytest.mark.both_engines

BANDS = (ReliefBand(330_000, 24, 12, "2018-10-17", "RBI"),)
GRANTED_ON, DUE = date(2026, 7, 13), date(2028, 9, 15)
LENDER, CASHIER = Actor("otieno", "lender"), Actor("till", "cashier")


@pytest.fixture
def put_off(kit: Kit) -> tuple[Kit, str]:
    """A line of which 3,000.00 are drawn and put off to September 2028; it is 13 July 2026."""
    version = kit.product.version + 1
    product = replace(kit.product, version=version, relief=BANDS, arrears=ArrearsTerms(0, 60_000))
    enrolment.add_product(kit.centre, product, TESTER)
    [line_id] = [
        each.line_id for each in open_known(kit) if each.line_id and each.farmer_id == "farmer-b"
    ]
    kit.station.pull(kit.centre)
    lease = next(each for each in leases_at_station(kit) if each.line_id == line_id)
    kit.clock.set_day(date(2026, 3, 20))
    draw(kit, "draw-1", line_id, lease.lease_id, 300_000)
    deliver(kit)
    kit.clock.set_day(GRANTED_ON)
    return kit, line_id


def grant(kit: Kit, line_id: str) -> None:
    relieved(kit.centre, line_id, [LossSeen(LossSource.VISIT, "visit-17", 400_000)])


def steps(kit: Kit, line_id: str) -> tuple[Step, ...]:
    line = kit.read(lines.get, line_id)
    return kit.read(agreements.life, line.application_id)


def state(kit: Kit, line_id: str) -> AgreementState:
    return kit.read(state_of_line, kit.read(lines.get, line_id))


def ended(kit: Kit, line_id: str) -> list[Step]:
    return [each for each in steps(kit, line_id) if each.event is AgreementEvent.END_RELIEF]


def pay(kit: Kit, line_id: str, amount_minor: int, on: date) -> None:
    request = RepaymentRequest("pay-1", line_id, amount_minor, "KES", on.isoformat())
    take_repayment(kit.centre, request, CASHIER)


def test_the_day_after_its_last_payment_was_due_it_is_over_and_what_is_unpaid_is_late(
    put_off: tuple[Kit, str],
) -> None:
    kit, line_id = put_off
    grant(kit, line_id)
    assert kit.read(lines.get, line_id).due_on == DUE.isoformat()
    kit.clock.set_day(DUE)
    kit.station.pull(kit.centre)
    assert (state(kit, line_id), ended(kit, line_id)) == (AgreementState.IN_RELIEF, [])
    over = DUE + timedelta(days=1)
    for day in (over, over, over + timedelta(days=1)):
        kit.clock.set_day(day)
        kit.station.pull(kit.centre)
    [step] = ended(kit, line_id)
    line = kit.read(lines.get, line_id)
    account = kit.read(lambda tx: account_of(tx, line, over))
    assert (step.party, step.actor, step.reason) == (
        Party.RULE, kit.centre.settings.name, AgreementReason.TIME_PASSED,
    )  # fmt: skip
    assert (step.on_day, step.state, step.irregular) == (
        over.isoformat(), AgreementState.ACTIVE, "",
    )  # fmt: skip
    assert dict(step.detail) == {
        "due_on": DUE.isoformat(), "owed_minor": account.owed.total_minor,
        "late_minor": account.late_minor,
    }  # fmt: skip
    assert account.late_minor > 300_000
    assert (line.is_open, line.due_on) == (True, DUE.isoformat())
    last = steps(kit, line_id)[-1]  # the rule has seen nothing of the plot for two years
    assert (last.state, last.reason) == (AgreementState.FROZEN, AgreementReason.EVIDENCE_STALE)
    assert verify(kit.centre).faults == ()
    assert audit(kit.centre).holds


def test_repaid_before_its_days_it_is_over_at_once_and_the_farmer_may_be_lent_to_again(
    put_off: tuple[Kit, str],
) -> None:
    kit, line_id = put_off
    grant(kit, line_id)
    line = kit.read(lines.get, line_id)
    debt = kit.read(lambda tx: owed(tx, line, GRANTED_ON)).total_minor
    said = Said(LENDER, AgreementReason.ASKED)
    with pytest.raises(AgreementError, match="in_relief"):
        renew(kit.centre, line_id, "crop-season", said)
    pay(kit, line_id, debt, GRANTED_ON)
    [step] = ended(kit, line_id)
    assert (step.reason, step.detail["owed_minor"]) == (AgreementReason.REPAID, 0)
    assert state(kit, line_id) is AgreementState.ACTIVE
    renew(kit.centre, line_id, "crop-season", said)
    assert state(kit, line_id) is AgreementState.RENEWED
    assert verify(kit.centre).faults == ()


def test_a_part_repaid_ends_nothing(put_off: tuple[Kit, str]) -> None:
    kit, line_id = put_off
    grant(kit, line_id)
    line = kit.read(lines.get, line_id)
    pay(kit, line_id, kit.read(lambda tx: owed(tx, line, GRANTED_ON)).total_minor - 1, GRANTED_ON)
    assert (state(kit, line_id), ended(kit, line_id)) == (AgreementState.IN_RELIEF, [])


def test_a_repayment_that_bounces_after_the_end_leaves_the_days_that_were_given(
    put_off: tuple[Kit, str],
) -> None:
    kit, line_id = put_off
    grant(kit, line_id)
    line = kit.read(lines.get, line_id)
    before = kit.read(lambda tx: account_of(tx, line, DUE))
    pay(kit, line_id, kit.read(lambda tx: owed(tx, line, GRANTED_ON)).total_minor, GRANTED_ON)
    on = GRANTED_ON.isoformat()
    bounced(kit.centre, BounceRequest("pay-1", BounceReason.CHEQUE_UNPAID, "bank-1", on))
    after = kit.read(lambda tx: account_of(tx, kit.read(lines.get, line_id), DUE))
    assert (after.owed, after.late_minor) == (before.owed, before.late_minor)
    assert state(kit, line_id) is AgreementState.ACTIVE
    kit.clock.set_day(DUE + timedelta(days=1))
    kit.station.pull(kit.centre)
    assert len(ended(kit, line_id)) == 1
    assert audit(kit.centre).holds


def test_a_line_that_a_person_froze_stays_frozen_until_a_person_lets_it_go_on(
    put_off: tuple[Kit, str],
) -> None:
    kit, line_id = put_off
    freeze(kit.centre, line_id, FreezeReason.DISPUTE, TESTER)
    grant(kit, line_id)
    kit.clock.set_day(DUE + timedelta(days=1))
    kit.station.pull(kit.centre)
    last = steps(kit, line_id)[-1]
    assert (last.event, last.reason, last.party) == (
        AgreementEvent.FREEZE, AgreementReason.DISPUTE, Party.RULE,
    )  # fmt: skip
    assert (len(ended(kit, line_id)), kit.read(lines.get, line_id).frozen) == (1, True)
    assert audit(kit.centre).holds
    thaw(kit.centre, line_id, FreezeReason.CLEARED, TESTER)
    assert state(kit, line_id) is AgreementState.ACTIVE
    assert verify(kit.centre).faults == ()


def test_draws_on_a_line_in_relief_are_stopped_and_let_go_on_by_a_person_and_by_the_rule(
    put_off: tuple[Kit, str],
) -> None:
    kit, line_id = put_off
    grant(kit, line_id)
    for act, reason, frozen in (
        (freeze, FreezeReason.IDENTITY_IN_DOUBT, True),
        (thaw, FreezeReason.CLEARED, False),
    ):
        act(kit.centre, line_id, reason, TESTER)
        assert kit.read(lines.get, line_id).frozen is frozen
        last = steps(kit, line_id)[-1]
        assert (last.state, last.party, last.irregular) == (
            AgreementState.IN_RELIEF, Party.OFFICER, "",
        )  # fmt: skip
    kit.clock.set_day(GRANTED_ON + timedelta(days=300))  # nothing was seen of the plot since
    kit.station.pull(kit.centre)
    last = steps(kit, line_id)[-1]
    assert (last.event, last.reason, last.party) == (
        AgreementEvent.FREEZE, AgreementReason.EVIDENCE_STALE, Party.RULE,
    )  # fmt: skip
    assert (last.state, last.irregular) == (AgreementState.IN_RELIEF, "")
    kit.clock.set_day(DUE + timedelta(days=1))
    kit.station.pull(kit.centre)
    assert state(kit, line_id) is AgreementState.FROZEN
    assert verify(kit.centre).faults == ()
    assert audit(kit.centre).holds
