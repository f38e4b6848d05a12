"""A second factor: each code counts once, nobody guesses it, two end it for a lost phone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy.exc import DatabaseError

from core.errors import HarvestlineError
from server import one_time
from server.services import second_factor
from server.services.account_words import tell_factor_end
from server.services.centre import RequestError, Work
from server.services.second_factor import SPARE_CODES, WRONG_IN_A_ROW_MAX, Passed
from server.store import people, second_factors, visits
from server.store.desk_tables import recovery_codes
from server.store.desk_tables import second_factors as table
from server.store.people import Actor
from server.store.visits import Visit
from tests.support import at_once as together
from tests.support.centre_kit import Kit
from tests.support.desk import ANNA, BEN, LENA
from tests.support.officers import confirmed, known

REFUSED = (DatabaseError, HarvestlineError)
RFC_SECRET = b"12345678901234567890"


class Phone:
    """What an officer's phone holds, and the spare codes in their drawer."""

    def __init__(self, kit: Kit, who: Actor) -> None:
        self.kit, self.who = kit, who
        offer = kit.centre.write(lambda work: second_factor.offer(work, who, kit.centre.new_token))
        self.secret = secret_in(offer.secret_text)
        self.factor_id = offer.factor_id

    def code(self, steps: int = 0) -> str:
        return one_time.code_at(self.secret, self.step + steps)

    @property
    def step(self) -> int:
        return one_time.step_of(self.kit.clock.at_ms)

    def confirm(self, code: str = "", by: Actor | None = None) -> tuple[str, ...]:
        proof = (self.factor_id, code or self.code())
        return self.kit.centre.write(
            lambda work: second_factor.confirm(
                work, by or self.who, proof, self.step, self.kit.centre.new_token
            )
        )

    def give(self, code: str, by: Actor | None = None) -> Passed | None:
        return self.kit.centre.write(
            lambda work: second_factor.pass_by(work, by or self.who, code, self.step)
        )

    def later(self, steps: int = 1) -> None:
        self.kit.clock.at_ms += steps * one_time.STEP_S * 1000


def secret_in(text: str) -> bytes:
    return base64.b32decode(text.replace(" ", ""))


@pytest.fixture
def lender(kit: Kit) -> Kit:
    """A lender with two supervisors and somebody who lends."""
    known(kit.centre, ANNA, BEN, LENA)
    return kit


@pytest.fixture
def enrolled(lender: Kit) -> Callable[[Actor], tuple[Phone, tuple[str, ...]]]:
    def enrol(who: Actor) -> tuple[Phone, tuple[str, ...]]:
        phone = Phone(lender, who)
        spare = phone.confirm()
        assert len(spare) == len(set(spare)) == SPARE_CODES
        phone.later()
        return phone, spare

    return enrol


@pytest.mark.parametrize(
    ("at_s", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
     (2000000000, "279037"), (20000000000, "353130")],
)  # fmt: skip
def test_codes_are_those_of_the_standard(at_s: int, code: str):
    """The last six digits of RFC 6238, appendix B, for SHA-1."""
    assert one_time.code_at(RFC_SECRET, one_time.step_of(at_s * 1000)) == code


