"""Who may call: bearer tokens with a role. The console has log-ins of its own."""

from __future__ import annotations

from core.canonical import sha256_hex
from server.services.centre import Centre, LoginRequiredError, RoleError
from server.store import people
from server.store.people import Actor, Role

_SCHEME = "Bearer "


def require_role(centre: Centre, authorization: str | None, role: Role) -> Actor:
    """Whose token came with a request, if its role may do this.

    Raises
    ------
    LoginRequiredError
        If no token came, or it is not known or was revoked.
    RoleError
        If its role is another.
    """
    if authorization is None or not authorization.startswith(_SCHEME):
        raise LoginRequiredError("expected a bearer token, got none")
    digest = sha256_hex(authorization.removeprefix(_SCHEME).strip().encode())
    with centre.store.reading() as tx:
        holder = people.token_holder(tx, digest)
    if holder is None:
        raise LoginRequiredError("expected a bearer token that is known and not revoked")
    if holder.role != role.value:
        raise RoleError(f"expected a token of role {role.value}, got {holder.role}")
    return holder
