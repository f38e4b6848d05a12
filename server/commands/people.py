"""``user`` and ``token``."""

from __future__ import annotations

from pathlib import Path

import click

from server.commands.hands import (
    OPERATOR,
    centre_of,
    config_option,
    json_option,
    password_option,
    read_password,
    show,
)
from server.keys import write_secret
from server.services import enrolment
from server.services.centre import RequestError
from server.store.people import Role

_FILE = click.Path(path_type=Path, dir_okay=False)
_LOGIN_ROLES = [Role.LENDER.value, Role.SUPERVISOR.value, Role.AUDITOR.value]


@click.group("user")
def user() -> None:
    """People who may log in at the console."""


@user.command("add")
@config_option
@click.argument("username")
@click.option("--role", type=click.Choice(_LOGIN_ROLES), required=True)
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
    """Add a user, or give an existing one a new password and role."""
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
@click.option("--role", type=click.Choice([Role.CASHIER.value, Role.AUDITOR.value]), required=True)
@click.option("--out", type=_FILE, required=True, help="A new file for the token (mode 0600).")
@json_option
@click.pass_context
def add_token(
    context: click.Context, *, config: Path, label: str, role: str, out: Path, as_json: bool
) -> None:
    """Make a token; it is written to a file once, and only its hash is kept."""
    centre = centre_of(context, config)
    if out.exists():
        raise RequestError(f"{out} exists: a token is not overwritten; name a new file")
    write_secret(out, enrolment.add_token(centre, label, Role(role), OPERATOR).encode())
    show({"label": label, "role": role, "file": str(out)}, f"Token in {out}.", as_json=as_json)
