"""Words about money by two persons: told, confirmed, refused; held by the database as well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError

from core.errors import AgreementError, HarvestlineError
from core.lending.payout import Outcome, PayoutState
from server.services.audit.run import audit, audit_in
from server.services.bouncing import BounceReason, BounceRequest, bounce_in
from server.services.centre import RequestError, RoleError, Work
from server.services.money_words import confirm, refuse, tell_bounce, tell_outcome, waiting
from server.services.paying import Said
from server.services.payouts import booking
from server.services.payouts.reading import reconcile
from server.services.payouts.sending import send_due
from server.services.posting import RepaymentRequest, take_repayment
from server.store import bounces, money_words, payouts
from server.store.engine import ConflictError, NotKnownError
from server.store.money_words import KeptWord, WordAnswer
from server.store.payouts import Payout
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b
from tests.support.packs import pack
from tests.support.payout_kit import (
    csv_of,
    current,
    draw_on,
    holds,
    line_of,
    set_up_rails,
    told,
    with_account,
)
from tests.support.tampering import changed
from tests.support.two_words import FIRST, SECOND, bounced

LENDER = Actor("lucy", "lender")
D1 = SEASON_START + timedelta(days=1)


@pytest.fixture
def sent(kit: Kit, tmp_path: Path) -> Payout:
    """A payout that a rail of files was told of."""
    drawn = draw_on(kit, line_of(kit, pack("input-voucher")))
    with_account(kit, "files")
    send_due(kit.centre, set_up_rails(tmp_path))
    return drawn


def tell(kit: Kit, payout: Payout, outcome: Outcome = Outcome.PAID, by: Actor = FIRST) -> KeptWord:
    return kit.centre.write(
        lambda work: tell_outcome(work, payout.payout_id, outcome, by, "letter 9")
    )


def say(kit: Kit, act: Callable[..., object], *given: object) -> object:
    return kit.centre.write(lambda work: act(work, *given))


def test_one_tells_another_confirms_and_only_then_it_counts(kit: Kit, sent: Payout):
    word = tell(kit, sent)
    assert current(kit, sent).state is PayoutState.SENT
    [waits] = say(kit, waiting)
    assert waits.word == word
    assert waits.sentence == f"Payout {sent.payout_id} of KES 5,000.00 is paid."
    assert tell(kit, sent) == word  # the same again waits already
    say(kit, confirm, word.word_id, SECOND)
    [*_, step] = kit.read(payouts.steps_of, sent.payout_id)
    assert (step.actor, step.reason, step.detail) == ("barasa", "letter 9", word.word_id)
    assert current(kit, sent).state is PayoutState.PAID
    assert say(kit, waiting) == ()
    holds(kit)


REFUSED = (
    (confirm, (FIRST,), RoleError, "another person than wanjiru, who told it"),
    (confirm, (LENDER,), RoleError, "expected a supervisor, lucy is lender"),
    (refuse, (LENDER, "no"), RoleError, "expected a supervisor"),
    (refuse, (SECOND, " "), RequestError, "a reason of 1 to 200"),
)


@pytest.mark.parametrize(("act", "given", "error", "words"), REFUSED)
def test_who_may_not_answer_is_refused_by_name(
    kit: Kit, sent: Payout, act: Callable[..., object], given: tuple[object, ...],
    error: type[HarvestlineError], words: str,
):  # fmt: skip
    word = tell(kit, sent)
    with pytest.raises(error, match=words):
        say(kit, act, word.word_id, *given)
    assert len(say(kit, waiting)) == 1
    assert current(kit, sent).state is PayoutState.SENT


def test_words_that_cannot_be_are_not_taken(kit: Kit, sent: Payout):
    with pytest.raises(NotKnownError):
        say(kit, confirm, "nothing", SECOND)
    with pytest.raises(RequestError, match="paid, rejected or returned"):
        tell(kit, sent, Outcome.ACCEPTED)
    with pytest.raises(RoleError):
        tell(kit, sent, by=LENDER)
    word = tell(kit, sent)
    with pytest.raises(ConflictError, match="of wanjiru about it waits"):
        tell(kit, sent, Outcome.RETURNED, SECOND)
    say(kit, refuse, word.word_id, FIRST, "a slip")  # taken back by who told it
    for act, more in ((confirm, ()), (refuse, ("again",))):
        with pytest.raises(ConflictError, match="was refused by wanjiru"):
            say(kit, act, word.word_id, SECOND, *more)
    assert current(kit, sent).state is PayoutState.SENT
    say(kit, confirm, tell(kit, sent, Outcome.REJECTED).word_id, SECOND)
    with pytest.raises(AgreementError):
        tell(kit, sent)  # what its rail refused is not paid
    assert audit(kit.centre, ["words"]).holds


def test_what_went_on_meanwhile_lets_no_old_word_count(kit: Kit, sent: Payout, tmp_path: Path):
    word = tell(kit, sent, Outcome.REJECTED)
    rails = set_up_rails(tmp_path)
    reconcile(kit.centre, rails, "files", csv_of(f"{told(sent)},paid,5000.00,KES,S-1,"), FIRST)
    with pytest.raises(RequestError, match="has gone on since the word was told, it is paid"):
        say(kit, confirm, word.word_id, SECOND)
    assert len(say(kit, waiting)) == 1
    say(kit, refuse, word.word_id, SECOND, "the bank paid it")
    holds(kit)


def test_the_database_refuses_one_persons_word(kit: Kit, sent: Payout):
    """Past the service: a step, a bounce and a confirmation, each by one alone."""
    word = tell(kit, sent)

    def step(work: Work) -> None:
        found = payouts.lock(work.tx, sent.payout_id)
        booking.give_back(work, found, Said(FIRST, "mine", word.word_id), "")

    def own_answer(work: Work) -> None:
        said = WordAnswer(word.word_id, FIRST.name, FIRST.name, True, "", work.at_ms)
        money_words.answer(work.tx, said)

    def other_answer(work: Work) -> None:
        said = WordAnswer(word.word_id, SECOND.name, FIRST.name, True, "", work.at_ms)
        money_words.answer(work.tx, said)

    for act in (step, own_answer, other_answer):
        with pytest.raises((DatabaseError, HarvestlineError)):
            kit.centre.write(act)
    assert current(kit, sent).state is PayoutState.SENT
    for statement in (
        "UPDATE money_words SET told_by = 'x'",
        "DELETE FROM money_words",
        "INSERT INTO money_words_before VALUES ('t', 'k', 's')",
    ):
        with pytest.raises(DatabaseError), kit.centre.store.engine.begin() as connection:
            connection.exec_driver_sql(statement)


def taken(kit: Kit) -> BounceRequest:
    line_id = drawn_by_farmer_b(kit, D1)
    request = RepaymentRequest("r1", line_id, 300_000, "KES", D1.isoformat())
    take_repayment(kit.centre, request, Actor("till", "cashier"))
    return BounceRequest("r1", BounceReason.CHEQUE_UNPAID, "cheque 17", D1.isoformat())


def test_no_repayment_bounces_by_one_word_even_past_the_service(kit: Kit):
    asked = taken(kit)
    with pytest.raises((DatabaseError, HarvestlineError)):
        kit.centre.write(lambda work: bounce_in(work, asked, FIRST))
    word = kit.centre.write(lambda work: tell_bounce(work, asked, FIRST))
    with pytest.raises((DatabaseError, HarvestlineError)):
        kit.centre.write(lambda work: bounce_in(work, asked, SECOND))
    assert kit.read(bounces.find, "r1") is None
    say(kit, refuse, word.word_id, SECOND, "the cheque was paid")
    assert bounced(kit.centre, asked) is not None
    assert audit(kit.centre).holds


@pytest.mark.parametrize(
    ("change", "table", "expected"),
    [
        ("UPDATE money_words SET subject_id = 'r2'", "money_words", "that the trail tells"),
        ("UPDATE money_word_answers SET answered_by = 'x'", "money_word_answers", "answer that"),
        ("DELETE FROM money_word_answers", "money_word_answers", "the word of two"),
        ("UPDATE repayment_bounces SET actor = 'x'", "repayment_bounces", "the word of two"),
        ("UPDATE repayment_bounces SET reference = 'x'", "repayment_bounces", "the word of two"),
    ],
)
def test_the_audit_names_what_no_two_said(kit: Kit, change: str, table: str, expected: str):
    bounced(kit.centre, taken(kit))
    with changed(kit, change, table) as tx:
        [found] = audit_in(kit.centre, tx, ("words",)).checks
        told_of = " | ".join(each.expected for each in found.findings)
        assert expected in told_of


def test_the_audit_names_an_outcome_that_one_said(kit: Kit, sent: Payout):
    word = tell(kit, sent)
    say(kit, confirm, word.word_id, SECOND)
    assert audit(kit.centre, ["words"]).holds
    change = "UPDATE payout_steps SET detail = '' WHERE event = 'confirm'"
    with changed(kit, change, "payout_steps") as tx:
        found = audit_in(kit.centre, tx, ("words",)).first
        assert found is not None
        assert (found.table, found.expected) == (
            "payout_steps", "its rail's answer, or the word of two",
        )  # fmt: skip
