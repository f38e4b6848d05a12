"""Telling a station the time, for its own question only."""

from __future__ import annotations

from core.errors import ShapeError
from core.shape import decode, encode
from core.signing import open_document, sign_document
from core.wire.times import NONCE_CHARACTERS, TIME, TIME_REQUEST, TimeAnswer, TimeRequest
from server.keys import KeyRing
from server.services.centre import Centre, SenderError
from server.services.destruction import heard_stations


def answer_time(centre: Centre, data: bytes) -> bytes:
    """The centre's signed word on the time.

    Raises
    ------
    HarvestlineError
        If the question is damaged, or not by an enrolled station in its own name.
    """
    with centre.store.reading() as tx:
        stations = {one.key_id: one for one in heard_stations(tx)}
    ring = KeyRing(one.public_key for one in stations.values())
    signed = open_document(data, TIME_REQUEST, ring, centre.settings.document_bytes_max)
    asked = decode(TimeRequest, signed.body)
    if stations[signed.key_id].name != asked.station:
        raise SenderError(f"expected {stations[signed.key_id].name}, got one for {asked.station}")
    if len(asked.nonce) != NONCE_CHARACTERS:
        raise ShapeError(f"expected a nonce of {NONCE_CHARACTERS} characters")
    told = TimeAnswer(asked.station, asked.nonce, centre.now_ms())
    return sign_document(TIME, encode(told), centre.keys)