@pytest.mark.parametrize(
    ("off", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_phone_s_clock_may_be_one_step_off(enrolled, off: int, counts: bool):
    phone, _ = enrolled(ANNA)
    phone.later(3)
    assert (phone.give(phone.code(off)) is Passed.CODE) is counts


@pytest.mark.both_engines
def test_a_code_counts_once_and_none_before_it_counts_after(enrolled):
    phone, _ = enrolled(ANNA)
    phone.later(3)
    now, earlier = phone.code(), phone.code(-1)
    assert phone.give(f"{now[:3]} {now[3:]}") is Passed.CODE
    for replayed in (now, earlier):
        assert phone.give(replayed) is None
    phone.later()
    assert phone.give(now) is None
    assert phone.give(phone.code()) is Passed.CODE


def test_the_code_of_the_enrolment_does_not_let_in_as_well(lender: Kit):
    phone = Phone(lender, ANNA)
    code = phone.code()
    assert phone.confirm(code)
    assert phone.give(code) is None


@pytest.mark.both_engines
def test_of_two_who_come_with_one_code_one_is_let_in(lender: Kit, enrolled):
    together.guarded(lender)
    phone, spare = enrolled(ANNA)
    code = phone.code()
    for given, by in ((code, Passed.CODE), (spare[0], Passed.SPARE)):
        found = together.at_once([lambda given=given: phone.give(given)] * 4)
        assert sorted(map(str, found)) == sorted(map(str, [by, None, None, None]))


def test_another_officer_s_code_or_spare_code_is_none(enrolled):
    mine, spare = enrolled(ANNA)
    enrolled(BEN)
    mine.later()
    for theirs in (mine.code(), spare[0]):
        assert mine.give(theirs, by=BEN) is None
        assert mine.give(theirs, by=LENA) is None  # who holds none passes by none
    assert mine.give(mine.code()) is Passed.CODE


@pytest.mark.parametrize("given", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "0" * 40, "-" * 16])
def test_what_is_no_code_is_none(enrolled, given: str):
    phone, _ = enrolled(ANNA)
    assert phone.give(given) is None


@pytest.mark.both_engines
def test_a_spare_code_counts_once_however_it_is_spaced(lender: Kit, enrolled):
    phone, spare = enrolled(ANNA)
    assert phone.give(spare[3].upper().replace("-", " ")) is Passed.SPARE
    assert phone.give(spare[3]) is None
    held = lender.read(second_factors.in_force, "anna")
    assert lender.read(second_factors.codes_left, held) == SPARE_CODES - 1
    assert phone.give(spare[4]) is Passed.SPARE


def test_a_row_of_wrong_codes_shuts_the_phone_until_a_spare_code(enrolled):
    phone, spare = enrolled(ANNA)
    good = phone.code()
    wrong = f"{(int(good) + 1) % 10**6:06d}"
    near = {phone.code(-1), phone.code(1)}
    assert wrong not in near
    for _ in range(WRONG_IN_A_ROW_MAX):
        assert phone.give(wrong) is None
    assert phone.give(good) is None
    assert phone.give(spare[0]) is Passed.SPARE
    assert phone.give(good) is Passed.CODE


def test_wrong_codes_with_a_right_one_between_shut_nothing(enrolled):
    phone, _ = enrolled(ANNA)
    for _ in range(3):
        for _ in range(WRONG_IN_A_ROW_MAX - 1):
            assert phone.give("00000") is None
        assert phone.give(phone.code()) is Passed.CODE
        phone.later()


# Enrolment.


def test_a_stale_offer_another_s_and_a_replaced_one_are_refused(lender: Kit):
    first = Phone(lender, ANNA)
    second = Phone(lender, ANNA)
    stale = Phone(lender, LENA)
    with pytest.raises(RequestError, match="begin again"):
        first.confirm()  # the second took its place
    with pytest.raises(RequestError, match="begin again"):
        second.confirm(by=BEN)
    assert second.confirm(first.code()) == ()
    assert second.confirm()
    with pytest.raises(RequestError, match="begin again"):
        second.confirm()  # confirmed once
    stale.later(10 * 60 // one_time.STEP_S + 1)
    with pytest.raises(RequestError, match="at most 10 minutes"):
        stale.confirm()
    assert lender.read(second_factors.holders) == {"anna"}


def test_a_new_phone_ends_the_old_one_and_its_spare_codes(enrolled):
    old, spare = enrolled(ANNA)
    new, _ = enrolled(ANNA)
    for given in (old.code(), spare[0]):
        assert new.give(given) is None
    assert new.give(new.code()) is Passed.CODE


@pytest.mark.both_engines
def test_no_secret_stands_open_in_the_store_or_the_trail(lender: Kit, enrolled):
    phone, spare = enrolled(ANNA)
    phone.give(phone.code())
    phone.give("999999 ")
    held = lender.read(second_factors.in_force, "anna")
    assert phone.secret not in held.sealed
    trail = str(lender.read(people.trail, 0, 1000))
    for secret in (phone.secret.hex(), *spare, phone.code(), "999999"):
        assert secret not in trail
    assert phone.secret not in repr(held).encode("latin-1", "replace")
    actions = [row.action for row in lender.read(people.trail, 0, 1000)]
    assert actions[-4:] == [
        "second_factor_offered", "second_factor_confirmed", "second_factor_used",
        "second_factor_wrong",
    ]  # fmt: skip

    def moved(work: Work) -> None:  # sealed for anna, it opens for nobody else
        ghost = replace(held, username="ben", factor_id="moved")
        second_factors.offer(work.tx, ghost)

    lender.centre.write(moved)
    with pytest.raises(HarvestlineError, match="altered"):
        lender.centre.write(
            lambda work: second_factor.confirm(
                work, BEN, ("moved", phone.code()), phone.step, lender.centre.new_token
            )
        )


# The phone is lost.


@pytest.mark.both_engines
def test_two_end_a_second_factor_and_one_alone_does_not(lender: Kit, enrolled):
    phone, spare = enrolled(LENA)
    lender.centre.write(lambda work: visits.begin(work.tx, Visit("v1", "lena", "", work.at_ms)))
    with pytest.raises(RequestError, match="second factor"):
        lender.centre.write(lambda work: tell_factor_end(work, "ben", (ANNA, "lost")))
    with pytest.raises(HarvestlineError, match="another person"):
        lender.centre.write(lambda work: tell_factor_end(work, "anna", (ANNA, "lost")))
    word = lender.centre.write(lambda work: tell_factor_end(work, "lena", (ANNA, "phone lost")))
    for alone in (ANNA, Actor("Anna ", "supervisor"), LENA):
        with pytest.raises(REFUSED):
            confirmed(lender.centre, word, alone)
    assert lender.read(second_factors.holders) == {"lena"}
    confirmed(lender.centre, word, BEN)
    assert lender.read(second_factors.holders) == frozenset()
    assert not lender.read(visits.is_open, "v1")
    for given in (phone.code(), spare[0]):
        assert phone.give(given) is None
    [told] = [r for r in lender.read(people.trail, 0, 1000) if r.action == "second_factor_ended"]
    assert (told.actor, told.object_id) == ("ben", "lena")
    again, _ = enrolled(LENA)  # and the word that was used ends nothing more
    with pytest.raises(REFUSED):
        lender.centre.write(lambda work: second_factor.forget(work, "lena", ANNA, word.word_id))
    assert again.give(again.code()) is Passed.CODE


@pytest.mark.both_engines
def test_the_database_refuses_what_the_service_would_not_do(lender: Kit, enrolled):
    phone, spare = enrolled(ANNA)
    phone.give(phone.code())
    phone.give(spare[0])
    held = lender.read(second_factors.in_force, "anna")
    key = {"username": "anna", "factor_id": held.factor_id}
    spent = {**key, "code_sha256": one_time.spare_hash("anna", spare[0])}
    acts: list[Callable[[Work], object]] = [
        lambda work: second_factors.use(work.tx, held, held.last_step - 1),
        lambda work: work.tx.change_row(table, key, {"sealed": b"mine"}),
        lambda work: work.tx.change_row(table, key, {"confirmed_at_ms": None}),
        lambda work: second_factors.end(work.tx, held, work.at_ms, ""),
        lambda work: second_factors.end(work.tx, held, work.at_ms, "no such word"),
        lambda work: work.tx.run(table.delete()),
        lambda work: work.tx.change_row(recovery_codes, spent, {"used_at_ms": None}),
        lambda work: work.tx.run(recovery_codes.delete()),
        lambda work: work.tx.insert(
            table, username="ben", factor_id="f", sealed=b"x", offered_at_ms=1, confirmed_at_ms=1,
            last_step=0, wrong_count=0, ended_at_ms=None, word_id="",
        ),
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(REFUSED):
            lender.centre.write(act)
    assert lender.read(second_factors.in_force, "anna") == held
