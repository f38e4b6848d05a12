"""The console's main way: which pages there are, in what order, and who sees which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    Place("", "Today", "ear", ("", "appeals")),
    Place("portfolio", "Portfolio", "list", ("portfolio", "lines", "plots")),
    Place("queue", "Queue", "check", ("queue",)),
    Place("applications", "Applications", "person", ("applications",)),
    Place("map", "Map", "map", ("map",)),
    Place("visits", "Visits", "warning", ("visits",)),
    Place("stations", "Stations", "station", ("stations",)),
    Place("health", "Reports", "seed", ("health", "stress")),
    Place("cash", "Cash", "lock", ("cash",)),
    Place("models", "Models", "star", ("models",), whole=True),
    Place("audit", "Audit", "hold", ("audit",)),
    Place("users", "Users", "person", ("users", "authority", "tokens"), whole=True,
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
