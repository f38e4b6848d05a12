"""Nobody acts as two: rights are given by two persons, past the service by the database too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy.exc import DatabaseError

from core.errors import AgreementError, HarvestlineError
from core.lending.agreement import AgreementReason
from core.lending.payout import PayoutState
from server.keys import password_matches
from server.services import account_words, enrolment, officers
from server.services.account_words import (
    tell_invite,
    tell_password,
    tell_role,
    tell_scope,
    tell_token_scope,
    tell_unlock,
)
from server.services.audit.run import audit, audit_in
from server.services.authority import set_by_two, tell_authority
from server.services.centre import RequestError, RoleError, Work
from server.services.ending import Said as SaidOfLine
from server.services.letting_go import tell_cancel, tell_write_off
from server.services.money_words import confirm, refuse
from server.services.paying import HELD_MS, Said, hold
from server.services.payouts import booking
from server.services.payouts.acts import release_in
from server.services.review_queue.waiting import Kind
from server.services.writing_off import write_off_in
from server.store import accounts, authorities, lines, money_words, payouts, people
from server.store.accounts import Done, UserStep
from server.store.authorities import Authority
from server.store.desk_tables import scopes
from server.store.engine import ConflictError, NotKnownError
from server.store.money_words import KeptWord, WordAnswer
from server.store.people import Actor, Role, User
from server.store.scoping import Holder, Scope, put_scope, scope_of
from tests.support import at_once as together
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.desk import ANNA, BEN, LENA, queue, raise_wanted, say
from tests.support.kiosk_kit import drawn_by_farmer_b
from tests.support.officers import authority_set, confirmed, invited, known
from tests.support.packs import pack
from tests.support.payout_kit import current, draw_on, line_of
from tests.support.tampering import changed
from tests.support.two_words import cancelled, written_off

GHOST = "ghost"
ROOT = Actor("root", "operator")
PASSWORD = "rain on dry soil"
REFUSED = (DatabaseError, HarvestlineError)


@pytest.fixture
def lender(kit: Kit) -> Kit:
    """A lender with two supervisors and somebody who lends."""
    known(kit.centre, ANNA, BEN, LENA)
    return kit


def do(kit: Kit, act: Callable[..., KeptWord], *given: object) -> KeptWord:
    return kit.centre.write(lambda work: act(work, *given))


def user(kit: Kit, name: str) -> User | None:
    found: User | None = kit.read(people.user, name)
    return found


# The founding.


def test_the_founding_ends_with_the_second_supervisor(kit: Kit):
    for name in ("amina", "amina", "ben"):  # the first may be given another password meanwhile
        enrolment.add_user(kit.centre, name, PASSWORD, Role.SUPERVISOR, ROOT)
    for name in (GHOST, "amina"):
        with pytest.raises(RequestError, match="two supervisors stand"):
            enrolment.add_user(kit.centre, name, PASSWORD, Role.AUDITOR, ROOT)

    def founded(work: Work) -> UserStep:
        ghost = User(GHOST, "x" * 20, Role.LENDER, disabled=False)
        return accounts.take(work.tx, ghost, Done(accounts.FOUNDED, "root", work.at_ms))

    with pytest.raises(REFUSED):
        kit.centre.write(founded)
    assert user(kit, GHOST) is None
    assert audit(kit.centre, ["users"]).holds


# One alone.


@pytest.mark.both_engines
def test_one_supervisor_cannot_move_money_by_acting_as_two(lender: Kit):
    """Every way to a second pair of hands that one supervisor had alone, and then the money."""
    whole = Scope()
    told = [
        do(lender, tell_invite, GHOST, Role.SUPERVISOR, whole, (ANNA, "new here")),
        do(lender, tell_password, "ben", (ANNA, "forgot it")),
        do(lender, tell_role, "lena", Role.SUPERVISOR, (ANNA, "promoted")),
        do(lender, tell_authority, "user:lena", "", (10**9, "KES"), (ANNA, "trusted")),
    ]
    ghost = Actor(GHOST, "supervisor")
    for word in told:
        for second in (ANNA, Actor("Anna ", "supervisor"), Actor("аnna", "supervisor"), ghost):
            with pytest.raises(REFUSED):
                do(lender, confirm, word.word_id, second)
    held = user(lender, "ben")
    assert held is not None
    for word in told[:2]:
        half = lender.centre.write(lambda work, word=word: account_words.told_half(work, word))
        assert not password_matches(held.password_hash, half)
    assert user(lender, GHOST) is None
    assert user(lender, "lena").role is Role.LENDER
    assert lender.read(authorities.history) == ()

    payout = draw_on(lender, line_of(lender, pack("input-voucher")))
    word = do(lender, tell_cancel, payout.payout_id, ANNA, "mine")
    for second in (ANNA, Actor("ANNA", "supervisor"), Actor("ａnna", "supervisor")):
        with pytest.raises(REFUSED):
            do(lender, confirm, word.word_id, second)
    assert current(lender, payout).state is PayoutState.PENDING


@pytest.mark.both_engines
def test_what_two_say_counts_and_each_half_alone_opens_nothing(lender: Kit):
    mine = Scope("", villages=frozenset({"village-one"}))
    password = invited(lender.centre, "olive", Role.LENDER, mine, (ANNA, LENA))
    held = user(lender, "olive")
    assert held is not None
    assert password_matches(held.password_hash, password)
    assert not any(password_matches(held.password_hash, half) for half in password.split("-"))
    assert lender.read(scope_of, Holder.USER, "olive").villages == {"village-one"}
    for act, given in (
        (tell_role, (Role.SUPERVISOR,)), (tell_scope, (Scope(),)), (tell_password, ()),
    ):  # fmt: skip
        confirmed(lender.centre, do(lender, act, "olive", *given, (ANNA, "as agreed")), BEN)
    officers.lock(lender.centre, "olive", ANNA)
    confirmed(lender.centre, do(lender, tell_unlock, "olive", (BEN, "a mistake")), ANNA)
    now = user(lender, "olive")
    assert now is not None
    assert (now.role, now.disabled) == (Role.SUPERVISOR, False)
    assert not password_matches(now.password_hash, password)
    assert lender.read(scope_of, Holder.USER, "olive").is_whole
    officers.lower_role(lender.centre, "olive", Role.AUDITOR, BEN)
    assert audit(lender.centre, ["users", "words", "trail"]).holds


def test_words_about_persons_are_refused_by_name(lender: Kit):
    olive = do(lender, tell_invite, "olive", Role.LENDER, Scope(), (ANNA, "new"))
    with pytest.raises(ConflictError, match="of anna about it waits"):
        do(lender, tell_invite, "olive", Role.SUPERVISOR, Scope(), (BEN, "new"))
    with pytest.raises(RoleError, match="expected a supervisor, lena is lender"):
        do(lender, tell_invite, "zoe", Role.LENDER, Scope(), (LENA, "new"))
    with pytest.raises(RoleError, match="ada is auditor"):
        do(lender, confirm, olive.word_id, Actor("ada", "auditor"))
    with pytest.raises(RoleError, match="stranger is no supervisor or lender here"):
        do(lender, confirm, olive.word_id, Actor("stranger", "supervisor"))
    with pytest.raises(RequestError, match="a higher role than supervisor"):
        do(lender, tell_role, "ben", Role.LENDER, (ANNA, "down"))
    with pytest.raises(RoleError, match="another person than anna"):
        do(lender, tell_password, "anna", (ANNA, "mine"))
    with pytest.raises(RequestError, match="locked out, ben is not"):
        do(lender, tell_unlock, "ben", (ANNA, "in"))
    for odd in ("Olive", "о1ive", "ol ive", "o"):
        with pytest.raises(HarvestlineError):
            do(lender, tell_invite, odd, Role.LENDER, Scope(), (ANNA, "new"))
    do(lender, refuse, olive.word_id, BEN, "not known to me")
    with pytest.raises(ConflictError, match="was refused by ben"):
        do(lender, confirm, olive.word_id, BEN)
    reset = do(lender, tell_password, "lena", (ANNA, "forgot"))
    with pytest.raises(HarvestlineError):
        do(lender, confirm, reset.word_id, LENA)  # it is about her


def test_the_last_two_who_may_answer_are_not_locked_out(kit: Kit):
    known(kit.centre, ANNA, BEN)
    with pytest.raises(RequestError, match="besides ben"):
        officers.lock(kit.centre, "ben", ANNA)
    known_lender = invited(kit.centre, "lena", Role.LENDER, Scope(), (ANNA, BEN))
    assert known_lender
    officers.lock(kit.centre, "ben", ANNA)
    confirmed(kit.centre, do(kit, tell_unlock, "ben", (ANNA, "back again")), LENA)
    assert not user(kit, "ben").disabled


@pytest.mark.both_engines
def test_what_a_token_sees_is_widened_by_two_and_held_by_the_database(lender: Kit):
    mine = Scope("", villages=frozenset({"village-one"}))
    enrolment.add_token(lender.centre, "books", Role.INTEGRATOR, ROOT, scope=mine)
    with pytest.raises(RequestError, match="books has tokens"):
        enrolment.add_token(lender.centre, "books", Role.AUDITOR, ROOT, scope=mine)
    enrolment.add_token(lender.centre, "books", Role.AUDITOR, ROOT)  # it is held to the same
    here = replace(mine, name="books")

    def put(scope: Scope) -> Callable[[Work], None]:
        return lambda work: put_scope(work.tx, Holder.TOKEN, replace(scope, name="books"))

    station = Scope("", stations=frozenset({"st-one"}))
    for other in (Scope(), station, replace(mine, stations=station.stations)):
        with pytest.raises(REFUSED):
            lender.centre.write(put(other))
    with pytest.raises(REFUSED):  # nor by rewriting a bound, nor a label's first ones late
        lender.centre.write(lambda work: work.tx.run(scopes.update().values(value="village-two")))
    word = do(lender, tell_token_scope, "books", Scope(), (ANNA, "the whole book"))
    with pytest.raises(RoleError):
        do(lender, confirm, word.word_id, ANNA)
    assert lender.read(scope_of, Holder.TOKEN, "books") == here
    confirmed(lender.centre, word, LENA)
    assert lender.read(scope_of, Holder.TOKEN, "books").is_whole
    confirmed(lender.centre, do(lender, tell_token_scope, "books", station, (BEN, "less")), ANNA)
    assert lender.read(scope_of, Holder.TOKEN, "books").stations == {"st-one"}
    with pytest.raises(REFUSED):  # the word before does not count again
        lender.centre.write(put(Scope()))
    told = [row.detail.get("scope") for row in lender.read(people.trail_of, "token", "books")]
    assert told == ["village village-one", "village village-one", "the whole book",
                    "station st-one"]  # fmt: skip
    officers.take_back_token(lender.centre, "books", ANNA)
    with pytest.raises(NotKnownError, match="a good token"):
        do(lender, tell_token_scope, "books", Scope(), (ANNA, "again"))
    assert audit(lender.centre, ["users", "words", "trail"]).holds
    with changed(lender, "DELETE FROM scopes WHERE holder_kind = 'token'", "scopes") as tx:
        [found] = audit_in(lender.centre, tx, ("users",)).checks
        assert found.first is not None
        assert (found.first.table, found.first.record_id) == ("scopes", "books")


@pytest.mark.both_engines
def test_two_who_tell_the_same_at_once_leave_one_word_that_waits(lender: Kit):
    together.guarded(lender)
    said = [(by, "forgot it") for by in (ANNA, BEN)]
    told = together.at_once(
        [lambda each=each: do(lender, tell_password, "lena", each) for each in said]
    )
    [refused] = [each for each in told if not isinstance(each, KeptWord)]
    assert isinstance(refused, ConflictError)
    with lender.centre.store.reading() as tx:
        assert len(money_words.waiting(tx)) == 1


# Past the service.


def _taken(work: Work, event: str, scope: Scope | None = None, **changes: object) -> UserStep:
    found = people.user(work.tx, "lena")
    assert found is not None
    values = {name: getattr(found, name) for name in User.__slots__}
    return accounts.take(
        work.tx, User(**{**values, **changes}), Done(event, "anna", work.at_ms, "w1"), scope
    )


PAST = {
    "a ghost": lambda work: accounts.take(
        work.tx, User(GHOST, "x" * 20, Role.SUPERVISOR, disabled=False),
        Done(accounts.INVITED, "anna", work.at_ms),
    ),
    "adopted": lambda work: accounts.take(
        work.tx, User(GHOST, "x" * 20, Role.LENDER, disabled=False),
        Done(accounts.ADOPTED, "anna", work.at_ms),
    ),
    "a role": lambda work: _taken(work, accounts.ROLE_RAISED, role=Role.SUPERVISOR),
    "a role called lower": lambda work: _taken(work, accounts.ROLE_LOWERED, role=Role.SUPERVISOR),
    "a role behind a lock": lambda work: _taken(
        work, accounts.LOCKED, role=Role.SUPERVISOR, disabled=True
    ),
    "a password": lambda work: _taken(work, accounts.PASSWORD_RESET, password_hash="y" * 20),
    "a password as her own": lambda work: _taken(
        work, accounts.PASSWORD_CHANGED, password_hash="y" * 20
    ),
    "a scope": lambda work: _taken(
        work, accounts.SCOPE_SET, Scope("lena", villages=frozenset({"village-one"}))
    ),
    "a scope without a step": lambda work: put_scope(
        work.tx, Holder.USER, Scope("lena", villages=frozenset({"village-one"}))
    ),
    "authority": lambda work: authorities.add(
        work.tx, Authority("rule", "", "KES", 1, 10**9, work.at_ms, "anna", "w1")
    ),
    "an answer by the same in capitals": lambda work: money_words.answer(
        work.tx, WordAnswer("w1", "anna", "ANNA", True, "", work.at_ms)
    ),
    "an answer by a look-alike": lambda work: money_words.answer(
        work.tx, WordAnswer("w1", "anna", "аnna", True, "", work.at_ms)
    ),
}  # fmt: skip


@pytest.mark.both_engines
@pytest.mark.parametrize("name", PAST)
def test_the_database_refuses_rights_that_one_person_gives(lender: Kit, name: str):
    def told(work: Work) -> None:
        body = {"role": "supervisor", "scope": "village=village-one|"}
        kind = money_words.WordKind.USER_ROLE
        money_words.add(
            work.tx, KeptWord("w1", kind, "lena", body, "anna", "supervisor", "mine", work.at_ms)
        )

    lender.centre.write(told)
    with pytest.raises(REFUSED):
        lender.centre.write(PAST[name])
    assert user(lender, GHOST) is None
    assert user(lender, "lena") == User("lena", "no password fits", Role.LENDER, disabled=False)


@pytest.mark.both_engines
def test_the_database_refuses_rows_that_no_step_says(lender: Kit):
    for statement in (
        "UPDATE users SET role = 'supervisor' WHERE username = 'lena'",
        "UPDATE users SET password_hash = 'another' WHERE username = 'ben'",
        "UPDATE users SET username = 'anna2' WHERE username = 'anna'",
        "DELETE FROM users WHERE username = 'ben'",
        "DELETE FROM user_steps",
        "UPDATE user_steps SET role = 'supervisor'",
        "INSERT INTO users SELECT tenant_id, 'Anna', 'x', role, disabled, 1, 'Anna' FROM users",
    ):
        with pytest.raises(DatabaseError), lender.centre.store.engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_one_word_gives_rights_once(lender: Kit):
    word = authority_set(lender.centre, "rule", (10**6, "KES"), (ANNA, BEN))
    with pytest.raises(REFUSED):
        lender.centre.write(lambda work: set_by_two(work, word, BEN))
    assert len(lender.read(authorities.history)) == 1


@pytest.mark.both_engines
def test_the_database_refuses_what_one_lets_go(lender: Kit):
    payout = draw_on(lender, line_of(lender, pack("input-voucher")))

    def cancel_(work: Work) -> None:
        found = payouts.lock(work.tx, payout.payout_id)
        booking.cancel(work, found, Said(ANNA, "mine", "w1"))

    def release(work: Work) -> None:
        found = payouts.lock(work.tx, payout.payout_id)
        release_in(work, found, ANNA, "w1")

    def write_off_alone(work: Work) -> None:
        lost = SaidOfLine(ANNA, AgreementReason.FRAUD)
        write_off_in(work, payout.line_id, lost, "w1")

    lender.centre.write(lambda work: hold(work, payout.draw_id))
    for act in (cancel_, release, write_off_alone):
        with pytest.raises(REFUSED):
            lender.centre.write(act)
    found = current(lender, payout)
    assert (found.state, found.due_at_ms) == (PayoutState.PENDING, HELD_MS)


def test_a_write_off_told_twice_over_is_held_against_the_books(lender: Kit):
    line_id = drawn_by_farmer_b(lender, SEASON_START)
    with pytest.raises(AgreementError, match="expected it of supervisor, got officer"):
        do(lender, tell_write_off, line_id, AgreementReason.FRAUD, LENA, "gone")
    written_off(lender.centre, line_id)
    with pytest.raises(AgreementError):
        do(lender, tell_write_off, line_id, AgreementReason.FRAUD, ANNA, "again")
    assert lender.read(lines.get, line_id).frozen
    assert audit(lender.centre).holds


# The audit.


GIVEN = (
    ("users", "UPDATE users SET role = 'supervisor' WHERE username = 'lena'", "users", "users"),
    ("users", "UPDATE user_steps SET actor = 'anna' WHERE event = 'invited'", "user_steps",
     "user_steps"),
    ("users", "UPDATE authorities SET amount_minor = 9", "authorities", "authorities"),
    ("given", "UPDATE agreement_steps SET actor = 'x' WHERE event = 'write_off'",
     "agreement_steps", "agreement_steps"),
)  # fmt: skip


def test_the_audit_names_what_no_two_gave(lender: Kit):
    invited(lender.centre, "olive", Role.LENDER, Scope(), (ANNA, BEN))
    authority_set(lender.centre, "rule", (10**8, "KES"), (ANNA, BEN))
    written_off(lender.centre, drawn_by_farmer_b(lender, SEASON_START))
    assert audit(lender.centre, ["users", "given", "raises"]).holds
    for check, statement, guarded, table in GIVEN:
        with changed(lender, statement, guarded) as tx:
            [found] = audit_in(lender.centre, tx, (check,)).checks
            assert found.first is not None, statement
            assert found.first.table == table


def test_the_audit_names_a_payout_that_one_cancelled(lender: Kit):
    payout = draw_on(lender, line_of(lender, pack("input-voucher")))
    cancelled(lender.centre, payout.payout_id)
    assert audit(lender.centre, ["given"]).holds
    statement = "UPDATE payout_steps SET detail = 'w' WHERE event = 'cancel'"
    with changed(lender, statement, "payout_steps") as tx:
        [found] = audit_in(lender.centre, tx, ("given",)).checks
        assert found.first is not None
        assert found.first.record_id == f"{payout.payout_id}/2"


def test_the_audit_names_a_raise_that_nobody_gave_leave_for(kit: Kit):
    raise_wanted(kit)
    [outcome] = say(kit, ANNA, *queue(kit, Kind.RAISE), reason="seen on the spot")
    assert outcome.done == "raised"
    assert audit(kit.centre, ["raises"]).holds
    for statement, table in (
        ("UPDATE review_answers SET answer = 'refused'", "review_answers"),
        ("UPDATE review_items SET amount_minor = amount_minor - 1", "review_items"),
    ):
        with changed(kit, statement, table) as tx:
            [found] = audit_in(kit.centre, tx, ("raises",)).checks
            assert found.first is not None
            assert (found.first.table, found.faults_count) == ("movements", 1)
    low = (
        "INSERT INTO authorities SELECT tenant_id, 'role:supervisor', '', 'KES', 1, 5, at_ms, "
        "actor, 'w' FROM authorities"
    )
    with changed(kit, low, "authorities") as tx:
        [found] = audit_in(kit.centre, tx, ("raises",)).checks
        assert found.first is not None
        assert found.first.table == "review_answers"
        assert found.first.expected == "at most 5"
