"""Who may call: bearer tokens with a role. The console has log-ins of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.canonical import sha256_hex
from server.services.centre import Centre, LoginRequiredError, RoleError
from server.store import people
from server.store.people import Actor, Role

_SCHEME = "Bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token came with a request; ``party`` is the supplier or buyer that it is bound to."""

    actor: Actor
    role: Role
    party: str = ""


def require_role(centre: Centre, token: str | None, role: Role) -> Actor:
    """Whose token came with a request, if its role may do this.

    Raises
    ------
    LoginRequiredError
        If no token came, or it is not known or was revoked.
    RoleError
        If its role is another.
    """
    return require_caller(centre, token, (role,)).actor


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
    return None if holder is None else Caller(holder.actor, holder.role, holder.bound_to)
