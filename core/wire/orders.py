"""A supplier's order as the station is told it, and what the farmer says of it.

Down, in the centre's log for a station: order, the newest word on each id. Up, in the
money log: order_answer. Consent to an order is a drawdown that names it, whose consent
names the hash of :func:`shown_order_sha256`: of these goods, of this supplier, at these
prices, at this whole price. Statements O1-O5 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from core.canonical import canonical_hash
from core.errors import ShapeError
from core.lending.ordering import OrderStatus
from core.shape import encode
from core.units import SAFE_INTEGER_MAX

ITEMS_MAX = 50  # of one order
TOTAL_MINOR_MAX = 10**12  # [minor units]; far above any line, far below 2^53
DELIVERIES_MAX = 20  # of one order


@dataclass(frozen=True, slots=True)
class OrderItem:
    """Goods by their supplier's code, whole units at a price [minor units a unit].

    ``goods`` is what the product's terms call them, so that they are held to its budget.
    """

    code: str
    name: str
    goods: str
    quantity: int
    unit: str
    unit_price_minor: int

    @property
    def amount_minor(self) -> int:
        """What all of them cost [minor units]."""
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True, slots=True)
class Received:
    """So many units of a code."""

    code: str
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderOffer:
    """An order of a supplier for a line, as it is offered to the farmer [minor units].

    ``valid_until`` is the last day for consent. ``reported`` is what the supplier says has
    come in the delivery that waits for the farmer's word, number ``delivery_no``; before the
    first there is none, and its number is 0.
    """

    order_id: str
    line_id: str
    farmer_id: str
    supplier: str
    supplier_name: str
    currency: str
    total_minor: int
    items: tuple[OrderItem, ...]
    deliver_by: str
    valid_until: str
    state: OrderStatus
    delivery_no: int = 0
    reported: tuple[Received, ...] | None = None

    @property
    def goods(self) -> tuple[str, ...]:
        """What the product calls its goods, each once, in order."""
        return tuple(sorted({each.goods for each in self.items}))


class Answer(Enum):
    """What a farmer says of an order or of a delivery."""

    DECLINED = "declined"  # of an offer
    RECEIVED = "received"
    DAMAGED = "damaged"
    WRONG = "wrong"
    NOT_COME = "not_come"


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """The farmer's word on an offer (delivery 0) or on a delivery that was reported.

    ``received`` is what came; absent, all that the supplier reported.
    """

    order_id: str
    delivery_no: int
    answer: Answer
    received: tuple[Received, ...] | None = None


def shown_order_sha256(order: OrderOffer, quote_sha256: str) -> str:
    """What consent to an order names: its goods and supplier, and the quote of its price."""
    shown = {
        "order_id": order.order_id,
        "line_id": order.line_id,
        "supplier": order.supplier,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "items": encode(order.items),
        "quote_sha256": quote_sha256,
    }
    return canonical_hash(shown)


def shown_goods_sha256(line_id: str, supplier: str, goods: Iterable[str], quote_sha256: str) -> str:
    """What consent to a voucher's draw without an order names (O6).

    The supplier and the goods stand beside the whole price, so that a consent given for
    fertiliser is none to seed, nor to another's shop.
    """
    shown = {
        "line_id": line_id,
        "supplier": supplier,
        "goods": sorted(set(goods)),
        "quote_sha256": quote_sha256,
    }
    return canonical_hash(shown)


def require_items(items: Iterable[OrderItem], total_minor: int) -> None:
    """Hold an order's goods against each other and against its total.

    Raises
    ------
    ShapeError
        If there are none or too many, a code stands twice, a quantity or price is not
        positive, or they do not add up.
    """
    found = tuple(items)
    if not 1 <= len(found) <= ITEMS_MAX:
        raise ShapeError(f"order: expected 1 to {ITEMS_MAX} items, got {len(found)}")
    codes = [each.code for each in found]
    if len(set(codes)) != len(codes):
        raise ShapeError("order: expected each code once, got one twice: add them up")
    for each in found:
        if each.quantity <= 0 or each.unit_price_minor <= 0:
            raise ShapeError(f"order: {each.code}: expected a positive quantity and price")
    added = sum(each.amount_minor for each in found)
    if added != total_minor or not 0 < total_minor <= min(TOTAL_MINOR_MAX, SAFE_INTEGER_MAX):
        raise ShapeError(
            f"order: expected a total of its items, at most {TOTAL_MINOR_MAX}, got {total_minor} "
            f"where they add up to {added}"
        )


def received_minor(items: Iterable[OrderItem], counts: Mapping[str, int]) -> int:
    """What units that came are worth by an order's prices [minor units].

    Raises
    ------
    ShapeError
        If a code is not of the order, or more came than was ordered.
    """
    by_code = {each.code: each for each in items}
    for code, count in counts.items():
        if code not in by_code:
            raise ShapeError(f"delivery: expected codes of the order, got {code[:64]!r}")
        if not 0 <= count <= by_code[code].quantity:
            raise ShapeError(
                f"delivery: {code}: expected 0 to {by_code[code].quantity} in all, got {count}"
            )
    return sum(by_code[code].unit_price_minor * count for code, count in counts.items())
