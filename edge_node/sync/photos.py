"""Agents' photos to the centre, after everything else, in parts that go on where they broke off.

A part is no larger than what the link carries well, and before each the urgent logs are
looked at: what a farmer does goes first. A photo counts as delivered once the centre has
signed that it has all of it. Statements B6 and B7 of docs/wire.md.
"""

from __future__ import annotations

import logging

from core.canonical import sha256_hex
from core.errors import HarvestlineError, ShapeError
from core.lending.lease import Clock
from core.shape import decode, encode
from core.signing import open_document, sign_document
from core.wire.blob import CLAIM_BYTES_MAX
from core.wire.photos import (
    HELD_BYTES_MAX,
    PART_BYTES_MAX,
    PHOTO_HELD,
    PHOTO_PART,
    PhotoHeld,
    PhotoPart,
    packed,
)
from edge_node.store import outbox, photo_sends
from edge_node.store.database import DiskFullError, StationDatabase, StoreError
from edge_node.store.logs import tail
from edge_node.store.photo_sends import DuePhoto
from edge_node.store.uplink import Purpose
from edge_node.sync.metering import REQUEST_OVERHEAD_BYTES, SLOW_MS, Meter
from edge_node.sync.peers import Ends
from edge_node.sync.pushing import UP_LOGS
from edge_node.sync.wires import Answer, CentreUnreachableError

PATH = "/api/v1/photo-parts"
PART_TYPE = "application/vnd.harvestline.photo-part"
PARTS_A_ROUND_MAX = 8  # then what came down meanwhile has its turn
LOG = logging.getLogger("harvestline.edge.sync")


def send_photos(ends: Ends, meter: Meter, clock: Clock) -> bool:
    """Send parts of photos within the bounds of a round and a day; whether more may follow.

    Raises
    ------
    StoreError, DiskFullError
        If the station cannot write.
    """
    allowance = meter.allowance
    if not allowance.photo_bytes_a_day_max:
        return False
    for _ in range(PARTS_A_ROUND_MAX):
        if _something_urgent(meter.db):
            return True
        due = photo_sends.next_due(meter.db, clock.at_ms)
        if due is None or not _send_part(ends, meter, due, clock):
            return False
    return photo_sends.next_due(meter.db, clock.at_ms) is not None


def _something_urgent(db: StationDatabase) -> bool:
    return any(outbox.delivered(db, log).seq < tail(db, log).seq for log in UP_LOGS)


def _send_part(ends: Ends, meter: Meter, due: DuePhoto, clock: Clock) -> bool:
    """Send the next part of a photo; whether to go on in this round."""
    size_bytes = _part_bytes(meter)
    if size_bytes <= 0:
        return False
    part = photo_sends.data_of(meter.db, due.sha256, due.received_bytes, size_bytes)
    claim = PhotoPart(
        ends.desk.station, due.sha256, due.received_bytes, sha256_hex(part), clock.at_ms
    )
    body = packed(sign_document(PHOTO_PART, encode(claim), ends.signer), part)
    if not meter.fits(Purpose.RAW, len(body)):
        return False
    with meter.db.atomic():  # counted whole, whatever becomes of it
        photo_sends.note_sent(meter.db, meter.day, len(body) + REQUEST_OVERHEAD_BYTES)
    try:
        answer = meter.post(Purpose.RAW, PATH, body, PART_TYPE)
    except CentreUnreachableError as error:
        LOG.info("photo_missed reason=%s", error)
        return False
    meter.went(Purpose.RAW, answer, len(part), more=True)
    return _take(ends, meter, due, answer, clock) and answer.took_ms <= SLOW_MS


def _part_bytes(meter: Meter) -> int:
    """How large the next part may be: by the link, and by what is left of the day [bytes]."""
    sent_bytes = photo_sends.sent_on(meter.db, meter.day)
    left_bytes = meter.allowance.photo_bytes_a_day_max - sent_bytes
    left_bytes -= REQUEST_OVERHEAD_BYTES + CLAIM_BYTES_MAX
    return min(meter.run_bytes(Purpose.RAW), PART_BYTES_MAX, left_bytes)


def _take(ends: Ends, meter: Meter, due: DuePhoto, answer: Answer, clock: Clock) -> bool:
    """Believe the centre's signed word of what it has; whether it was given."""
    try:
        if answer.refused:
            raise ShapeError(answer.problem())
        held = _held(ends, due, answer.body)
    except (StoreError, DiskFullError):
        raise
    except HarvestlineError as error:
        with meter.db.atomic():
            photo_sends.note_refused(meter.db, due.sha256, clock.at_ms, str(error))
        LOG.info("photo_refused reason=%s", error)
        return True  # another photo may well pass
    with meter.db.atomic():
        if held.whole:
            photo_sends.note_delivered(meter.db, due.sha256, due.size_bytes, clock.at_ms)
            photo_sends.make_room(meter.db, meter.allowance.photo_bytes_kept_max)
        elif held.received_bytes == due.received_bytes:
            # No step forward: not asked again at once, or a round would turn for ever.
            photo_sends.note_refused(meter.db, due.sha256, clock.at_ms, "the centre took nothing")
        else:
            photo_sends.note_held(meter.db, due.sha256, held.received_bytes)
    return True


def _held(ends: Ends, due: DuePhoto, body: bytes) -> PhotoHeld:
    signed = open_document(body, PHOTO_HELD, ends.centre.verifier, HELD_BYTES_MAX)
    ends.require_centre(signed.key_id, "the word on a photo")
    held = decode(PhotoHeld, signed.body)
    if (held.station, held.sha256) != (ends.desk.station, due.sha256):
        raise ShapeError(f"expected the centre's word on {due.sha256}, got another photo's")
    if not 0 <= held.received_bytes <= due.size_bytes:
        raise ShapeError(f"expected at most {due.size_bytes} bytes, got {held.received_bytes}")
    return held
