"""The promise of two persons: who may log in, what was let go, and leave for higher raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.lending.agreement import AgreementEvent
from core.lending.limit import Movement
from core.lending.ordering import OrderEvent
from core.lending.payout import PayoutEvent
from server.services.audit import factors
from server.services.audit.finding import Look, Looks, first_fault
from server.services.audit.said import Said, said_by_two
from server.services.centre import Centre
from server.services.erasing import is_erased
from server.services.payouts.acts import RELEASED
from server.services.raising import APPROVED, RAISE
from server.store import (
    accounts,
    agreements,
    authorities,
    line_pages,
    money_words,
    orders,
    payouts,
    people,
    registry,
    review_items,
    scoping,
)
from server.store.accounts import UserStep
from server.store.authorities import RULE, Authority
from server.store.engine import Tx
from server.store.lines import Line
from server.store.money_words import KeptWord, WordKind
from server.store.people import Role

_STEPS = {
    accounts.INVITED: WordKind.USER_INVITE, accounts.ROLE_RAISED: WordKind.USER_ROLE,
    accounts.SCOPE_SET: WordKind.USER_SCOPE, accounts.PASSWORD_RESET: WordKind.USER_RENEW,
    accounts.UNLOCKED: WordKind.USER_UNLOCK,
}  # fmt: skip

_GIVEN_UP = {
    AgreementEvent.WRITE_OFF: WordKind.WRITE_OFF, AgreementEvent.GRANT_RELIEF: WordKind.RELIEF,
}  # fmt: skip


def rights(_: Centre, tx: Tx) -> Looks:
    """Every user is as their last step says; rights and the end of second factors rest on two."""
    said, last, founders = said_by_two(tx), dict[str, UserStep](), dict[str, int]()
    for step in sorted(accounts.stream(tx), key=lambda each: (each.at_ms, each.seq)):
        yield _step(said, step, founders)
        last[step.username] = step
        if step.role == Role.SUPERVISOR.value:
            founders.setdefault(step.username, step.at_ms)
    for user in people.all_users(tx):
        found = last.get(user.username)
        mark = user.password_hash[-accounts.MARK_CHARS :]
        told = (found.role, found.disabled, found.password_mark) if found else None
        wrong = told != (user.role.value, user.disabled, mark)
        yield first_fault("users", user.username, (wrong, "what the last step says", "another"))
    for each in authorities.history(tx):
        yield _authority(said, each)
    yield from _tokens(tx, said)
    yield from factors.held(tx, said)


def _step(said: Said, step: UserStep, founders: Mapping[str, int]) -> Look:
    name = f"{step.username}/{step.seq}"
    if step.event in _STEPS:
        about = (_STEPS[step.event], step.username)
        return first_fault("user_steps", name, said.fault(step.word_id, about, step.actor))
    stood = sum(at_ms < step.at_ms for at_ms in founders.values())
    late = step.event == accounts.FOUNDED and stood >= accounts.FOUNDERS
    return first_fault("user_steps", name, (late, "an invitation by two", f"{step.actor} alone"))


def _tokens(tx: Tx, said: Said) -> Looks:
    """What a token sees is what two said last, if they did."""
    words = [each for each in said.words.values() if each.kind is WordKind.TOKEN_SCOPE]
    newest = {each.subject_id: each for each in sorted(words, key=_answered_ms)}
    for label, word in sorted(newest.items()):
        held = accounts.scope_text(scoping.scope_of(tx, scoping.Holder.TOKEN, label))
        wanted = str(word.body["scope"])
        yield first_fault("scopes", label, (held != wanted, wanted, held))


def _answered_ms(word: KeptWord) -> tuple[int, str]:
    return (word.answer.at_ms if word.answer is not None else 0, word.word_id)


def _authority(said: Said, each: Authority) -> Look:
    name = f"{each.holder}|{each.product_id}|{each.currency}|{each.version}"
    if (WordKind.AUTHORITY.value, name) in said.before:
        return Look("authorities", name)
    subject = f"{each.holder}|{each.product_id}|{each.currency}|{each.amount_minor}"
    about = (WordKind.AUTHORITY, subject)
    return first_fault("authorities", name, said.fault(each.word_id, about, each.actor))


def let_go(_: Centre, tx: Tx) -> Looks:
    """Every relief, write-off, cancelled payout and release rests on a word of two about it."""
    said = said_by_two(tx)
    for table, name, word_id, about, actor in _given(tx):
        if (about[0].value, name) not in said.before:
            yield first_fault(table, name, said.fault(word_id, about, actor))


_Given = tuple[str, str, str, tuple[WordKind, str], str]


def _given(tx: Tx) -> Iterator[_Given]:
    for lost in agreements.stream(tx):
        if lost.event in _GIVEN_UP:
            name, word_id = f"{lost.agreement_id}/{lost.seq}", str(lost.detail.get("word_id", ""))
            about = (_GIVEN_UP[lost.event], lost.line_id)
            yield "agreement_steps", name, word_id, about, lost.actor
    for step in payouts.stream_steps(tx):
        if step.event is PayoutEvent.CANCEL:
            about = (WordKind.PAYOUT_CANCEL, step.payout_id)
            yield "payout_steps", f"{step.payout_id}/{step.seq}", step.detail, about, step.actor
    for gone in orders.stream_steps(tx):
        if gone.event is OrderEvent.RELEASE:
            name, word_id = f"{gone.order_id}/{gone.seq}", str(gone.detail.get("word_id", ""))
            yield "order_steps", name, word_id, (WordKind.ORDER_RELEASE, gone.order_id), gone.actor
    for row in people.stream_trail(tx, RELEASED):
        about = (WordKind.PAYOUT_RELEASE, row.object_id)
        yield "audit", str(row.seq), str(row.detail.get("word_id", "")), about, row.actor


def erased(_: Centre, tx: Tx) -> Looks:
    """Nothing tells who somebody was whom two erased, and nobody was erased by one."""
    by_two = money_words.confirmed_subjects(tx, WordKind.ERASURE)
    for farmer in registry.all_farmers(tx):
        is_left = farmer.farmer_id in by_two and not is_erased(farmer)
        is_alone = is_erased(farmer) and farmer.farmer_id not in by_two
        yield first_fault(
            "farmers",
            farmer.farmer_id,
            (is_left, "no name and no card, as two said", "one of them"),
            (is_alone, "the word of two", "an erased person"),
        )


def raises(_: Centre, tx: Tx) -> Looks:
    """Every raise above the rule's authority had the leave of somebody whose authority it was."""
    words, leaves = authorities.history(tx), dict[tuple[str, int], int]()
    roles = sorted(accounts.stream(tx), key=lambda each: (each.at_ms, each.seq), reverse=True)
    for item, said in review_items.answered(tx, APPROVED):
        if item.kind == RAISE:
            leaves.setdefault((item.line_id, item.amount_minor), said.at_ms)
        role = next(
            (r.role for r in roles if r.username == said.answered_by and r.at_ms <= said.at_ms), ""
        )
        holders = (authorities.user_holder(said.answered_by), authorities.role_holder(role))
        what = (item.product_id, item.currency)
        most = authorities.amount_at(words, holders, what, said.at_ms)
        above = most is not None and item.amount_minor > most
        found = f"{item.amount_minor} approved by {said.answered_by}"
        yield first_fault("review_answers", item.item_id, (above, f"at most {most}", found))
    if any(each.holder == RULE for each in words):
        for page in line_pages.pages(tx):
            yield from _raised(tx, page, words, leaves)


def _raised(
    tx: Tx,
    page: list[Line],
    words: tuple[Authority, ...],
    leaves: Mapping[tuple[str, int], int],
) -> Iterator[Look]:
    moved = line_pages.movements_of(tx, [line.line_id for line in page])
    for line in page:
        what = (line.product_id, line.currency)
        for each in moved.get(line.line_id, ()):
            if each.movement is not Movement.RAISED:
                continue
            most = authorities.amount_at(words, (RULE,), what, each.at_ms)
            leave = leaves.get((line.line_id, each.limit_minor))
            alone = most is not None and each.limit_minor > most and (
                leave is None or leave > each.at_ms
            )  # fmt: skip
            found = f"{each.limit_minor} without anybody's leave"
            fault = (alone, f"at most {most}, which the rule may set alone", found)
            yield first_fault("movements", f"{line.line_id}/{each.seq}", fault)
