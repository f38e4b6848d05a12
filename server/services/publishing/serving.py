"""A station's request for one of the repository's files: signed, and answered with a path."""

from __future__ import annotations

from pathlib import Path

from core.shape import decode
from core.signing import open_document
from core.wire.update import UPDATE_REQUEST, UpdateRequest, require_path
from server.keys import KeyRing
from server.services.centre import Centre, SenderError
from server.services.destruction import heard_stations
from server.store.engine import NotKnownError

REQUEST_BYTES_MAX = 2048


def file_for_station(centre: Centre, path: str, request: bytes) -> Path:
    """The file that a station may have.

    Raises
    ------
    HarvestlineError
        If the request is damaged, not by an enrolled station, in another's name or for
        another path, or there is no such file.
    """
    require_path(path)
    with centre.store.reading() as tx:
        stations = {one.key_id: one for one in heard_stations(tx)}
    ring = KeyRing(one.public_key for one in stations.values())
    signed = open_document(request, UPDATE_REQUEST, ring, REQUEST_BYTES_MAX)
    asked = decode(UpdateRequest, signed.body)
    name = stations[signed.key_id].name
    if asked.station != name or asked.path != path:
        raise SenderError(f"expected a request of {name} for {path[:80]}, got another")
    found = Path(centre.settings.updates_folder) / path
    if not found.is_file():
        raise NotKnownError(f"expected a file of updates, got {path[:80]}")
    return found
