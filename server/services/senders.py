"""Who sends a request: the box of today of a station that is heard, and nobody else.

Every door that a station knocks at asks here. A key is looked up by the id that the
document names, so that a thousand stations cost no more than one. A box that was replaced
is told so by name, but only if its own key signed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from core.errors import SignatureError
from core.shape import decode
from core.signing import DocumentType, open_document
from server.keys import KeyRing
from server.services.centre import Centre, SenderError
from server.store import boxes, destroyed, registry
from server.store.engine import Tx
from server.store.registry import Station


class BoxReplacedError(SenderError):
    """Another box was confirmed in place of the one that sends."""

    code = "HL-SRV-014"

    def __init__(self, station: str) -> None:
        super().__init__(
            f"the box that sends for {station} was replaced by another: take it out of use"
        )
        self.station = station


class OfStation(Protocol):
    """A request that says whose it is."""

    @property
    def station(self) -> str:
        """The station's name."""
        ...


_KEY_ID = re.compile("[0-9a-f]{32}")
Asked = TypeVar("Asked", bound=OfStation)


@dataclass(frozen=True, slots=True)
class Request(Generic[Asked]):
    """A request whose signature was verified; ``station`` as it was enrolled."""

    asked: Asked
    station: Station
    key_id: str


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of every box that a station which is heard ever had, asked for one by one."""

    tx: Tx

    def verify(self, key_id: str, message: bytes, signature: bytes) -> None:
        """Return if that key made the signature, else raise ``SignatureError``."""
        KeyRing(_public_keys(self.tx, key_id)).verify(key_id, message, signature)


def open_request(
    centre: Centre, data: bytes, kind: DocumentType, shape: type[Asked], bytes_max: int
) -> Request[Asked]:
    """A station's signed request, in its own name.

    Raises
    ------
    BoxReplacedError
        If a box signed it that was replaced.
    SenderError
        If it speaks for another station.
    HarvestlineError
        If it is damaged, or by no station that is heard.
    """
    with centre.store.reading() as tx:
        request = _opened(tx, data, kind, shape, bytes_max)
        require_now(tx, request.station, request.key_id)
    return request


def open_as_enrolled(
    centre: Centre, data: bytes, kind: DocumentType, shape: type[Asked], bytes_max: int
) -> Asked:
    """A request under the key that a station was enrolled with, whichever box has it.

    Raises
    ------
    SignatureError
        If a box's link key signed it.
    SenderError
        If it speaks for another station.
    HarvestlineError
        If it is damaged, or by no station that is heard.
    """
    with centre.store.reading() as tx:
        request = _opened(tx, data, kind, shape, bytes_max)
    if request.key_id != request.station.key_id:
        raise SignatureError(f"expected the own key of {request.station.name}, got a box's")
    return request.asked


def _opened(
    tx: Tx, data: bytes, kind: DocumentType, shape: type[Asked], bytes_max: int
) -> Request[Asked]:
    signed = open_document(data, kind, _Keys(tx), bytes_max)
    station = _holder(tx, signed.key_id)
    if station is None:
        raise AssertionError(f"key {signed.key_id} has just verified")
    asked = decode(shape, signed.body)
    if asked.station != station.name:
        raise SenderError(f"expected {station.name}, got a request of {asked.station[:80]!r}")
    return Request(asked, station, signed.key_id)


def require_now(tx: Tx, station: Station, key_id: str) -> Station:
    """The station with the keys of its box of today; refuses what a box before signed.

    Ask again where something is written: a person may have decided between the look and
    the work.

    Raises
    ------
    BoxReplacedError
        If it was replaced.
    SenderError
        If the station was declared destroyed: whoever sends has kept or copied a key that
        should be no more.
    """
    if destroyed.is_gone(tx, station.name):
        raise SenderError(f"{station.name} was declared destroyed: its key is revoked for good")
    if key_id in boxes.keys_before(tx, station):
        raise BoxReplacedError(station.name)
    return boxes.linked(tx, station)


def is_anybodys(tx: Tx, key_id: str) -> bool:
    """Whether some station or box signs with that key already."""
    known = registry.station_of_key(tx, key_id), boxes.of_key(tx, key_id)
    return any(each is not None for each in known)


def _holder(tx: Tx, key_id: str) -> Station | None:
    """The station whose key it is or was, unless it is gone for good."""
    if not _KEY_ID.fullmatch(key_id):
        return None
    found = registry.station_of_key(tx, key_id)
    box = boxes.of_key(tx, key_id) if found is None else None
    if box is not None:
        found = registry.find_station(tx, box.station)
    return None if found is None or destroyed.is_gone(tx, found.name) else found


def _public_keys(tx: Tx, key_id: str) -> tuple[str, ...]:
    station = _holder(tx, key_id)
    if station is None:
        return ()
    box = boxes.of_key(tx, key_id)
    return (station.public_key,) if box is None else (box.public_key,)
