"""What officers sign for: who says it, by what proof, and what follows when two have said it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from server.commands.hands import (
    centre_of,
    config_option,
    password_option,
    read_input,
    read_password,
)
from server.services.centre import Centre
from server.services.destruction import Declared, Proof, officer
from server.store.people import Actor, Role

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False)


def officer_options(command: F) -> F:
    """Add ``--officer`` and ``--password-file``."""
    name = click.option("--officer", "username", required=True, help="An officer's name.")
    return name(password_option(command))


@dataclass(frozen=True, slots=True)
class Acting:
    """The centre that a command works on, and the officer who gives it."""

    centre: Centre
    by: Actor


def acting(*roles: Role) -> Callable[[F], F]:
    """Add ``--config``, ``--officer`` and ``--password-file``; the command is given ``acting``."""

    def decorate(command: F) -> F:
        @functools.wraps(command)
        @click.pass_context
        def by_officer(
            context: click.Context, /, *, config: Path, username: str,
            password_file: Path | None, **others: Any,
        ) -> Any:  # fmt: skip
            centre = centre_of(context, config)
            by = officer_of(centre, username, password_file, roles or (Role.SUPERVISOR,))
            return command(acting=Acting(centre, by), **others)

        return cast("F", config_option(officer_options(by_officer)))

    return decorate


def proof_options(command: F) -> F:
    """Add ``--proof`` and ``--receipts``; the command is given what they hold as ``brought``."""

    @functools.wraps(command)
    def with_proof(*, proof: Path, receipts: Path | None, **others: Any) -> Any:
        found = read_input(receipts) if receipts is not None else b"[]"
        return command(brought=Proof(read_input(proof), found), **others)

    receipts = click.option(
        "--receipts", type=_FILE, help="JSON list of the drawdowns that people can show."
    )
    proof = click.option(
        "--proof", type=_FILE, required=True, help="Whatever shows it; its hash is kept."
    )
    return cast("F", proof(receipts(with_proof)))


def officer_of(
    centre: Centre,
    username: str,
    password_file: Path | None,
    roles: tuple[Role, ...] = (Role.SUPERVISOR,),
) -> Actor:
    """The officer, whose password is in a file or asked for."""
    return officer(centre, username, read_password(password_file), roles)


def told(found: Declared, declared: str, confirmed: str) -> str:
    """What to say of a declaration: one officer has ``declared`` it, two have ``confirmed``."""
    if not found.confirmed:
        return (
            f"{declared} by {found.told.declared_by}. Nothing has changed yet: a second officer "
            "gives the same command with the same files."
        )
    flags = "".join(f"\n  look at: {flag}" for flag in found.flags)
    return (
        f"{confirmed}: {found.booked_minor} booked from receipts, {found.released_minor} "
        f"released [minor units].{flags}"
    )
