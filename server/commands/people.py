"""``user`` and ``token``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.shape import encode
from core.units import civil_day
from server.commands.hands import (
    OPERATOR,
    centre_of,
    config_option,
    json_option,
    password_option,
    read_password,
    show,
)
from server.commands.scoped import scope_options
from server.keys import write_secret
from server.services import enrolment, officers
from server.services.centre import RequestError
from server.store import people, scoping
from server.store.people import Role
from server.store.scoping import Holder

_FILE = click.Path(path_type=Path, dir_okay=False)
_TOKEN_ROLES = [
    each.value for each in (Role.CASHIER, Role.AUDITOR, Role.INTEGRATOR, *people.BOUND_ROLES)
]
LOGIN_ROLES = [Role.LENDER.value, Role.SUPERVISOR.value, Role.AUDITOR.value]


@click.group("user")
def user() -> None:
    """People who may log in at the console."""


@user.command("add")
@config_option
@click.argument("username")
@click.option("--role", type=click.Choice(LOGIN_ROLES), required=True)
@password_option
@json_option
@click.pass_context
def add_user(
    context: click.Context,
    *,
    config: Path,
    username: str,
    role: str,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Add a user while the tenant is founded: until two supervisors stand.

    From then on `user invite` by one officer and `word confirm` by another let somebody in.
    """
    centre = centre_of(context, config)
    password = read_password(password_file, twice=True)
    enrolment.add_user(centre, username, password, Role(role), OPERATOR)
    show({"username": username, "role": role}, f"{username} may log in.", as_json=as_json)


@click.group("token")
def token() -> None:
    """Bearer tokens for programs."""


@token.command("add")
@config_option
@click.argument("label")
@click.option("--role", type=click.Choice(_TOKEN_ROLES), required=True)
@click.option("--for", "party", default="", help="The supplier or buyer for whom it speaks.")
@scope_options
@click.option("--out", type=_FILE, required=True, help="A new file for the token (mode 0600).")
@json_option
@click.pass_context
def add_token(
    context: click.Context, /, *, config: Path, out: Path, as_json: bool, **given: Any
) -> None:
    """Make a token; it is written to a file once, and only its hash is kept.

    It sees the whole book, or the part that is named here; two persons say another.
    """
    label, role = given["label"], Role(given["role"])
    centre = centre_of(context, config)
    if out.exists():
        raise RequestError(f"{out} exists: a token is not overwritten; name a new file")
    bound = (given["party"], given["scope"])
    secret = enrolment.add_token(centre, label, role, OPERATOR, *bound)
    write_secret(out, secret.encode())
    told = {"label": label, "role": role.value, "file": str(out)}
    show(told, f"Token in {out}.", as_json=as_json)


@token.command("list")
@config_option
@json_option
@click.pass_context
def list_tokens(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Every token by its label: whose it is, since when, what it sees, and if it was taken back."""
    with centre_of(context, config).store.reading() as tx:
        found = [
            (each, officers.told(scoping.scope_of(tx, Holder.TOKEN, each.label)))
            for each in people.all_tokens(tx)
        ]
    told = [
        f"{each.label}  {each.role.value}  {each.bound_to or '-'}  since "
        f"{civil_day(each.created_at_ms)}  sees {seen}"
        + (f"  revoked {civil_day(each.revoked_at_ms)}" if each.revoked_at_ms is not None else "")
        for each, seen in found
    ]
    rows = [
        {**{k: v for k, v in encode(each).items() if k != "token_sha256"}, "sees": seen}
        for each, seen in found
    ]
    show({"tokens": rows}, "\n".join(told) or "There is none.", as_json=as_json)


@token.command("revoke")
@config_option
@click.argument("label")
@json_option
@click.pass_context
def revoke_token(context: click.Context, *, config: Path, label: str, as_json: bool) -> None:
    """Take back every token with a label, from the next request on."""
    enrolment.revoke_token(centre_of(context, config), label, OPERATOR)
    show({"label": label, "revoked": True}, f"{label} may call no more.", as_json=as_json)
