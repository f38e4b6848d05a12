"""The page of policies: versions of products, compared, approved by two, rolled out.

Every act asks for a reason and the password again, and counts only while the version stands
as it was shown; an approval waits in the queue for a second person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.units import PPM
from core.wire.update import Rollout, TargetNote
from server.console.desk import Desk, Visitor
from server.console.pages.shares import percent_of
from server.console.pages.stepping import passed
from server.console.render import PREFIX
from server.console.words import message, money, percent
from server.services import money_words, policies
from server.services.access import require_whole
from server.services.centre import RequestError
from server.services.policies import Difference, Policy, Update
from server.services.publishing.rollout import Desk as Publishing
from server.services.review_queue.answering import ReviewChangedError
from server.services.words_kept import REASON_CHARS_MAX
from server.store import registry
from server.store.people import Role, is_one_of

PPM_OF_A_DECIMAL, PPM_DECIMALS = 1_000, 4  # of percent: one shows tenths, four show each ppm
TELL, APPROVE, REFUSE = "tell", "approve", "refuse"
STAGE, PROMOTE, WITHDRAW = "stage", "promote", "withdraw"
WORDS = {
    TELL: message("Ask a second person to approve it"),
    APPROVE: message("Approve"),
    REFUSE: message("Refuse"),
    STAGE: message("Let these stations have it"),
    PROMOTE: message("Put it in force everywhere"),
    WITHDRAW: message("Withdraw it"),
}


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A version: where it stands, its share, what may be done, and what it changes."""

    policy: Policy
    acts: tuple[str, ...]
    share_ppm: int
    stations: tuple[str, ...]
    against: str
    changes: tuple[Difference, ...]

    @property
    def name(self) -> str:
        """What decisions cite."""
        return self.policy.kept.product.policy_version()


@dataclass(frozen=True, slots=True)
class UpdateRow:
    """Sentences or a map: where they stand, their share, and what may be done."""

    policy: Update
    acts: tuple[str, ...]
    share_ppm: int
    stations: tuple[str, ...]

    @property
    def language(self) -> str:
        """Of sentences, the language; empty for a map."""
        return self.policy.note.place.name


def routes(desk: Desk) -> list[Route]:
    """The page's addresses."""
    return desk.routes("/policies", partial(_page, desk), partial(_act, desk))


def _page(desk: Desk, request: Request, visitor: Visitor) -> Response:
    require_whole(visitor.scope)
    with desk.reading(visitor) as tx:
        found = policies.read_policies(desk.centre, tx)
        updates = policies.read_updates(desk.centre, tx)
        stations = tuple(station.name for station in registry.all_stations(tx))
    publishes = Publishing(desk.centre, visitor.actor).folder.exists
    newest = _newest(found)
    rows = [
        _row(one, newest.get(one.kept.product.product_id), visitor, publishes=publishes)
        for one in found
    ]
    context = {
        "rows": rows, "stations": stations, "act_words": WORDS, "reason_max": REASON_CHARS_MAX,
        "publishes": publishes, "all": PPM, "told": _told,
        "updates": [_update_row(one, visitor) for one in updates],
    }  # fmt: skip
    return desk.page(request, "policies.html", context, visitor)


def _told(path: str, value: str, currency: str) -> str:
    """A product's value as people read it: money with its currency, shares and rates in percent."""
    name = path.rpartition(".")[2]
    if not value.removeprefix("-").isdecimal():
        return value
    if "_minor" in name:
        return money(int(value), currency)
    if "_ppm" in name:
        return percent(int(value), 1 if int(value) % PPM_OF_A_DECIMAL == 0 else PPM_DECIMALS)
    return value


def _newest(found: tuple[Policy, ...]) -> Mapping[str, Policy]:
    """The version of each product by which new lines are opened."""
    told: dict[str, Policy] = {}
    for one in found:  # of each product the newest first
        if one.in_force:
            told.setdefault(one.kept.product.product_id, one)
    return told


def _row(one: Policy, newest: Policy | None, by: Visitor, *, publishes: bool) -> PolicyRow:
    product = one.kept.product
    other = newest.kept.product if newest and newest != one else None
    last = newest.kept.product.version if newest else 0
    is_theirs = by.role is Role.SUPERVISOR
    acts = _acts(one, last, by.username, publishes=publishes) if is_theirs else ()
    share_ppm, stations = policies.share_of(one.note)
    changes = policies.differences(other, product) if other else ()
    against = other.policy_version() if other else ""
    return PolicyRow(one, acts, share_ppm, stations, against, changes)


def _acts(one: Policy, newest: int, name: str, *, publishes: bool) -> tuple[str, ...]:
    if one.in_force or one.kept.product.version <= newest or (one.note and one.note.withdrawn):
        return ()
    if one.told_by:
        return () if is_one_of(name, (one.told_by,)) else (APPROVE, REFUSE)
    if not one.approved_by:
        return (TELL,)
    if not publishes:
        return (PROMOTE,)
    return (STAGE, PROMOTE, WITHDRAW)


