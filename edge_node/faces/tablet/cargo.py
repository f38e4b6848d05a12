"""Sealed letters that an agent's tablet takes along: the same file as a stick's, opaque to it.

The tablet is offered a file only while the station has no link of its own, and fetches it
again only when something in it has changed. What it brings is judged by the ends alone: it
can be late, twice, or of another station, and changes nothing that it should not.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from edge_node.faces.carrier import Cargo

UP_BYTES_MAX = 4 * 1024 * 1024
DOWN_BYTES_MAX = 8 * 1024 * 1024
UNLINKED_MS = 3_600_000  # a station that reached the centre since then needs no carrier


@dataclass(frozen=True, slots=True)
class FieldCargo:
    """What tablets carry.

    Parameters
    ----------
    cargo
        How a file is given and taken.
    centre_url
        Where a tablet hands the file in.
    state
        Differs when what waits has changed; empty while nothing needs to be carried.
    """

    cargo: Cargo
    centre_url: str
    state: Callable[[], str]

    def offered(self) -> dict[str, str]:
        """Where to carry, and by what to tell whether the file is another; empty for nothing."""
        state = self.state() if self.centre_url else ""
        return {"url": self.centre_url if state else "", "state": state}

    def hand_out(self) -> bytes:
        """The file: all that waits, most urgent first, within the bound."""
        file = io.BytesIO()
        self.cargo.hand_out(file, UP_BYTES_MAX)
        return file.getvalue()

    def take_in(self, data: bytes) -> Mapping[str, Any]:
        """Apply what a tablet brought; what became of it, by counts."""
        told = dict(self.cargo.take_in(io.BytesIO(data)))
        return {**told, "refused": len(told.pop("refused", ()))}


def origin_of_centre(url: str) -> str:
    """The origin that a tablet's page may speak with beside its station; empty for none."""
    told = urlsplit(url)
    fit = told.scheme in ("http", "https") and told.netloc and not set(told.netloc) & set(" ;,'\"")
    return f"{told.scheme}://{told.netloc}" if fit else ""
