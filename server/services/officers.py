"""Who may log in at the console: invited, held to a role and a part of the book, locked out.

Every act goes to the trail. Nobody changes their own role, scope or lock, and the last
supervisor who may log in stays one. Any change ends the visits that it takes rights from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from server.keys import hash_password, password_matches
from server.services.centre import Centre, RequestError, RoleError, Work
from server.services.enrolment import PASSWORD_CHARACTERS_MIN
from server.store import people, products, registry, scoping, visits
from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.people import Actor, Role, User
from server.store.scoping import VALUES_MAX, Dimension, Holder, Scope

LOGIN_ROLES = (Role.LENDER, Role.SUPERVISOR, Role.AUDITOR)
FIRST_PASSWORD_DIGITS = 20  # hexadecimal: 80 bits
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


def invite(centre: Centre, username: str, role: Role, scope: Scope, by: Actor) -> str:
    """Let somebody new log in; their first password, shown once.

    Raises
    ------
    RequestError
        If the name or the role cannot be, or a value of the scope is not known here.
    ConflictError
        If somebody has that name.
    """
    if not _NAME.fullmatch(username):
        raise RequestError(
            "expected a name of 2 to 64 small letters, digits, dots, dashes or underscores, "
            f"got {username[:64]!r}"
        )
    _require_login_role(role)
    password = centre.new_token()[:FIRST_PASSWORD_DIGITS]
    hashed = hash_password(password)

    def act(work: Work) -> None:
        _require_supervisor(by)
        known = [each.username for each in people.all_users(work.tx)]
        if people.is_one_of(username, known):
            raise ConflictError(f"expected a new name, {username} is taken")
        _require_known(work.tx, scope)
        people.put_user(work.tx, username, hashed, role, work.at_ms)
        scoping.put_scope(work.tx, Holder.USER, replace(scope, name=username))
        detail = {"role": role.value, "scope": told(scope)}
        people.record(work.tx, work.at_ms, by, "user_invited", ("user", username), detail)

    centre.write(act)
    return password


def set_role(centre: Centre, username: str, role: Role, by: Actor) -> None:
    """Give somebody another role; they log in anew.

    Raises
    ------
    NotKnownError, RequestError, RoleError
        If there is no such user, the role cannot be, or it is the officer themselves or the
        last supervisor.
    """
    _require_login_role(role)

    def change(work: Work, user: User) -> dict[str, str]:
        if role is not Role.SUPERVISOR:
            _require_other_supervisor(work.tx, user)
        people.change_user(work.tx, username, role=role.value)
        return {"from": user.role.value, "to": role.value}

    _act(centre, username, by, "user_role_set", change)


def set_scope(centre: Centre, username: str, scope: Scope, by: Actor) -> None:
    """Hold somebody to a part of the book from their next page on.

    Raises
    ------
    NotKnownError, RequestError, RoleError
        As for :func:`set_role`, or if a value is not known here.
    """

    def change(work: Work, _: User) -> dict[str, str]:
        _require_known(work.tx, scope)
        scoping.put_scope(work.tx, Holder.USER, replace(scope, name=username))
        return {"scope": told(scope)}

    _act(centre, username, by, "user_scope_set", change)


def set_locked(centre: Centre, username: str, by: Actor, *, locked: bool) -> None:
    """Lock somebody out and end their visits, or let them in again.

    Raises
    ------
    NotKnownError, RequestError, RoleError
        As for :func:`set_role`.
    """

    def change(work: Work, user: User) -> dict[str, str]:
        if locked:
            _require_other_supervisor(work.tx, user)
            visits.end_all(work.tx, username, (work.at_ms, by.name))
        people.change_user(work.tx, username, disabled=locked)
        return {}

    _act(centre, username, by, "user_locked" if locked else "user_unlocked", change)


def reset_password(centre: Centre, username: str, by: Actor) -> str:
    """A new first password for somebody, shown once; their visits end.

    Raises
    ------
    NotKnownError, RequestError, RoleError
        As for :func:`set_role`.
    """
    password = centre.new_token()[:FIRST_PASSWORD_DIGITS]
    hashed = hash_password(password)

    def change(work: Work, _: User) -> dict[str, str]:
        people.change_user(work.tx, username, password_hash=hashed)
        visits.end_all(work.tx, username, (work.at_ms, by.name))
        return {}

    _act(centre, username, by, "user_password_reset", change)
    return password


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
        user = people.user(tx, by.name)
    if user is None or not password_matches(user.password_hash, old):
        raise RequestError("expected your present password")
    hashed = hash_password(new)

    def act(work: Work) -> None:
        people.change_user(work.tx, by.name, password_hash=hashed)
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


def set_token_scope(centre: Centre, label: str, scope: Scope, by: Actor) -> None:
    """Hold the tokens of a label to a part of the book.

    Raises
    ------
    NotKnownError, RequestError
        If there is no such token, or a value is not known here.
    """

    def act(work: Work) -> None:
        _require_supervisor(by)
        if label not in {each.label for each in people.all_tokens(work.tx)}:
            raise NotKnownError(f"expected a token's label, got {label[:64]!r}")
        _require_known(work.tx, scope)
        scoping.put_scope(work.tx, Holder.TOKEN, replace(scope, name=label))
        detail = {"scope": told(scope)}
        people.record(work.tx, work.at_ms, by, "token_scope_set", ("token", label), detail)

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


def _require_login_role(role: Role) -> None:
    if role not in LOGIN_ROLES:
        allowed = ", ".join(each.value for each in LOGIN_ROLES)
        raise RequestError(f"expected a role of {allowed}, got {role.value}")


def _require_other_supervisor(tx: Tx, user: User) -> None:
    others = [
        each
        for each in people.all_users(tx)
        if each.role is Role.SUPERVISOR and not each.disabled and each.username != user.username
    ]
    if user.role is Role.SUPERVISOR and not user.disabled and not others:
        raise RequestError(f"expected another supervisor besides {user.username}: make one first")


def _require_known(tx: Tx, scope: Scope) -> None:
    known = known_values(tx)
    for each in Dimension:
        unknown = scope.values(each) - set(known[each])
        if unknown or len(scope.values(each)) > VALUES_MAX:
            raise RequestError(
                f"expected at most {VALUES_MAX} values of {each.value} that are known here, "
                f"got {', '.join(sorted(unknown))[:120]}"
            )
