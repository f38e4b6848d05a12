"""A station's request for one of the repository's files: signed, and answered with a path."""

from __future__ import annotations

from pathlib import Path

from core.wire.update import UPDATE_REQUEST, UpdateRequest, require_path
from server.services.centre import Centre, SenderError
from server.services.senders import open_request
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
    asked = open_request(centre, request, UPDATE_REQUEST, UpdateRequest, REQUEST_BYTES_MAX).asked
    if asked.path != path:
        raise SenderError(f"expected a request of {asked.station} for {path[:80]}, got another")
    found = Path(centre.settings.updates_folder) / path
    if not found.is_file():
        raise NotKnownError(f"expected a file of updates, got {path[:80]}")
    return found
