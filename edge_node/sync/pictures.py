"""Plots' pictures from the centre, after everything else that a round has to move.

Few a round and so many bytes a day: nothing rests on pictures, and no round fails for
one. One that has not reached the centre, or is not what its hash says, is asked for
again later, each time after a longer pause.
"""

from __future__ import annotations

import logging

from core.errors import ShapeError
from core.lending.lease import Clock
from core.shape import encode
from core.signing import sign_document
from core.wire.blob import BLOB_REQUEST, CLAIM_HEADER, BlobClaim, BlobRequest, require_as_claimed
from edge_node.store import pictures
from edge_node.store.pictures import Wanted
from edge_node.store.uplink import Purpose
from edge_node.sync.metering import REQUEST_OVERHEAD_BYTES, SLOW_MS, Meter
from edge_node.sync.peers import Ends
from edge_node.sync.wires import Answer, CentreUnreachableError

PICTURES_A_ROUND_MAX = 4
PROBLEM_BYTES_MAX = 4096  # of a refusal, which may be longer than a small picture
LOG = logging.getLogger("harvestline.edge.sync")


def fetch_pictures(ends: Ends, meter: Meter, clock: Clock) -> bool:
    """Fetch pictures within the bounds of a round and a day; whether more may follow at once.

    Raises
    ------
    StoreError, DiskFullError
        If the station cannot write.
    """
    if not meter.allowance.picture_bytes_a_day_max:
        return False
    due = [one for one in pictures.wanted(meter.db) if one.is_due(clock.at_ms)]
    for one in due[:PICTURES_A_ROUND_MAX]:
        if not _fetch(ends, meter, one, clock):
            return False
    return len(due) > PICTURES_A_ROUND_MAX


def _fetch(ends: Ends, meter: Meter, one: Wanted, clock: Clock) -> bool:
    """Ask for one picture; whether to go on with others in this round."""
    claim = _claim(ends, one, clock)
    if not _fits(meter, one, len(claim)):
        return False
    client = meter.client
    before = client.received_bytes
    try:
        answer = meter.get(
            f"/api/v1/blobs/{one.ref.sha256}",
            {CLAIM_HEADER: claim},
            max(one.ref.size_bytes, PROBLEM_BYTES_MAX),
        )
    except CentreUnreachableError as error:
        _missed(meter, one, clock, str(error))
        return False
    finally:
        # Counted whole, whatever became of it: a link that breaks must not repeat for free.
        moved = len(claim) + client.received_bytes - before
        pictures.note_moved(meter.db, meter.day, moved + REQUEST_OVERHEAD_BYTES)
    _take(meter, one, answer, clock)
    return answer.took_ms <= SLOW_MS


def _claim(ends: Ends, one: Wanted, clock: Clock) -> str:
    asked = BlobRequest(ends.desk.station, one.subject_id, one.ref.sha256, clock.at_ms)
    return sign_document(BLOB_REQUEST, encode(asked), ends.signer).decode()


def _fits(meter: Meter, one: Wanted, claim_bytes: int) -> bool:
    """Whether both the day's bytes for pictures and a metered link leave room for it."""
    most = meter.allowance.picture_bytes_a_day_max
    left_bytes = most - pictures.moved_on(meter.db, meter.day)
    cost_bytes = claim_bytes + one.ref.size_bytes + REQUEST_OVERHEAD_BYTES
    return cost_bytes <= left_bytes and meter.fits(Purpose.RAW, claim_bytes)


def _take(meter: Meter, one: Wanted, answer: Answer, clock: Clock) -> None:
    if answer.refused:
        _missed(meter, one, clock, answer.problem())
        return
    try:
        claimed = BlobClaim(one.ref.sha256, one.ref.media_type, one.ref.size_bytes)
        require_as_claimed(claimed, answer.body)
    except ShapeError as error:
        _missed(meter, one, clock, str(error))
        return
    pictures.keep(meter.db, one, answer.body, clock.at_ms)


def _missed(meter: Meter, one: Wanted, clock: Clock, reason: str) -> None:
    pictures.note_try(meter.db, one, clock.at_ms)
    LOG.info("picture_missed subject=%s reason=%s", one.subject_id, reason)
