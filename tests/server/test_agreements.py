"""The life of agreements at the centre: each step where it happens, nothing else, never changed."""

from __future__ import annotations

from datetime import date

import pytest

from core.errors import AgreementError
from core.lending.agreement import AgreementEvent, AgreementReason, AgreementState, Party, Standing
from core.wire.records import Application
from server.services.agreements import Event, bring_about
from server.services.freezing import FreezeReason, freeze, thaw
from server.services.posting import RepaymentRequest, take_repayment
from server.services.verifying import verify
from server.store import agreements, lines
from server.store.engine import StoreError
from server.store.people import Actor
from server.store.tables import agreement_steps
from tests.support.centre_kit import Kit, open_known
from tests.support.kiosk_kit import MONEY, deliver, draw, leases_at_station, open_at_kiosk

SUPERVISOR = Actor("wanjiru", "supervisor")
CASHIER = Actor("till", "cashier")


def life(kit: Kit, agreement_id: str) -> list[tuple[str, str, str, str]]:
    """Event, state, party and reason of each step."""
    steps = kit.read(agreements.life, agreement_id)
    assert [each.seq for each in steps] == list(range(1, len(steps) + 1))
    return [
        (each.event.value, each.state.value, each.party.value, each.reason.value) for each in steps
    ]


def drawn_at_kiosk(kit: Kit) -> str:
    """A line that a station opened and on which it paid out."""
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 300_000)
    deliver(kit)
    return opening.application_id


def test_a_line_that_a_station_opened_has_every_step(kit: Kit):
    agreement_id = drawn_at_kiosk(kit)
    assert life(kit, agreement_id) == [
        ("apply", "applied", "farmer", "asked"),
        ("offer", "offered", "station", "decision_card"),
        ("agree", "active", "farmer", "told_and_consented"),
    ]
    last = kit.read(agreements.life, agreement_id)[-1]
    assert (last.line_id, last.actor, last.irregular) == ("line-1", "st-one", "")
    assert last.detail["consent_id"] == "consent-1"
    assert last.detail["apr_ppm"] > 0
    assert verify(kit.centre).faults == ()


def test_a_second_draw_and_a_repeated_envelope_are_no_steps(kit: Kit):
    agreement_id = drawn_at_kiosk(kit)
    lease = next(x for x in leases_at_station(kit, "onboarding"))
    draw(kit, "draw-2", "line-1", lease.lease_id, 100_000)
    deliver(kit)
    deliver(kit)
    assert len(life(kit, agreement_id)) == 3


def test_what_the_centre_decides_itself_is_written_down_too(kit: Kit):
    opened = [each for each in open_known(kit) if each.line_id]
    assert opened
    for each in opened:
        line = kit.read(lines.get, each.line_id)
        assert life(kit, line.application_id) == [
            ("apply", "applied", "officer", "known_farmer"),
            ("offer", "offered", "rule", "decision_card"),
        ]


def test_a_person_freezes_and_lets_go_on(kit: Kit):
    agreement_id = drawn_at_kiosk(kit)
    freeze(kit.centre, "line-1", FreezeReason.DISPUTE, SUPERVISOR)
    freeze(kit.centre, "line-1", FreezeReason.DISPUTE, SUPERVISOR)
    with pytest.raises(AgreementError, match="expected a reason of cleared, evidence_fresh"):
        thaw(kit.centre, "line-1", FreezeReason.HARDSHIP, SUPERVISOR)
    assert kit.read(lines.get, "line-1").frozen
    thaw(kit.centre, "line-1", FreezeReason.CLEARED, SUPERVISOR)
    assert life(kit, agreement_id)[3:] == [
        ("freeze", "frozen", "supervisor", "dispute"),
        ("thaw", "active", "supervisor", "cleared"),
    ]


