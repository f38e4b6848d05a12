"""The next agreement of a farmer who has repaid: the one before ends, another is decided on."""

from __future__ import annotations

from core.lending.agreement import AgreementEvent
from server.services.agreements import bring_about
from server.services.centre import Centre, Work
from server.services.ending import Said, event_of, shut, stands
from server.services.origination import Opened, open_for
from server.store import lines


def renew(centre: Centre, line_id: str, product_id: str, said: Said) -> Opened:
    """End a repaid agreement and decide on another for the same farmer.

    Raises
    ------
    NotKnownError
        If there is no such line or product.
    AgreementError
        If something is owed, or the line is not active.
    RequestError
        If there is no model in use, no dossier, or nothing to lend against.
    """
    return centre.write(lambda work: _renew(work, line_id, product_id, said))


def _renew(work: Work, line_id: str, product_id: str, said: Said) -> Opened:
    line = lines.lock(work.tx, line_id)
    event = event_of(AgreementEvent.RENEW, said, {"product_id": product_id})
    bring_about(work, line, event, stands(work, line))
    shut(work, line)
    return open_for(work, line.farmer_id, product_id, said.actor)
