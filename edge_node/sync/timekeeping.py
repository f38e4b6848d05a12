"""Asking the centre for the time, before a round: the one thing that puts a clock right.

A centre that does not know the question (an older release) changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.errors import CanonicalError, ShapeError, SignatureError, UnknownDocumentError
from core.lending.clock import Anchor, Reading, anchor_of
from core.shape import decode, encode
from core.signing import open_document, sign_document
from core.units import MS_PER_HOUR
from core.wire.times import TIME, TIME_REQUEST, TimeAnswer, TimeRequest
from edge_node.store.clocks import CENTRE, newest_anchor, take_anchor
from edge_node.store.database import StationDatabase
from edge_node.store.outbox import link_state
from edge_node.sync.peers import Ends
from edge_node.sync.wires import DOCUMENT_TYPE, CentreClient, CentreUnreachableError

NONCE_BYTES = 16
ASK_EVERY_MS = 6 * MS_PER_HOUR  # a crystal drifts four seconds in it
LOG = logging.getLogger("harvestline.edge.sync")


def ask_time(
    db: StationDatabase,
    ends: Ends,
    client: CentreClient,
    read: Callable[[], Reading],
    entropy: Callable[[int], bytes],
) -> Anchor | None:
    """Ask once, and trust the answer; None if none came, or it came too late to say much.

    Raises
    ------
    SignatureError
        If the answer is not the centre's, or not to this question.
    """
    request = TimeRequest(ends.desk.station, entropy(NONCE_BYTES).hex())
    asked = read()
    try:
        document = sign_document(TIME_REQUEST, encode(request), ends.signer)
        answer = client.post("/api/v1/time", document, DOCUMENT_TYPE)
    except CentreUnreachableError:
        return None
    answered = read()
    if answer.refused or not answer.body:
        return None
    signed = open_document(answer.body, TIME, ends.centre.verifier)
    ends.require_centre(signed.key_id, "the time")
    told = decode(TimeAnswer, signed.body)
    if (told.station, told.nonce) != (request.station, request.nonce):
        raise SignatureError("expected the time for this question, got another's answer")
    anchor = anchor_of(asked, answered, told.at_ms)
    if anchor is not None:
        take_anchor(db, anchor, CENTRE)
    return anchor


def keep_time(
    db: StationDatabase,
    ends: Ends,
    client: CentreClient,
    read: Callable[[], Reading],
    entropy: Callable[[int], bytes],
) -> None:
    """Ask for the time if it is due: after a boot, and every ``ASK_EVERY_MS`` on a good link."""
    known, now = newest_anchor(db), read()
    if known is not None and not link_state(db).up:
        return  # the round will find out whether the link is back; the next one asks
    same_boot = known is not None and known.clocks.boot_id == now.boot_id
    if known is not None and same_boot:
        passed_ms = now.ticks_ms - known.clocks.ticks_ms
        if 0 <= passed_ms < ASK_EVERY_MS:
            return
    try:
        ask_time(db, ends, client, read, entropy)
    except (SignatureError, ShapeError, UnknownDocumentError, CanonicalError) as error:
        LOG.warning("time_refused code=%s", error.code)
