"""Telling a station the time, for its own question only."""

from __future__ import annotations

from core.errors import ShapeError
from core.shape import encode
from core.signing import sign_document
from core.wire.times import NONCE_CHARACTERS, TIME, TIME_REQUEST, TimeAnswer, TimeRequest
from server.services.centre import Centre
from server.services.senders import open_request


def answer_time(centre: Centre, data: bytes) -> bytes:
    """The centre's signed word on the time.

    Raises
    ------
    HarvestlineError
        If the question is damaged, or not by an enrolled station in its own name.
    """
    bytes_max = centre.settings.document_bytes_max
    asked = open_request(centre, data, TIME_REQUEST, TimeRequest, bytes_max).asked
    if len(asked.nonce) != NONCE_CHARACTERS:
        raise ShapeError(f"expected a nonce of {NONCE_CHARACTERS} characters")
    told = TimeAnswer(asked.station, asked.nonce, centre.now_ms())
    return sign_document(TIME, encode(told), centre.keys)
