"""One draw at a time: while a yes waits for its read-back, the kiosk asks about that one.

Whoever goes back after a yes, or opens a second page, is led to the draw that waits: they
confirm it or cancel it there, and it holds back no part of their limit that they do not see.
Whoever finishes gives up what they began and left unanswered.
"""

from __future__ import annotations

from core.lending.lease import Clock, DrawState
from core.reasons import Reason
from edge_node.decide.desk import Desk
from edge_node.decide.draws import Receipt
from edge_node.faces.kiosk.teller import Agreement, DrawForm, Teller
from edge_node.faces.kiosk.visits import Visit
from edge_node.store import leases
from edge_node.store.database import StationDatabase


def open_draw(teller: Teller, farmer_id: str, line_id: str, helper_id: str = "") -> str:
    """The id of the draw at a line that waits for its read-back; empty if none does.

    A farmer's own, or the one that this helper began; never an order's, which is drawn at once.
    """
    teller.require_own(farmer_id, line_id)

    def act(db: StationDatabase, _desk: Desk, _clock: Clock) -> str:
        for kept in leases.draws_of_line(db, line_id):
            draw = kept.drawdown
            waits = draw.state is DrawState.PENDING and not kept.paid_out_at_ms
            if waits and not draw.order_id and (draw.drawn_by or "") == helper_id:
                return draw.draw_id
        return ""

    return teller.act(act)


def begin_one(
    teller: Teller, farmer_id: str, form: DrawForm, agreed: Agreement
) -> Receipt | Reason:
    """Begin a draw, or give the one that waits already: a second yes adds none."""

    def act(_db: StationDatabase, _desk: Desk, _clock: Clock) -> Receipt | Reason:
        waiting = open_draw(teller, farmer_id, form.line_id, form.drawn_by)
        if waiting and waiting != form.draw_id:
            return teller.draw(farmer_id, waiting)
        return teller.begin_draw(farmer_id, form, agreed)

    return teller.act(act)


def give_up_own(teller: Teller, visit: Visit | None) -> None:
    """Void what a visit began and nobody confirmed; again, or after a crash, nothing changes.

    A draw whose payout was confirmed stays, and so does one that was begun elsewhere.
    """
    if visit is None or not visit.draw_ids:
        return

    def act(db: StationDatabase, _desk: Desk, _clock: Clock) -> None:
        for draw_id in visit.draw_ids:
            kept = leases.draw(db, draw_id)
            if kept and kept.drawdown.state is DrawState.PENDING and not kept.paid_out_at_ms:
                teller.settle_draw(visit.farmer_id, draw_id, paid_out=False)

    teller.act(act)
