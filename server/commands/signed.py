"""An officer's name, password and reason as one argument of a command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from server.commands.officers import officer_of, officer_options
from server.services.centre import Centre
from server.store.people import Actor, Role

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Signed:
    """Who gives a command, by what password, and why."""

    username: str
    password_file: Path | None
    reason: str = ""

    def officer(self, centre: Centre, roles: tuple[Role, ...] = (Role.SUPERVISOR,)) -> Actor:
        """The officer, if the password is right and the role may do this."""
        return officer_of(centre, self.username, self.password_file, roles)


def signed_options(command: F) -> F:
    """Add ``--officer`` and ``--password-file``; the command is given both as ``signed``."""

    @functools.wraps(command)
    def with_officer(
        *, username: str, password_file: Path | None, reason: str = "", **others: Any
    ) -> Any:
        return command(signed=Signed(username, password_file, reason), **others)

    return cast("F", officer_options(with_officer))


def reasoned_options(command: F) -> F:
    """The same, and ``--reason``, which is kept with what is done."""
    reason = click.option("--reason", required=True, help="Why; it is kept with what is done.")
    return reason(signed_options(command))
