"""The number by which a farmer who is not at a kiosk says that all of a delivery came.

The farmer's station shows it before the goods come, and needs no link to do so; the supplier
brings it to the centre with their token. Neither is told it by the other: both reckon it
from the secret that their sealing keys share. It stands for one delivery of one order and
says one thing only, that all that was still to come has come.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import date, timedelta

from core.canonical import canonical_bytes
from core.errors import ShapeError

CODE_DIGITS = 8
WRONG_MAX = 5  # wrong codes for one delivery; then only the farmer's word at the kiosk counts
CODE_DAYS_MAX = 30  # [days] after the day by which the order was to be delivered
CODE_CONTEXT = b"delivery-code/v1"  # binds the pair's secret to this use
_READ_BYTES = 16  # of the keyed hash; the remainder's bias is below 2^-100


def delivery_code(secret: bytes, order_id: str, delivery_no: int) -> str:
    """The digits that stand for one delivery of an order.

    Parameters
    ----------
    secret
        What station and centre share, bound to :data:`CODE_CONTEXT`.
    delivery_no
        From 1, as the supplier's reports are counted.
    """
    told = canonical_bytes({"delivery_no": delivery_no, "order_id": order_id})
    digest = hmac.new(secret, told, hashlib.sha256).digest()
    number = int.from_bytes(digest[:_READ_BYTES], "big") % 10**CODE_DIGITS
    return f"{number:0{CODE_DIGITS}d}"


def grouped(code: str) -> str:
    """A code as people read it: two groups of four."""
    half = CODE_DIGITS // 2
    return f"{code[:half]} {code[half:]}"


def typed_code(text: str) -> str:
    """The digits of a code as somebody typed it, with spaces or a dash between.

    Raises
    ------
    ShapeError
        If it is no code; it is not repeated in the message.
    """
    digits = text.replace(" ", "").replace("-", "")
    if len(digits) != CODE_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise ShapeError(f"code: expected {CODE_DIGITS} digits, got {len(text)} signs: type it so")
    return digits


def code_matches(typed: str, right: str) -> bool:
    """Whether two codes are the same, in a time that does not depend on where they differ."""
    return hmac.compare_digest(typed.encode(), right.encode())


def code_counts_until(deliver_by: str) -> date:
    """The last day on which a code of an order counts."""
    return date.fromisoformat(deliver_by) + timedelta(days=CODE_DAYS_MAX)
