"""A box that was put back asks the centre by itself to be the station's (B8 of docs/wire.md).

The same signed request may be carried as a file. An officer decides either way; that it
was approved the box learns from the centre's log, and from nothing else.
"""

from __future__ import annotations

from core.lending.lease import Clock
from core.units import MS_PER_HOUR
from edge_node.store import uplink
from edge_node.store.box import BoxNotConfirmedError
from edge_node.store.uplink import Purpose
from edge_node.sync.metering import Meter
from edge_node.sync.peers import Ends
from edge_node.sync.wires import DOCUMENT_TYPE, CentreUnreachableError

PATH = "/api/v1/box-requests"
ASK_AGAIN_MS = 6 * MS_PER_HOUR  # it waits at the centre; only a centre that lost it must be told
_WAITS, _UNKNOWN = 202, (404, 405)


def ask_to_be_the_box(ends: Ends, meter: Meter, clock: Clock) -> None:
    """Send this box's request if it is due.

    Raises
    ------
    BoxNotConfirmedError
        If it waits for an officer now; the message says for which words of theirs.
    CentreUnreachableError
        If the link breaks, or the centre refuses the request.
    """
    since_ms = clock.at_ms - uplink.pace(meter.db).asked_at_ms
    if not ends.box_request or 0 <= since_ms < ASK_AGAIN_MS:
        return
    if not meter.fits(Purpose.PULL, len(ends.box_request)):
        return
    answer = meter.post(Purpose.PULL, PATH, ends.box_request, DOCUMENT_TYPE)
    if answer.status in _UNKNOWN:
        return  # an older centre: somebody carries the file
    if answer.refused:
        raise CentreUnreachableError(f"the centre refuses this box's request: {answer.problem()}")
    uplink.note_asked(meter.db, clock.at_ms)
    if answer.status == _WAITS:
        raise waits(ends)


def waits(ends: Ends) -> BoxNotConfirmedError:
    """What a box says that has asked and was not confirmed."""
    return BoxNotConfirmedError(
        f"this box waits for an officer: `harvestline-server replace-box --link-key "
        f"{ends.signer.key_id}`"
    )
