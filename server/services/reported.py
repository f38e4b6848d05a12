"""A record as a station reported it, on its way into the centre's books."""

from __future__ import annotations

from dataclasses import dataclass

from core.wire.envelope import Record
from server.store.registry import Station


@dataclass(frozen=True, slots=True)
class Reported:
    """A record with the station that wrote it.

    ``touched`` gathers the lines of whose money something changed: their station is
    told once, when the whole run counts.
    """

    station: Station
    record: Record
    touched: set[str]

    @property
    def writer(self) -> str:
        """The station's name."""
        return self.station.name
