"""The console's main way: which pages there are, in what order, and who sees which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.console.words import message
from server.store.people import Role


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the main way; ``covers`` are the first parts of addresses that belong to it."""

    path: str
    name: str
    icon: str
    covers: tuple[str, ...]
    whole: bool = False  # about the whole book, for nobody who is held to a part of it
    roles: frozenset[Role] = frozenset({Role.LENDER, Role.SUPERVISOR, Role.AUDITOR})


PLACES = (
    Place("", message("Today"), "ear", ("", "appeals", "versions")),
    Place("portfolio", message("Portfolio"), "list", ("portfolio", "lines", "plots")),
    Place("queue", message("Queue"), "check", ("queue",)),
    Place("applications", message("Applications"), "person", ("applications",)),
    Place("map", message("Map"), "map", ("map",)),
    Place("visits", message("Visits"), "warning", ("visits",)),
    Place("stations", message("Stations"), "station", ("stations",)),
    Place("health", message("Reports"), "seed", ("health", "stress")),
    Place("cash", message("Cash"), "lock", ("cash",)),
    Place("models", message("Models"), "star", ("models", "policies"), whole=True),
    Place("audit", message("Audit"), "hold", ("audit",)),
    Place("users", message("Users"), "person", ("users", "authority", "tokens"), whole=True,
          roles=frozenset({Role.SUPERVISOR, Role.AUDITOR})),
)  # fmt: skip


def navigation(role: Role, path: str, *, whole: bool) -> list[Mapping[str, object]]:
    """The places that a role may go to, and which one a path belongs to.

    Parameters
    ----------
    whole
        Whether the visitor may see the whole book.
    """
    first = path.strip("/").split("/")[0]
    return [
        {"path": place.path, "name": place.name, "icon": place.icon, "here": first in place.covers}
        for place in PLACES
        if role in place.roles and (whole or not place.whole)
    ]
