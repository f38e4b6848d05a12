"""What is above an authority waits for another person, and the database holds the two apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from core.lending.agreement import AgreementState
from core.lending.limit import Movement
from core.lending.payout import PayeeKind
from core.reasons import ReasonCode
from server.console.views.queue import read_queue
from server.services.account_words import tell_invite
from server.services.agreements import state_of
from server.services.authority import tell_authority
from server.services.centre import RequestError, RoleError, Work
from server.services.referred import offer_referred
from server.services.review_queue.answering import Pick, Said, answer
from server.services.review_queue.waiting import Kind
from server.services.reviews import review_again
from server.services.verifying import verify
from server.store import destroyed, lines, payees, people, review_items
from server.store.desk_tables import review_answers
from server.store.destroyed import Destruction
from server.store.engine import StoreError
from server.store.payees import PayeeRow
from server.store.people import Actor, Role
from server.store.review_items import Answer
from server.store.scoping import Scope
from server.words import speaking
from tests.support.centre_kit import Kit
from tests.support.desk import (
    ANNA,
    BEN,
    LENA,
    WANTED_MINOR,
    bound,
    queue,
    raise_wanted,
    refer,
    say,
    see_twice,
)
from tests.support.officers import authority_set, known


def test_raise_above_the_rule_s_authority_is_held_and_waits(kit: Kit):
    line = raise_wanted(kit)
    moved = kit.read(lines.last_movement, line.line_id)
    assert (moved.movement, line.limit_minor) == (Movement.HELD, 1_400_000)
    assert moved.reasons[0].code is ReasonCode.LIMIT_WAITS_PERSON
    [waits] = queue(kit, Kind.RAISE)
    assert (waits.line_id, waits.amount_minor) == (line.line_id, WANTED_MINOR)
    assert verify(kit.centre).faults == ()


def test_approved_raise_is_given_by_the_same_rule_and_stands_in_the_trail(kit: Kit):
    line = raise_wanted(kit)
    [outcome] = say(kit, ANNA, *queue(kit, Kind.RAISE), reason="seen on the spot")
    assert outcome.done == "raised"
    moved = kit.read(lines.last_movement, line.line_id)
    assert (moved.movement, moved.limit_minor) == (Movement.RAISED, WANTED_MINOR)
    assert queue(kit, Kind.RAISE) == ()
    [told] = [
        row for row in kit.read(people.trail_of, "line", line.line_id)
        if row.action == "review_approved"
    ]  # fmt: skip
    assert (told.actor, told.detail["reason"]) == ("anna", "seen on the spot")
    assert verify(kit.centre).faults == ()


def test_without_a_word_about_the_rule_nothing_waits(kit: Kit):
    line = raise_wanted(kit, rule_minor=10**9)
    assert (line.limit_minor, queue(kit, Kind.RAISE)) == (WANTED_MINOR, ())


def test_refused_raise_does_not_come_back_on_the_same_evidence_but_on_new(kit: Kit):
    line = raise_wanted(kit)
    say(kit, ANNA, *queue(kit, Kind.RAISE), approve=False)
    kit.centre.write(lambda work: review_again(work, line.line_id))
    assert queue(kit, Kind.RAISE) == ()
    see_twice(kit, first=20)
    assert len(queue(kit, Kind.RAISE)) == 1
    assert kit.read(lines.get, line.line_id).limit_minor == line.limit_minor


def test_what_is_above_an_officer_s_authority_is_passed_on_and_waits_for_another(kit: Kit):
    line = raise_wanted(kit)
    bound(kit, "user:lena", 1_600_000)
    [outcome] = say(kit, LENA, *queue(kit, Kind.RAISE))
    assert outcome.done.startswith("above the authority of lena")
    [waits] = queue(kit, Kind.RAISE)
    assert waits.made_by == "lena"
    [again] = say(kit, LENA, waits)
    assert (again.code, again.done) == ("HL-SRV-007", "")
    [last] = say(kit, ANNA, waits)
    assert last.done == "raised"
    assert kit.read(lines.get, line.line_id).limit_minor == WANTED_MINOR


@pytest.mark.both_engines
@pytest.mark.parametrize("name", ["lena", " Lena", "LENA "])
def test_database_refuses_an_answer_by_the_maker_however_written(kit: Kit, name: str):
    raise_wanted(kit)
    bound(kit, "user:lena", 1_600_000)
    say(kit, LENA, *queue(kit, Kind.RAISE))
    [waits] = queue(kit, Kind.RAISE)
    forged = Answer(waits.item_id, "lena", name, "approved", "", 1)
    with pytest.raises(StoreError):
        kit.centre.write(lambda work: review_items.answer(work.tx, forged))
    disguised = replace(forged, made_by="somebody", answered_by="lena")
    with pytest.raises(StoreError):  # the maker in the answer is the maker of the item
        kit.centre.write(lambda work: review_items.answer(work.tx, disguised))


@pytest.mark.both_engines
def test_second_officer_for_a_payee_and_a_lost_station_is_held_by_the_database(kit: Kit):
    gone = Destruction("st-one", "a" * 64, "b" * 64, "anna", 1, "Anna ", 2)
    with pytest.raises(StoreError, match="two people"):
        kit.centre.write(lambda work: destroyed.put(work.tx, gone))
    row = PayeeRow(
        PayeeKind.FARMER, "farmer-a", 1, "set", "bank", "…1", "a" * 64, b"x", 1, "anna",
        "supervisor", "new",
    )  # fmt: skip
    kit.centre.write(lambda work: payees.add_payee(work.tx, row))
    for name in ("anna", "ANNA"):
        said = replace(row, seq=2, event="confirmed", actor=name)
        with pytest.raises(StoreError, match="two people"):
            kit.centre.write(lambda work, said=said: payees.add_payee(work.tx, said))
    other = replace(row, seq=2, event="confirmed", actor="ben")
    kit.centre.write(lambda work: payees.add_payee(work.tx, other))


@pytest.mark.both_engines
def test_answer_is_given_once_and_never_changed(kit: Kit):
    raise_wanted(kit)
    [waits] = queue(kit, Kind.RAISE)
    say(kit, ANNA, waits)
    [second] = say(kit, BEN, waits, approve=False)
    assert second.code == "HL-SRV-025"
    with pytest.raises(StoreError):
        kit.centre.write(
            lambda work: work.tx.run(update(review_answers).values(answered_by="nobody"))
        )
    twice = Answer(waits.item_id, waits.made_by, "ben", "refused", "", 1)
    with pytest.raises(StoreError):
        kit.centre.write(lambda work: review_items.answer(work.tx, twice))


def test_what_changed_since_it_was_shown_is_not_approved(kit: Kit):
    line = raise_wanted(kit)
    [shown] = queue(kit, Kind.RAISE)
    see_twice(kit, first=20, p10=1700)
    [outcome] = say(kit, ANNA, shown)
    assert outcome.code == "HL-SRV-025"
    assert kit.read(lines.get, line.line_id).limit_minor == line.limit_minor
    [newer] = queue(kit, Kind.RAISE)
    assert newer.item_id != shown.item_id


def test_stale_evidence_raises_nothing_although_it_was_approved(kit: Kit):
    line = raise_wanted(kit)
    [shown] = queue(kit, Kind.RAISE)
    kit.clock.add_days(60)
    [outcome] = say(kit, ANNA, shown)
    assert outcome.code == "HL-SRV-025"
    assert kit.read(lines.get, line.line_id).limit_minor == line.limit_minor
    assert kit.read(review_items.answer_of, shown.item_id) is None


def test_referred_application_is_offered_by_one_who_may(kit: Kit):
    application_id = refer(kit)
    [waits] = queue(kit, Kind.APPLICATION)
    assert waits.made_by == "the card of st-one"
    [outcome] = say(kit, LENA, waits)
    assert "is open" in outcome.done, outcome
    assert kit.read(state_of, application_id) is AgreementState.OFFERED
    item = kit.read(review_items.newest_of, "application", application_id)
    said = kit.read(review_items.answer_of, item.item_id)
    assert (said.made_by, said.answered_by) == ("the card of st-one", "lena")


@pytest.mark.both_engines
def test_referred_application_is_answered_in_every_language(kit: Kit):
    """Who made it is kept by the database, and is the same in each."""
    application_id = refer(kit)
    with speaking("sw"), kit.centre.store.reading() as tx:
        work = kit.centre.work(tx, kit.centre.now_ms())
        [row] = read_queue(work, Kind.APPLICATION, LENA).rows
        assert row.made_by == "kadi ya st-one"
        [outcome] = say(kit, LENA, row.waits)
    assert "umefunguliwa" in outcome.done, outcome
    item = kit.read(review_items.newest_of, "application", application_id)
    assert kit.read(review_items.answer_of, item.item_id).made_by == "the card of st-one"


def test_offer_above_authority_needs_a_second_person_by_queue_and_by_command(kit: Kit):
    application_id = refer(kit)
    bound(kit, "role:lender", 10_000)
    with pytest.raises(RoleError):
        offer_referred(kit.centre, application_id, 20_000, LENA)
    say(kit, LENA, *queue(kit, Kind.APPLICATION))
    [waits] = queue(kit, Kind.APPLICATION)
    assert waits.made_by == "lena"
    assert say(kit, LENA, waits)[0].code == "HL-SRV-007"
    assert "is open" in say(kit, ANNA, waits)[0].done


def test_referred_application_is_declined_with_its_reason(kit: Kit):
    application_id = refer(kit)
    [outcome] = say(kit, LENA, *queue(kit, Kind.APPLICATION), approve=False, reason="no plot")
    assert outcome.done == "declined"
    assert kit.read(state_of, application_id) is AgreementState.DECLINED


def test_one_that_fails_stops_none_of_the_others_and_is_named(kit: Kit):
    raise_wanted(kit)
    [waits] = queue(kit, Kind.RAISE)
    gone = Pick(Kind.RAISE, "no-such-item", "0" * 64)
    picks = [gone, Pick(waits.kind, waits.item_id, waits.seen)]
    found = answer(kit.centre, Scope(), picks, Said(ANNA, approve=True, reason="all of them"))
    assert [bool(each.fault) for each in found] == [True, False]
    assert "no-such-item" in found[0].fault


def test_reason_is_asked_for_and_so_is_a_role(kit: Kit):
    raise_wanted(kit)
    found = queue(kit, Kind.RAISE)
    with pytest.raises(RequestError):
        say(kit, ANNA, *found, reason="  ")
    [outcome] = say(kit, Actor("ada", "auditor"), *found)
    assert outcome.code == "HL-SRV-007"


def test_nobody_answers_what_lies_outside_their_scope(kit: Kit):
    raise_wanted(kit)
    [waits] = queue(kit, Kind.RAISE)
    elsewhere = Scope("anna", villages=frozenset({"village-two"}))
    picks = [Pick(waits.kind, waits.item_id, waits.seen)]
    [outcome] = answer(kit.centre, elsewhere, picks, Said(ANNA, approve=True, reason="mine"))
    assert outcome.code == "HL-SRV-025"
    assert len(queue(kit, Kind.RAISE)) == 1


def test_nobody_sets_their_own_authority(kit: Kit):
    known(kit.centre, ANNA, BEN, LENA)
    for pair in ((ANNA, BEN), (BEN, ANNA)):
        with pytest.raises(RequestError, match="another person than anna"):
            authority_set(kit.centre, "user:anna", (10**9, "KES"), pair)
    for amount in (5, 7):
        authority_set(kit.centre, "user:lena", (amount, "KES"), (ANNA, BEN))
    told = [
        row.detail["amount_minor"] for row in kit.read(people.trail_of, "authority", "user:lena")
    ]
    assert told == [5, 7]


def test_page_bars_nobody_from_a_word_that_they_may_answer(kit: Kit):
    known(kit.centre, ANNA, BEN, LENA)
    told = (ANNA, "new here")

    def act(work: Work) -> None:
        tell_invite(work, "olive", Role.LENDER, Scope(), told)
        tell_authority(work, "role:lender", "", (10**6, "KES"), told)

    kit.centre.write(act)
    with kit.centre.store.reading() as tx:
        work = kit.centre.work(tx, kit.centre.now_ms())
        shown = {
            by.name: {row.waits.sentence[:5]: row.bar for row in read_queue(work, None, by).rows}
            for by in (ANNA, BEN, LENA)
        }
    own, others = "You made this: another person answers it.", "A supervisor answers this."
    assert shown["anna"] == {"olive": own, "The h": own}
    assert shown["ben"] == {"olive": "", "The h": ""}
    assert shown["lena"] == {"olive": "", "The h": others}
    for waits in queue(kit, Kind.WORD):
        [outcome] = say(kit, LENA, waits)
        assert bool(outcome.fault) == bool(shown["lena"][waits.sentence[:5]])
