"""The next agreement of a farmer who has repaid: the one before ends, another is decided on."""

from __future__ import annotations

from core.lending.agreement import AgreementEvent, advance
from server.services.agreements import bring_about, state_of_line
from server.services.centre import Centre, Work
from server.services.ending import Said, event_of, shut, stands
from server.services.origination import Opened, open_for
from server.store import lines


def renew(centre: Centre, line_id: str, product_id: str, said: Said) -> Opened:
    """Decide on another agreement for a farmer who has repaid; if approved, this one ends.

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
    standing = stands(work, line)
    asked = event_of(AgreementEvent.RENEW, said, {"product_id": product_id})
    advance(state_of_line(work.tx, line), asked.event, asked.by, standing)
    opened = open_for(work, line.farmer_id, product_id, said.actor, instead_of=line_id)
    if opened.line_id:
        detail = {"product_id": product_id, "next_line_id": opened.line_id}
        bring_about(work, line, event_of(AgreementEvent.RENEW, said, detail), standing)
        shut(work, line)
    return opened
