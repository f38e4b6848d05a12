"""The audit of second factors: each way of changing one behind the book's back is named."""

from __future__ import annotations

import base64
import re

import pytest

from server import one_time
from server.services import second_factor
from server.services.account_words import tell_factor_end
from server.services.audit.run import audit, audit_in
from server.store import people
from server.store.people import Actor
from tests.support.centre_kit import Kit
from tests.support.desk import ANNA, BEN, LENA
from tests.support.officers import confirmed, known
from tests.support.tampering import changed

F, C, A = "second_factors", "recovery_codes", "audit"
PARTS = {
    ":anna": "username = 'anna' AND ended_at_ms IS NULL",
    ":old": "username = 'anna' AND ended_at_ms IS NOT NULL",
    ":lena": "username = 'lena' AND word_id <> ''",
    ":columns": ("tenant_id, username, factor_id, sealed, offered_at_ms, confirmed_at_ms, "
                 "last_step, wrong_count, ended_at_ms, word_id"),
}  # fmt: skip
# What somebody did who could drop triggers, to which table, at which record it is found, and a
# part of what was expected there.
CHANGES = {
    "another secret": (
        ("UPDATE second_factors SET sealed = offered.sealed FROM (SELECT sealed FROM "
         "second_factors WHERE username = 'ben') AS offered WHERE :anna"),
        F, F, "the secret that was confirmed",
    ),
    "a factor that nobody enrolled": (
        ("INSERT INTO second_factors (:columns) SELECT tenant_id, 'kim', 'mine', sealed, "
         "offered_at_ms, confirmed_at_ms, last_step, 0, NULL, '' FROM second_factors WHERE "
         ":anna"),
        F, F, "an offer that the trail tells",
    ),
    "an offer confirmed without a code": (
        "UPDATE second_factors SET confirmed_at_ms = offered_at_ms WHERE username = 'ben'",
        F, F, "the confirmation by its owner",
    ),
    "an earlier confirmation": (
        "UPDATE second_factors SET confirmed_at_ms = 1 WHERE :anna",
        F, F, "the confirmation by its own",
    ),
    "an end by nobody": (
        "UPDATE second_factors SET ended_at_ms = 7 WHERE :anna",
        F, F, "its owner's next one, or the",
    ),
    "an end by a word that nobody told": (
        "UPDATE second_factors SET ended_at_ms = 7, word_id = 'mine' WHERE :anna",
        F, F, "word of two",
    ),
    "an end by the word about another": (
        ("UPDATE second_factors SET ended_at_ms = 7, word_id = w.word_id FROM (SELECT word_id "
         "FROM money_words WHERE kind = 'user_factor') AS w WHERE :anna"),
        F, F, "word of two",
    ),
    "an end told otherwise": (
        "UPDATE second_factors SET ended_at_ms = ended_at_ms + 1 WHERE :lena",
        F, F, "the word of two",
    ),
    "an end undone": (
        "UPDATE second_factors SET ended_at_ms = NULL, word_id = '' WHERE :lena",
        F, F, "the end that two said",
    ),
    "an old phone in force again": (
        "UPDATE second_factors SET ended_at_ms = NULL WHERE :old",
        F, F, "one second factor in force",
    ),
    "a factor taken away": (
        "DELETE FROM second_factors WHERE :anna",
        F, F, "what its owner confirmed",
    ),
    "a used time forgotten": (
        "UPDATE second_factors SET last_step = 0 WHERE :anna",
        F, F, "as used",
    ),
    "wrong codes forgotten": (
        "UPDATE second_factors SET wrong_count = 0 WHERE :anna",
        F, F, "2 wrong in a row",
    ),
    "a recovery code that counts again": (
        "UPDATE recovery_codes SET used_at_ms = NULL WHERE used_at_ms IS NOT NULL",
        C, C, "1 used, as",
    ),
    "a recovery code used by nobody": (
        "UPDATE recovery_codes SET used_at_ms = 7 WHERE username = 'lena'",
        C, C, "0 used, as the trail",
    ),
    "a recovery code more": (
        ("INSERT INTO recovery_codes SELECT tenant_id, username, factor_id, 'mine', NULL FROM "
         "second_factors WHERE :anna"),
        C, C, "10 recovery codes",
    ),
    "a recovery code changed for another": (
        ("UPDATE recovery_codes SET code_sha256 = 'mine' WHERE code_sha256 = (SELECT "
         "min(code_sha256) FROM recovery_codes WHERE username = 'lena')"),
        C, C, "the recovery codes that were made",
    ),
    "recovery codes of no factor": (
        ("INSERT INTO recovery_codes SELECT tenant_id, username, 'none', 'mine', NULL FROM "
         "second_factors WHERE :anna"),
        C, C, "a second factor that it belongs to",
    ),
    "recovery codes taken away": (
        "DELETE FROM recovery_codes WHERE username = 'lena'",
        C, C, "10 recovery codes",
    ),
    "a wrong code wiped from the trail": (
        "DELETE FROM audit WHERE action = 'second_factor_wrong'",
        A, F, "0 wrong in a row",
    ),
}  # fmt: skip


