"""Who may log in at the console: held to a role and a part of the book, locked out.

Here is what one supervisor does alone: it takes rights away. What gives rights is said by
two (:mod:`server.services.account_words`). Every act goes to the trail. Nobody changes their
own role, scope or lock, and two who may answer for others stay. Any change ends the visits
that it takes rights from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from server.keys import password_matches
from server.services.centre import Centre, RequestError, RoleError, Work
from server.store import accounts, people, products, registry, visits
from server.store.accounts import Done
from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.people import Actor, Role, User
from server.store.scoping import VALUES_MAX, Dimension, Scope

LOGIN_ROLES = (Role.AUDITOR, Role.LENDER, Role.SUPERVISOR)  # the least first
PASSWORD_CHARACTERS_MIN = 10
APPROVERS = (Role.LENDER, Role.SUPERVISOR)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


def lower_role(centre: Centre, username: str, role: Role, by: Actor) -> None:
    """Give somebody a lesser role; they log in anew. A higher one is given by two.

    Raises
    ------
    NotKnownError, RequestError, RoleError
        If there is no such user, the role is not lesser, or it is the officer themselves or one
        of the last two who may answer.
    """

    def change(work: Work, user: User) -> dict[str, str]:
        if role not in LOGIN_ROLES[: LOGIN_ROLES.index(user.role)]:
            raise RequestError(f"expected a lesser role than {user.role.value}, got {role.value}")
        _require_others(work.tx, user)
        lowered = replace(user, role=role)
        accounts.take(work.tx, lowered, Done(accounts.ROLE_LOWERED, by.name, work.at_ms))
        return {"from": user.role.value, "to": role.value}

    _act(centre, username, by, "user_role_set", change)


def lock(centre: Centre, username: str, by: Actor) -> None:
    """Lock somebody out and end their visits; two let them in again.

    Raises
    ------
    NotKnownError, RequestError, RoleError
        As for :func:`lower_role`.
    """

    def change(work: Work, user: User) -> dict[str, str]:
        _require_others(work.tx, user)
        visits.end_all(work.tx, username, (work.at_ms, by.name))
        locked = replace(user, disabled=True)
        accounts.take(work.tx, locked, Done(accounts.LOCKED, by.name, work.at_ms))
        return {}

    _act(centre, username, by, "user_locked", change)


def change_own_password(centre: Centre, old: str, new: str, by: Actor) -> None:
    """Give oneself another password; every visit ends, also this one.

    Raises
    ------
    RequestError
        If the old one is not right, or the new one too short.
    """
    if len(new) < PASSWORD_CHARACTERS_MIN:
        raise RequestError(f"expected a password of at least {PASSWORD_CHARACTERS_MIN} characters")
    with centre.store.reading() as tx:
        held = people.user(tx, by.name)
    if held is None or not password_matches(held.password_hash, old):
        raise RequestError("expected your present password")
    hashed = centre.password_hash(new)

    def act(work: Work) -> None:
        user = people.user(work.tx, by.name)
        if user is None or user.password_hash != held.password_hash:
            raise RequestError("your password was changed meanwhile: log in again")
        changed = replace(user, password_hash=hashed)
        done = Done(accounts.PASSWORD_CHANGED, by.name, work.at_ms)
        accounts.take(work.tx, changed, done)
        visits.end_all(work.tx, by.name, (work.at_ms, by.name))
        people.record(work.tx, work.at_ms, by, "user_password_changed", ("user", by.name))

    centre.write(act)


def end_visit(centre: Centre, visit_sha256: str, by: Actor) -> str:
    """End one visit; whose it was.

    Raises
    ------
    NotKnownError
        If no such visit goes on.
    """

    def act(work: Work) -> str:
        _require_supervisor(by)
        username = visits.end(work.tx, visit_sha256, (work.at_ms, by.name))
        detail = {"visit": visit_sha256[:12]}
        people.record(work.tx, work.at_ms, by, "visit_ended", ("user", username), detail)
        return username

    return centre.write(act)


def take_back_token(centre: Centre, label: str, by: Actor) -> None:
    """Take back every good token of a label.

    Raises
    ------
    NotKnownError
        If there is none.
    """

    def act(work: Work) -> None:
        _require_supervisor(by)
        people.revoke_token(work.tx, label, work.at_ms)
        people.record(work.tx, work.at_ms, by, "token_revoked", ("token", label))

    centre.write(act)


def told(scope: Scope) -> str:
    """A scope in words for the trail and for pages."""
    parts = [
        f"{each.value} {', '.join(sorted(scope.values(each)))}"
        for each in Dimension
        if scope.values(each)
    ]
    return "; ".join(parts) or "the whole book"


def known_values(tx: Tx) -> dict[Dimension, tuple[str, ...]]:
    """By what a scope may be bounded here."""
    return {
        Dimension.STATION: tuple(sorted(each.name for each in registry.all_stations(tx))),
        Dimension.VILLAGE: tuple(sorted(each.site for each in registry.all_sites(tx))),
        Dimension.PRODUCT: tuple(sorted({each.product_id for each in products.in_force(tx)})),
    }


def _act(
    centre: Centre, username: str, by: Actor, action: str,
    change: Callable[[Work, User], dict[str, str]],
) -> None:  # fmt: skip
    def act(work: Work) -> None:
        _require_supervisor(by)
        if people.is_one_of(by.name, (username,)):
            raise RoleError(f"expected another person than {by.name} to change this")
        people.lock_trail(work.tx)  # so that two cannot take the last supervisor away together
        user = people.user(work.tx, username)
        if user is None:
            raise NotKnownError(f"expected a user, got {username[:64]!r}")
        detail = change(work, user)
        people.record(work.tx, work.at_ms, by, action, ("user", username), detail)

    centre.write(act)


def _require_supervisor(by: Actor) -> None:
    if by.role != Role.SUPERVISOR.value:
        raise RoleError(f"expected a supervisor, {by.name} is {by.role}")


def _require_others(tx: Tx, user: User) -> None:
    """That two who may answer for others are left, one of them a supervisor."""
    left = [
        each.role
        for each in people.all_users(tx)
        if each.role in APPROVERS and not each.disabled and each.username != user.username
    ]
    enough = len(left) >= accounts.FOUNDERS and Role.SUPERVISOR in left
    if user.role in APPROVERS and not user.disabled and not enough:
        raise RequestError(
            f"expected a supervisor and a second person who may answer besides {user.username}: "
            "else nobody could let anybody in again"
        )


def require_new_name(tx: Tx, username: str) -> None:
    """Return if a name can be a new user's: plain, and nobody's, however it is written.

    Raises
    ------
    RequestError, ConflictError
        If it cannot be, or somebody has it.
    """
    if people.is_one_of(username, [each.username for each in people.all_users(tx)]):
        raise ConflictError(f"expected a new name, {username} is taken, written otherwise or not")
    if not _NAME.fullmatch(username):
        raise RequestError(
            "expected a name of 2 to 64 small letters, digits, dots, dashes or underscores, "
            f"got {username[:64]!r}"
        )


def require_known(tx: Tx, scope: Scope) -> None:
    """Return if a scope is bounded by what is known here.

    Raises
    ------
    RequestError
        If a value is not known, or there are too many.
    """
    known = known_values(tx)
    for each in Dimension:
        unknown = scope.values(each) - set(known[each])
        if unknown or len(scope.values(each)) > VALUES_MAX:
            raise RequestError(
                f"expected at most {VALUES_MAX} values of {each.value} that are known here, "
                f"got {', '.join(sorted(unknown))[:120]}"
            )