def _update_row(one: Update, by: Visitor) -> UpdateRow:
    share_ppm, stations = policies.share_of(one.note)
    acts = _update_acts(one, by.username) if by.role is Role.SUPERVISOR else ()
    return UpdateRow(one, acts, share_ppm, stations)


def _update_acts(one: Update, name: str) -> tuple[str, ...]:
    if one.note.withdrawn:
        return ()
    if one.told_by:
        return () if is_one_of(name, (one.told_by,)) else (APPROVE, REFUSE)
    if one.note.rollout.share_ppm == PPM:
        return (WITHDRAW,)
    return (STAGE, PROMOTE, WITHDRAW) if one.approved_by else (TELL,)


def _act(desk: Desk, request: Request, form: FormData) -> Response:
    visitor = desk.permit(request, form, Role.SUPERVISOR)
    require_whole(visitor.scope)
    name = str(form.get("act", ""))
    if name not in WORDS:
        raise RequestError(f"expected one of {', '.join(WORDS)}")
    if not 0 < len(str(form.get("reason", "")).strip()) <= REASON_CHARS_MAX:
        raise RequestError(f"expected a reason of 1 to {REASON_CHARS_MAX} characters")

    def done() -> Response:
        found = _find(desk, form, visitor)
        if found.seen != str(form.get("seen", "")):
            told = form.get("policy") or form.get("update")
            raise ReviewChangedError(f"{told} has moved on since it was shown: look again")
        return RedirectResponse(f"{PREFIX}/{_done(desk, name, found, form, visitor)}", 303)

    return passed(desk, request, form, visitor, done)


def _find(desk: Desk, form: FormData, by: Visitor) -> Policy | Update:
    with desk.reading(by) as tx:
        if form.get("update"):
            return policies.find_update(desk.centre, tx, str(form["update"]))
        return policies.find_policy(desk.centre, tx, str(form.get("policy", "")))


def _done(desk: Desk, act: str, found: Policy | Update, form: FormData, by: Visitor) -> str:
    """Do it, and say which page is next."""
    if act in (APPROVE, REFUSE):
        _answer(desk, act, found.word_id, form, by)
    elif act == TELL:
        _tell(desk, found, form, by)
        return "queue?kind=word"
    elif isinstance(found, Update):
        _move(Publishing(desk.centre, by.actor), act, found, form)
    else:
        _ACTS[act](desk, found, form, by)
    return "policies"


def _answer(desk: Desk, act: str, word_id: str, form: FormData, by: Visitor) -> None:
    if act == APPROVE:
        desk.centre.write(lambda work: money_words.confirm(work, word_id, by.actor))
    else:
        why = str(form.get("reason", "")).strip()
        desk.centre.write(lambda work: money_words.refuse(work, word_id, by.actor, why))


def _tell(desk: Desk, found: Policy | Update, form: FormData, by: Visitor) -> None:
    said = (by.actor, str(form.get("reason", "")).strip())
    if isinstance(found, Update):
        policies.tell_update(desk.centre, found.note.slot, found.note.version, said)
    else:
        version = found.kept.product.policy_version()
        desk.centre.write(lambda work: policies.tell_policy(work, version, said))


def _move(publishing: Publishing, act: str, found: Update, form: FormData) -> None:
    """Let stations have an update, or take it back."""
    slot, version = found.note.slot, found.note.version
    if act == STAGE:
        publishing.stage(slot, version, _wanted(found.note, form))
    elif act == PROMOTE:
        publishing.promote(slot, version)
    else:
        publishing.withdraw(slot, version)


def _wanted(note: TargetNote | None, form: FormData) -> Rollout:
    running, _ = policies.share_of(note)
    names = tuple(str(each) for each in form.getlist("station"))
    share = percent_of(form, "share")
    return Rollout(names, running if share is None else share)


def _stage(desk: Desk, found: Policy, form: FormData, by: Visitor) -> None:
    version = found.kept.product.policy_version()
    policies.stage(desk.centre, version, _wanted(found.note, form), by.actor)


def _promote(desk: Desk, found: Policy, _: FormData, by: Visitor) -> None:
    policies.put_in_force(desk.centre, found.kept.product.policy_version(), by.actor)


def _withdraw(desk: Desk, found: Policy, _: FormData, by: Visitor) -> None:
    policies.withdraw(desk.centre, found.kept.product.policy_version(), by.actor)


_ACTS: Mapping[str, Callable[[Desk, Policy, FormData, Visitor], None]] = {
    STAGE: _stage, PROMOTE: _promote, WITHDRAW: _withdraw,
}  # fmt: skip
