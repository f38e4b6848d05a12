"""What ``app.py`` hands to a command, and what all commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from fastapi import FastAPI

from server.services.centre import Centre, RequestError
from server.store.people import Actor

INPUT_BYTES_MAX = 64 * 1024 * 1024
PASSWORD_BYTES_MAX = 1024
OPERATOR = Actor("operator", "operator")  # whoever may run commands on the centre's machine


@dataclass(frozen=True, slots=True)
class Hands:
    """The composition root's functions: opening a centre, chance, and the web application."""

    open_centre: Callable[[Path | None], Centre]
    random_bytes: Callable[[int], bytes]
    create_app: Callable[[Centre], FastAPI]


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    envvar="HARVESTLINE_CONFIG",
    help="The centre's settings file, server.toml.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
password_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the password; else it is asked.",
)


def centre_of(context: click.Context, config: Path) -> Centre:
    """The centre that a command works on; closed when the command ends."""
    hands: Hands = context.find_object(Hands) or _no_hands()
    centre = hands.open_centre(config)
    context.call_on_close(centre.store.close)
    return centre


def hands_of(context: click.Context) -> Hands:
    """The composition root's functions."""
    return context.find_object(Hands) or _no_hands()


def _no_hands() -> Hands:
    raise AssertionError("commands are run through server.app.main")


def read_input(path: Path, bytes_max: int = INPUT_BYTES_MAX) -> bytes:
    """A file that was named on the command line.

    Raises
    ------
    RequestError
        If it cannot be read or is too large.
    """
    try:
        if path.stat().st_size > bytes_max:
            raise RequestError(f"expected at most {bytes_max} bytes in {path}")
        return path.read_bytes()
    except OSError as error:
        raise RequestError(f"expected a readable file at {path}: {error}") from error


def read_password(file: Path | None, *, twice: bool = False) -> str:
    """The password in a file, or as somebody types it; ``twice`` for a new one.

    Raises
    ------
    RequestError
        If the file cannot be read, or is no text.
    """
    if file is not None:
        try:
            return read_input(file, PASSWORD_BYTES_MAX).decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise RequestError(f"expected a password in UTF-8 in {file}") from error
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=twice)
    return typed


def show(result: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print a result for a program or for a person."""
    click.echo(json.dumps(result, sort_keys=True) if as_json else sentence)
