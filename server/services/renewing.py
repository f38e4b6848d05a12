"""The next agreement of a farmer who has repaid: the one before ends, another is decided on."""

from __future__ import annotations

from core.lending.agreement import AgreementEvent, advance
from core.lending.terms import CashMonth
from server.services.agreements import bring_about, state_of_line
from server.services.centre import Centre, Work
from server.services.ending import Said, event_of, shut, stands
from server.services.origination import Opened, open_for
from server.store import lines


def renew(
    centre: Centre,
    line_id: str,
    product_id: str,
    said: Said,
    cash: tuple[CashMonth, ...] | None = None,
) -> Opened:
    """Decide on another agreement for a farmer who has repaid; if approved, this one ends.

    ``cash`` are the farmer's own months for the next one, if they told any.

    Raises
    ------
    NotKnownError
        If there is no such line or product.
    AgreementError
        If something is owed, or the line is not active.
    RequestError
        If there is no model in use, no dossier, nothing to lend against, or if the product
        does not take the cash months.
    """
    return centre.write(lambda work: _renew(work, line_id, (product_id, cash), said))


def _renew(
    work: Work, line_id: str, wish: tuple[str, tuple[CashMonth, ...] | None], said: Said
) -> Opened:
    product_id, cash = wish
    line = lines.lock(work.tx, line_id)
    standing = stands(work, line)
    asked = event_of(AgreementEvent.RENEW, said, {"product_id": product_id})
    advance(state_of_line(work.tx, line), asked.event, asked.by, standing)
    opened = open_for(work, line.farmer_id, product_id, said.actor, instead_of=line_id, cash=cash)
    if opened.line_id:
        detail = {"product_id": product_id, "next_line_id": opened.line_id}
        bring_about(work, line, event_of(AgreementEvent.RENEW, said, detail), standing)
        shut(work, line)
    return opened
