"""What a person or a program may see, as options of a command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from server.store.scoping import Scope

F = TypeVar("F", bound=Callable[..., Any])


def scope_options(command: F) -> F:
    """Add ``--station``, ``--village`` and ``--product``; the command is given ``scope``."""

    @functools.wraps(command)
    def with_scope(
        *, stations: tuple[str, ...], villages: tuple[str, ...], products: tuple[str, ...],
        **others: Any,
    ) -> Any:  # fmt: skip
        scope = Scope("", frozenset(stations), frozenset(villages), frozenset(products))
        return command(scope=scope, **others)

    found = with_scope
    for name in ("product", "village", "station"):
        said = f"See only this {name}; give it again for more."
        found = click.option(f"--{name}", f"{name}s", multiple=True, help=said)(found)
    return cast("F", found)
