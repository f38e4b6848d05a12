"""Who may act for a farmer, and how far: named by the farmer, ended by the farmer.

A helper looks, draws up to an amount a day, and asks for a person. Whatever binds the farmer
anew stays the farmer's own: a first line, the use of data, another helper, the end of an
agreement.
"""

from __future__ import annotations

from dataclasses import replace

from core.lending.lease import Clock
from core.reasons import Reason, ReasonCode
from core.units import format_money
from core.wire.fieldwork import require_id
from core.wire.proxies import HELPER_DAYS_MAX, HELPERS_MAX, Helper, HelperAct
from core.wire.records import Drawdown, Up
from edge_node.decide.desk import Desk, RequestError
from edge_node.store import logs, proxies
from edge_node.store.database import StationDatabase


def grant(db: StationDatabase, desk: Desk, told: Helper, clock: Clock) -> None:
    """Let someone act for a farmer; the same again changes nothing.

    Raises
    ------
    RequestError
        If there are too many helpers already, or it would last too long.
    ShapeError
        If its id can be none.
    """
    require_id(told.helper_id, "helper_id")
    today = desk.today(clock)
    with db.atomic():
        live = proxies.live(db, told.farmer_id, today.isoformat())
        if any(each.helper_id == told.helper_id for each in live):
            return
        if len(live) >= HELPERS_MAX:
            raise RequestError(f"expected at most {HELPERS_MAX} helpers at a time")
        last = today.fromordinal(today.toordinal() + HELPER_DAYS_MAX).isoformat()
        if told.act is not HelperAct.GRANT or not today.isoformat() <= told.until_on <= last:
            raise RequestError(f"expected a helper until {last} at the latest")
        _write(db, desk, told, clock)


def withdraw(db: StationDatabase, desk: Desk, farmer_id: str, helper_id: str, clock: Clock) -> bool:
    """End that someone acts for a farmer, from this moment; False if nobody did."""
    today = desk.today(clock).isoformat()
    with db.atomic():
        live = proxies.live(db, farmer_id, today)
        found = next((each for each in live if each.helper_id == helper_id), None)
        if found is not None:
            _write(db, desk, replace(found, act=HelperAct.WITHDRAW), clock)
        return found is not None


def refuse_helper(
    db: StationDatabase, desk: Desk, asked: tuple[str, str, int], clock: Clock
) -> Reason | None:
    """Why a helper may not draw so much; None if they may.

    Parameters
    ----------
    asked
        The farmer, the helper, the amount [minor units].
    """
    farmer_id, helper_id, amount_minor = asked
    today = desk.today(clock).isoformat()
    live = proxies.live(db, farmer_id, today)
    found = next((each for each in live if each.helper_id == helper_id), None)
    if found is None:
        return Reason(ReasonCode.DRAW_HELPER_ENDED)
    left = max(0, found.draw_day_minor - proxies.drawn_minor(db, helper_id, today))
    if amount_minor <= left:
        return None
    return Reason(ReasonCode.DRAW_HELPER_LIMIT, {"available": format_money(left, found.currency)})


def require_own_draw(
    db: StationDatabase, desk: Desk, asked: tuple[str, str, Drawdown], clock: Clock
) -> None:
    """Refuse a helper to settle what the farmer, or another, began.

    Parameters
    ----------
    asked
        The farmer, the helper, and the draw.

    Raises
    ------
    RequestError
        If it is not the helper's own draw, or they may not act for the farmer any more.
    """
    farmer_id, helper_id, begun = asked
    live = proxies.live(db, farmer_id, desk.today(clock).isoformat())
    if begun.drawn_by != helper_id or all(each.helper_id != helper_id for each in live):
        raise RequestError("expected a draw that you began yourself, and may still make")


def _write(db: StationDatabase, desk: Desk, told: Helper, clock: Clock) -> None:
    if proxies.keep(db, told, clock.at_ms):
        subject = f"helper/{told.helper_id}/{told.act.value}"
        logs.append(db, desk.station, Up.HELPER, told, clock, subject)
