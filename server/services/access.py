"""Who may call: bearer tokens with a role. The console has log-ins of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.canonical import sha256_hex
from server.services.centre import Centre, LoginRequiredError, RoleError
from server.store import lines, people, scoping
from server.store.engine import Tx
from server.store.people import Actor, Role
from server.store.scoping import Holder, Scope

_SCHEME = "Bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token came with a request; ``party`` is the supplier or buyer that it is bound to."""

    actor: Actor
    role: Role
    party: str = ""
    scope: Scope = field(default_factory=Scope)


@contextmanager
def reading(centre: Centre, scope: Scope) -> Iterator[Tx]:
    """A transaction that reads what a scope holds: the one door of console and API.

    Raises
    ------
    OutOfScopeError
        If a table is asked that cannot be read within a scope.
    """
    store = centre.store
    narrow = None if scope.is_whole else scoping.within(scope, store.tenant_id)
    with store.reading(narrow) as tx:
        yield tx


def require_line(centre: Centre, scope: Scope, line_id: str) -> None:
    """Return if a line lies in a scope.

    Raises
    ------
    NotKnownError
        If it does not, in the words for a line that there is not.
    """
    if not scope.is_whole:
        with reading(centre, scope) as tx:
            lines.get(tx, line_id)


def require_whole(scope: Scope) -> None:
    """Return if somebody may see the whole book, as what is about all of it asks.

    Raises
    ------
    RoleError
        If they are held to a part of it.
    """
    if not scope.is_whole:
        raise RoleError("expected somebody who may see the whole book: this is about all of it")


def require_caller(centre: Centre, token: str | None, roles: Iterable[Role]) -> Caller:
    """Who calls, and for whom, if its role is one of those that may do this.

    Raises
    ------
    LoginRequiredError
        If no token came, or it is not known or was revoked.
    RoleError
        If its role is another.
    """
    if token is None:
        raise LoginRequiredError("expected a bearer token, got none")
    found = find_caller(centre, token)
    if found is None:
        raise LoginRequiredError("expected a bearer token that is known and not revoked")
    may = tuple(roles)
    if found.role not in may:
        told = " or ".join(each.value for each in may)
        raise RoleError(f"expected a token of role {told}, got {found.role.value}")
    return found


def find_caller(centre: Centre, token: str) -> Caller | None:
    """Whose token it is; None if it is not known or was revoked."""
    digest = sha256_hex(token.strip().removeprefix(_SCHEME).strip().encode())
    with centre.store.reading() as tx:
        holder = people.find_token(tx, digest)
        if holder is None:
            return None
        scope = scoping.scope_of(tx, Holder.TOKEN, holder.label)
    return Caller(holder.actor, holder.role, holder.bound_to, scope)
