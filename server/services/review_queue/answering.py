"""Answers to what waits: each in a transaction of its own, held to what was shown.

Approving a raise or an application above one's authority passes it on to somebody with more:
whoever passed it on has made it then, and cannot answer it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.errors import HarvestlineError
from core.lending.limit import Movement
from server.services import account_words, money_words, restructuring
from server.services.access import reading
from server.services.authority import authority_of
from server.services.centre import Centre, RequestError, RoleError, Work
from server.services.raising import APPROVED, PASSED_ON, RAISE, REFUSED
from server.services.referred import decline_in, offer_in
from server.services.review_queue.waiting import APPLICATION, Kind, Waiting, find_waiting
from server.services.reviews import review_again
from server.store import lines, people, review_items
from server.store.people import Actor, Role
from server.store.review_items import Answer, Item
from server.store.scoping import Scope
from server.words import say

REASON_CHARS_MAX = 200
PICKS_MAX = 500  # answered at once
DECIDERS = (Role.LENDER.value, Role.SUPERVISOR.value)


class ReviewChangedError(HarvestlineError):
    """What was to be answered is not any more what was shown."""

    code = "HL-SRV-025"


@dataclass(frozen=True, slots=True)
class Pick:
    """One thing that was picked, as it was shown."""

    kind: Kind
    item_id: str
    seen: str


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says to all that they picked, and why."""

    by: Actor
    approve: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one pick: ``done`` in words, or why it was not."""

    pick: Pick
    done: str
    fault: str = ""
    code: str = ""


def answer(centre: Centre, scope: Scope, picks: Sequence[Pick], said: Said) -> tuple[Outcome, ...]:
    """Answer each of what was picked; one that cannot be stops none of the others.

    Raises
    ------
    RequestError
        If nothing or too much was picked, or the reason cannot be.
    """
    if not 0 < len(said.reason.strip()) <= REASON_CHARS_MAX:
        raise RequestError(f"expected a reason of 1 to {REASON_CHARS_MAX} characters")
    if not 0 < len(picks) <= PICKS_MAX:
        raise RequestError(f"expected 1 to {PICKS_MAX} to answer, got {len(picks)}")
    return tuple(_each(centre, scope, pick, said) for pick in picks)


def _each(centre: Centre, scope: Scope, pick: Pick, said: Said) -> Outcome:
    try:
        _require_shown(centre, scope, pick)
        done = centre.write(lambda work: _answer(work, pick, said))
    except HarvestlineError as error:
        return Outcome(pick, "", str(error), error.code)
    return Outcome(pick, done)


def _require_shown(centre: Centre, scope: Scope, pick: Pick) -> None:
    """That whoever answers may see it, and that it is what they saw."""
    with reading(centre, scope) as tx:
        _found(centre.work(tx, centre.now_ms()), pick)


def _found(work: Work, pick: Pick) -> Waiting:
    found = find_waiting(work, pick.kind, pick.item_id)
    if found is None:
        raise ReviewChangedError(
            f"{pick.kind.value} {pick.item_id[:64]} does not wait any more: it was answered, or "
            "what it rested on has changed"
        )
    if found.seen != pick.seen:
        raise ReviewChangedError(
            f"{pick.kind.value} {pick.item_id[:64]} has changed since it was shown: look again"
        )
    return found


def _answer(work: Work, pick: Pick, said: Said) -> str:
    line_id = _found(work, pick).line_id
    if line_id:
        lines.lock(work.tx, line_id)
    found = _found(work, pick)  # again, now that nobody else can move its line
    if said.by.role not in DECIDERS:
        raise RoleError(f"expected a lender or a supervisor, {said.by.name} is {said.by.role}")
    if people.is_one_of(said.by.name, (found.made_by,)):
        raise RoleError(f"expected another person than {said.by.name}, who made this")
    done = _ACTS[found.kind](work, found, said)
    subject = ("line", line_id) if line_id else ("application", found.application_id)
    if found.kind is Kind.WORD:
        subject = ("money_word", found.item_id)
    detail = {"kind": found.kind.value, "item_id": found.item_id, "seen": found.seen,
              "made_by": found.made_by, "amount_minor": found.amount_minor,
              "reason": said.reason}  # fmt: skip
    action = "review_approved" if said.approve else "review_refused"
    people.record(work.tx, work.at_ms, said.by, action, subject, detail)
    return done


def _raise(work: Work, found: Waiting, said: Said) -> str:
    item = review_items.find(work.tx, found.item_id)
    if item is None:
        raise ReviewChangedError(f"raise {found.item_id} is not known")
    if not said.approve:
        _keep(work, item, said, REFUSED)
        return say("refused; the limit stays")
    if _is_above(work, found, said.by):
        return _pass_on(work, item, said)
    _keep(work, item, said, APPROVED)
    moved = review_again(work, found.line_id)
    if moved is None or (moved.movement, moved.limit_minor) != (
        Movement.RAISED, found.amount_minor,
    ):  # fmt: skip
        raise ReviewChangedError(
            f"line {found.line_id}: a review on what is known now does not raise it to "
            f"{found.amount_minor}: look again"
        )
    return say("raised")


def _application(work: Work, found: Waiting, said: Said) -> str:
    item = review_items.find(work.tx, found.item_id)
    if said.approve and found.amount_minor <= 0:
        raise RequestError(
            f"application {found.application_id}: the rule carries nothing today, so there is "
            "nothing to offer; refuse it, or wait"
        )
    if said.approve and _is_above(work, found, said.by):
        return _pass_on(work, item or _made(work, found), said)
    made = item or _made(work, found)
    if item is None:
        review_items.add(work.tx, made)
    _keep(work, made, said, APPROVED if said.approve else REFUSED)
    if not said.approve:
        decline_in(work, found.application_id, said.by)
        return say("declined")
    line = offer_in(work, found.application_id, found.amount_minor, said.by)
    return say("line {line} is open", line=line.line_id)


def _plan(work: Work, found: Waiting, said: Said) -> str:
    _require_supervisor(said.by)
    if said.approve:
        restructuring.approve_in(work, found.item_id, said.by)
        return say("the new plan counts")
    restructuring.decline_in(work, found.item_id, said.by)
    return say("the plan is off the table")


def _word(work: Work, found: Waiting, said: Said) -> str:
    if said.approve:
        confirmed = money_words.confirm(work, found.item_id, said.by)
        half = account_words.confirmed_half(work, confirmed)
        told = say("Your half of the first password, shown only now: {half}", half=half)
        return f"{say('confirmed')}; {told}" if half else say("confirmed")
    money_words.refuse(work, found.item_id, said.by, said.reason)
    return say("refused")


def _is_above(work: Work, found: Waiting, by: Actor) -> bool:
    most = authority_of(work.tx, by, found.product_id, found.currency)
    return most is not None and found.amount_minor > most


def _made(work: Work, found: Waiting) -> Item:
    """The item of a referred application that nobody has proposed anything for."""
    return Item(
        item_id=work.new_id(), kind=APPLICATION, subject_id=found.application_id, line_id="",
        farmer_id=found.farmer_id, product_id=found.product_id, currency=found.currency,
        amount_minor=found.amount_minor, facts={"seen": found.seen}, fingerprint=found.seen,
        made_by=found.made_by, made_at_ms=work.at_ms,
    )  # fmt: skip


def _pass_on(work: Work, item: Item, said: Said) -> str:
    """What is above an officer's authority waits for another, as that officer's proposal."""
    if item.kind == RAISE or review_items.find(work.tx, item.item_id) is not None:
        _keep(work, item, said, PASSED_ON)
    review_items.add(
        work.tx,
        replace(item, item_id=work.new_id(), made_by=said.by.name, made_at_ms=work.at_ms),
    )
    return say("above the authority of {name}: it waits for another person", name=said.by.name)


def _keep(work: Work, item: Item, said: Said, what: str) -> None:
    kept = Answer(item.item_id, item.made_by, said.by.name, what, said.reason, work.at_ms)
    review_items.answer(work.tx, kept)


def _require_supervisor(by: Actor) -> None:
    if by.role != Role.SUPERVISOR.value:
        raise RoleError(f"expected a supervisor, {by.name} is {by.role}")


_ACTS: Mapping[Kind, Callable[[Work, Waiting, Said], str]] = {
    Kind.RAISE: _raise,
    Kind.APPLICATION: _application,
    Kind.PLAN: _plan,
    Kind.WORD: _word,
}
