"""Receipts that prove themselves: written by this station, held against keys by any.

The slip says what the receipt says. Its code is made anew each time from what is committed:
Ed25519 signs the same bytes alike, so that every print of a receipt is the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from core.errors import HarvestlineError, SignatureError
from core.shape import decode
from core.signing import Verifier, open_document
from core.wire.slips import (
    SLIP_BYTES_MAX,
    TABLET_VOUCH,
    Slip,
    SlipKind,
    TabletVouch,
    Vouch,
    open_slip,
    parts_of,
    tablet_part,
    vouched_key,
    write_slip,
)
from edge_node.decide.desk import Desk
from edge_node.decide.draws import Receipt
from edge_node.keys import KeyRing
from edge_node.store import leases, lines, proxies, village, vouches
from edge_node.store.database import StationDatabase


class ReceiptError(HarvestlineError):
    """A receipt is not what a station signed, or it cannot be printed."""

    code = "HL-EDGE-045"


@dataclass(frozen=True, slots=True)
class Checked:
    """A slip that is true; ``state`` is how the draw stands where it is known here."""

    slip: Slip
    state: str


def slip_of(db: StationDatabase, desk: Desk, receipt: Receipt) -> Slip:
    """What a draw's receipt says."""
    draw, price = receipt.drawdown, receipt.price
    line = lines.line(db, draw.line_id)
    product = village.product(db, line.product_id)
    paid_to = draw.supplier or ("" if product.to_account else product.pays)
    kind = SlipKind.ACCOUNT if product.to_account else SlipKind.DRAW
    named = {e.helper_id: e.name for e in proxies.of_farmer(db, line.farmer_id)}
    return Slip(
        kind=SlipKind.GOODS if paid_to else kind,
        id=draw.draw_id,
        station=desk.station,
        on=draw.effective_on,
        currency=draw.currency,
        amount_minor=draw.amount_minor,
        total_minor=price.total_minor,
        due_on=price.due_on,
        paid_to=paid_to or None,
        drawn_by=named.get(draw.drawn_by or "") or None,
    )


def code_of(db: StationDatabase, desk: Desk, slip: Slip) -> str:
    """The text of a receipt's code."""
    vouch = vouches.vouch(db)
    return write_slip(slip, desk.signer, json.loads(vouch) if vouch else None)


def check(db: StationDatabase, code: str, keys: tuple[Verifier, Vouch]) -> Checked:
    """What a receipt's code says, if it is true.

    Parameters
    ----------
    keys
        What verifies the centre, and this station with its own public key: a receipt of its
        own needs no vouch.

    Raises
    ------
    ReceiptError
        If it is no receipt's code, was altered, or is by a key that nobody vouches for.
    """
    centre, own = keys
    try:
        signed, vouch = parts_of(code.strip())
        expected = vouched_key(vouch, centre) if vouch else own
        held = tablet_part(code.strip())
        slip = _by_tablet(signed, held, expected) if held else _by_station(signed, expected)
    except HarvestlineError as error:
        raise ReceiptError(f"expected a receipt of a station of this lender: {error}") from error
    known = leases.draw(db, slip.id) if slip.station == own.station else None
    return Checked(slip, known.drawdown.state.value if known is not None else "")


def _by_station(signed: bytes, expected: Vouch) -> Slip:
    return open_slip(signed, KeyRing.of_hex(expected.public_key), expected)


def _by_tablet(signed: bytes, held: bytes, expected: Vouch) -> Slip:
    """A slip of a tablet, which its station let pay out so much."""
    station = KeyRing.of_hex(expected.public_key)
    word = decode(TabletVouch, open_document(held, TABLET_VOUCH, station, SLIP_BYTES_MAX).body)
    if word.station != expected.station:
        raise SignatureError(f"expected a tablet of {expected.station}, got another station's")
    by = Vouch(word.station, word.public_key)
    slip = open_slip(signed, KeyRing.of_hex(word.public_key), by)
    if slip.currency != word.currency or not 0 < slip.amount_minor <= word.amount_minor:
        raise SignatureError("expected an amount within what the tablet may pay out")
    return slip
