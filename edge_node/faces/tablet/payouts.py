"""What tablets ask of money: how much may be taken along, what they hold, a part of a lease."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.canonical import parse_canonical
from core.errors import ShapeError
from core.lending.lease import Clock
from core.reasons import SENTENCES, ReasonCode
from core.shape import encode
from core.signing import sign_document
from core.units import format_money
from core.wire.slips import SLIP_BYTES_MAX, TABLET_VOUCH, TabletVouch
from edge_node.decide.desk import Desk
from edge_node.decide.room import rooms
from edge_node.decide.subleases import TakeAlong, grant, most_minor, recall_closing
from edge_node.faces.tablet.sessions import text_of
from edge_node.store import lines, subleases, village, vouches
from edge_node.store.database import StationDatabase
from edge_node.store.subleases import KeptSubLease
from edge_node.store.tablets import Tablet


def held(db: StationDatabase, desk: Desk, who: Tablet) -> dict[str, Any]:
    """What a tablet holds, what of it the station wants back, and the station's vouch."""
    with db.atomic():
        recall_closing(db)
    vouch = vouches.vouch(db)
    found = subleases.open_of_key(db, who.public_key)
    told: dict[str, Any] = {"held": [_told(desk, one) for one in found]}
    return told | ({"vouch": json.loads(vouch)} if vouch else {})


def room(db: StationDatabase, desk: Desk, who: Tablet, body: Any, clock: Clock) -> dict[str, Any]:
    """The most that may be taken along for a line now, and in words why no more."""
    line = lines.line(db, text_of(body, "line_id"))
    product = village.product(db, line.product_id)
    most = most_minor(db, desk, who, line, clock)
    found = rooms(db, line, clock)
    code = found[0].refusal if found else ReasonCode.DRAW_NO_LEASE
    return {
        "most_minor": most, "step_minor": product.credit.draw_step_minor,
        "currency": product.currency, "most": format_money(most, product.currency),
        "code": code.value if code else "", "words": SENTENCES[code] if code else "",
    }  # fmt: skip


def take_along(
    db: StationDatabase, desk: Desk, who: Tablet, body: Any, clock: Clock
) -> dict[str, Any]:
    """Sign a part of a line's lease for a tablet; the same ask again gives the same."""
    amount = body.get("amount_minor") if isinstance(body, Mapping) else None
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise ShapeError("expected amount_minor, a whole number")
    ask = TakeAlong(text_of(body, "sublease_id"), text_of(body, "line_id"), amount)
    return _told(desk, grant(db, desk, who, ask, clock))


def _told(desk: Desk, kept: KeptSubLease) -> dict[str, Any]:
    """A sub-lease, and the station's word by which the tablet's receipts are true anywhere."""
    lease = kept.lease
    word = TabletVouch(
        lease.station, lease.tablet_id, lease.public_key, lease.sublease_id,
        lease.terms.currency, lease.amount_minor,
    )  # fmt: skip
    signed = sign_document(TABLET_VOUCH, encode(word), desk.signer)
    return {
        "document": kept.document, "recalled": kept.recalled,
        "receipts": parse_canonical(signed, SLIP_BYTES_MAX),
    }  # fmt: skip