def test_a_repaid_line_closes_and_a_late_draw_reopens_it_held(kit: Kit):
    agreement_id = drawn_at_kiosk(kit)
    line = kit.read(lines.get, "line-1")
    kit.clock.set_day(date.fromisoformat(line.due_on))
    request = RepaymentRequest("pay-1", "line-1", 400_000, "KES", line.due_on)
    take_repayment(kit.centre, request, CASHIER)
    assert not kit.read(lines.get, "line-1").is_open
    lease = next(x for x in leases_at_station(kit, "onboarding"))
    draw(kit, "draw-late", "line-1", lease.lease_id, 100_000)
    deliver(kit)
    assert life(kit, agreement_id)[3:] == [
        ("close", "closed", "rule", "repaid"),
        ("reopen", "frozen", "station", "drawn_in_the_dark"),
    ]
    after = kit.read(lines.get, "line-1")
    assert (after.is_open, after.frozen) == (True, True)


def test_an_opening_without_an_application_is_kept_and_marked(kit: Kit):
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit, tampered=True)
    deliver(kit)
    assert life(kit, opening.application_id) == [
        ("apply", "applied", "farmer", "asked"),
        ("offer", "offered", "station", "decision_card"),
        ("freeze", "held", "rule", "station_in_doubt"),
    ]
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 100_000)
    deliver(kit)
    assert life(kit, opening.application_id)[3:] == [
        ("agree", "frozen", "farmer", "told_and_consented")
    ]


def test_an_application_that_comes_again_under_another_number_moves_nothing(kit: Kit):
    agreement_id = drawn_at_kiosk(kit)
    again = Application(agreement_id, "farmer-c", "crop-season", ("plot-c1",), 1, "KES")
    kit.station.write(MONEY, "application", again, kit.clock.at_ms)
    deliver(kit)
    step = kit.read(agreements.last, agreement_id)
    assert step.state is AgreementState.ACTIVE
    assert step.event is AgreementEvent.AGREE or "apply: an agreement" in step.irregular


def test_what_the_table_does_not_know_is_refused_and_leaves_nothing(kit: Kit):
    agreement_id = drawn_at_kiosk(kit)
    before = life(kit, agreement_id)
    wrong = (
        (AgreementEvent.CLOSE, AgreementReason.REPAID, "nothing is owed"),
        (AgreementEvent.OFFER, AgreementReason.REVIEWED, "offer: an agreement that is active"),
        (AgreementEvent.WITHDRAW, AgreementReason.ASKED, "the cooling-off period has not passed"),
    )
    for event, reason, told in wrong:
        with pytest.raises(AgreementError, match=told):
            kit.centre.write(
                lambda work, event=event, reason=reason: bring_about(
                    work,
                    lines.lock(work.tx, "line-1"),
                    Event(event, SUPERVISOR, reason, Party.SUPERVISOR),
                    Standing(work.today(), owed_minor=1),
                )
            )
    assert life(kit, agreement_id) == before


def test_a_line_from_before_steps_were_kept_goes_on_from_how_it_stands(kit: Kit):
    agreement_id = drawn_at_kiosk(kit)
    _forget_steps(kit)
    freeze(kit.centre, "line-1", FreezeReason.VISIT_PENDING, SUPERVISOR)
    assert life(kit, agreement_id) == [("freeze", "frozen", "supervisor", "visit_pending")]


def _forget_steps(kit: Kit) -> None:
    """A database of an earlier version: the table is made anew, as a migration would."""
    with kit.centre.store.engine.begin() as connection:
        for name in ("agreement_steps_no_delete", "agreement_steps_append_only"):
            if connection.dialect.name == "sqlite" and name.endswith("delete"):
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            elif connection.dialect.name != "sqlite" and name.endswith("only"):
                connection.exec_driver_sql(f"DROP TRIGGER {name} ON agreement_steps")
        connection.exec_driver_sql("DELETE FROM agreement_steps")


@pytest.mark.parametrize("change", ["update", "delete"])
def test_a_step_is_never_changed_or_taken_away(kit: Kit, change: str):
    drawn_at_kiosk(kit)
    table = agreement_steps
    statement = table.delete() if change == "delete" else table.update().values(state="closed")
    with pytest.raises(StoreError, match="append-only"):
        kit.centre.store.write(lambda tx: tx.run(statement))