def offered(kit: Kit, who: Actor) -> tuple[str, bytes]:
    offer = kit.centre.write(lambda work: second_factor.offer(work, who, kit.centre.new_token))
    return offer.factor_id, base64.b32decode(offer.secret_text.replace(" ", ""))


def enrolled(kit: Kit, who: Actor) -> tuple[bytes, tuple[str, ...]]:
    factor_id, secret = offered(kit, who)
    step = one_time.step_of(kit.clock.at_ms)
    proof = (factor_id, one_time.code_at(secret, step))
    spare = kit.centre.write(
        lambda work: second_factor.confirm(work, who, proof, step, kit.centre.new_token)
    )
    kit.clock.at_ms += 60_000
    return secret, spare


def given(kit: Kit, who: Actor, code: str) -> None:
    step = one_time.step_of(kit.clock.at_ms)
    kit.centre.write(lambda work: second_factor.pass_by(work, who, code, step))
    kit.clock.at_ms += 60_000


@pytest.fixture
def book(kit: Kit) -> Kit:
    """Anna's second phone with a code, a recovery code and two wrong ones; lena's was ended by
    two; ben has begun."""
    known(kit.centre, ANNA, BEN, LENA)
    enrolled(kit, ANNA)
    secret, spare = enrolled(kit, ANNA)
    given(kit, ANNA, spare[2])
    given(kit, ANNA, "1")
    given(kit, ANNA, one_time.code_at(secret, one_time.step_of(kit.clock.at_ms)))
    for wrong in ("12", "123"):
        given(kit, ANNA, wrong)
    enrolled(kit, LENA)
    word = kit.centre.write(lambda work: tell_factor_end(work, "lena", (ANNA, "phone lost")))
    confirmed(kit.centre, word, BEN)
    offered(kit, BEN)
    return kit


@pytest.mark.both_engines
def test_each_change_behind_the_book_s_back_is_named(book: Kit):
    whole = audit(book.centre)
    assert whole.holds, whole.first
    for name, (statement, table, at, expected) in CHANGES.items():
        said = re.sub(":[a-z]+", lambda found: PARTS[found[0]], statement)
        with changed(book, said, table) as tx:
            found = audit_in(book.centre, tx, ["users"]).checks[0]
        told = [(each.table, expected in each.expected) for each in found.findings]
        assert (at, True) in told, (name, found.findings)
    assert audit(book.centre).holds


def test_a_factor_from_before_the_trail_told_which_is_known_by_its_time(book: Kit):
    """What confirmed it tells no more than that and when, as in a book of an earlier release."""
    bare = "UPDATE audit SET detail = '{}' WHERE action = 'second_factor_confirmed'"
    with changed(book, bare, A) as tx:
        assert audit_in(book.centre, tx, ["users"]).holds


def test_the_trail_tells_no_secret_of_what_it_is_held_against(book: Kit):
    secret, spare = enrolled(book, BEN)
    trail = str(book.read(people.trail, 0, 1000))
    for told in (secret.hex(), base64.b32encode(secret).decode(), *spare):
        assert told not in trail
    for code in spare:
        assert one_time.spare_hash("ben", code) not in trail
