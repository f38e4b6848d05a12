"""Sales: a buyer says what it bought; the line is paid first, what is left is the farmer's.

A report moves no money. The answer says what the buyer pays to the lender and what to the
farmer; the line is repaid when a cashier has the lender's part in hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.lending.kind_terms import VoucherTerms
from core.shape import encode
from core.units import civil_date, share_ppm
from server.services.access import Caller
from server.services.centre import Centre, RequestError, Work
from server.services.hooks.events import emit
from server.services.orders.life import OrderRefusedError, settle_repaid
from server.services.posting import RepaymentRequest, take_repayment
from server.services.standing import owed, zone_minutes
from server.store import ledger, lines, partners, people, products, sales
from server.store.engine import ConflictError, NotKnownError
from server.store.ledger import Repayment
from server.store.lines import Line
from server.store.partners import PartnerKind
from server.store.people import Actor
from server.store.sales import Sale, repayment_id

SALES_MAX = 1_000  # of one line
KG_MAX = 10**9


@dataclass(frozen=True, slots=True)
class SaleRequest:
    """What a buyer bought of a line's harvest; ``reference`` makes it count once."""

    reference: str
    line_id: str
    sold_on: str
    sold_kg: int
    currency: str
    proceeds_minor: int


def report_sale(centre: Centre, request: SaleRequest, caller: Caller) -> tuple[Sale, bool]:
    """Take a buyer's word on a sale, and say who is paid what; whether it was new.

    Raises
    ------
    OrderRefusedError
        If the buyer is not registered, or the line has more sales than it may.
    NotKnownError
        If there is no such line for this buyer.
    RequestError
        If the day, the weight or the currency cannot be.
    ConflictError
        If the reference is known with other content.
    """
    return centre.write(lambda work: _report(work, request, caller))


def _report(work: Work, request: SaleRequest, caller: Caller) -> tuple[Sale, bool]:
    buyer = caller.party
    line, voucher = _line_for(work, request.line_id, buyer)
    content = canonical_hash(encode(request))
    known = sales.by_reference(work.tx, buyer, request.reference)
    if known is not None:
        if known.content_sha256 != content:
            raise ConflictError(f"sale {request.reference!r} exists with other content")
        return known, False
    on = _require_possible(work, request, line)
    to_line = _to_line(work, line, share_ppm(request.proceeds_minor, voucher.sale_repay_ppm), on)
    sale = Sale(
        sale_id=work.new_id(),
        reference=request.reference,
        buyer=buyer,
        line_id=line.line_id,
        farmer_id=line.farmer_id,
        sold_on=on.isoformat(),
        sold_kg=request.sold_kg,
        currency=request.currency,
        proceeds_minor=request.proceeds_minor,
        to_line_minor=to_line,
        to_farmer_minor=request.proceeds_minor - to_line,
        content_sha256=content,
        at_ms=work.at_ms,
    )
    if not sales.add(work.tx, sale):
        raise ConflictError(f"sale {request.reference!r} exists with other content")
    facts = {"line_id": line.line_id, "to_line_minor": to_line}
    subject = ("sale", sale.sale_id)
    people.record(work.tx, work.at_ms, caller.actor, "sale_reported", subject, facts)
    payload = {"sale_id": sale.sale_id, "reference": sale.reference, **facts}
    emit(work, "sale.reported", sale.sale_id, payload, buyer)
    return sale, True


def _line_for(work: Work, line_id: str, buyer: str) -> tuple[Line, VoucherTerms]:
    """The line, locked, if its product sells to this buyer; else it is not known to them."""
    partner = partners.find(work.tx, buyer)
    if partner is None or partner.kind is not PartnerKind.BUYER or partner.closed_at_ms is not None:
        raise OrderRefusedError(f"expected a registered buyer, {buyer!r} is none")
    found = lines.find(work.tx, line_id)
    product = products.newest(work.tx, found.product_id) if found is not None else None
    if product is None or product.voucher is None or buyer not in product.voucher.buyers:
        raise NotKnownError(f"expected a line that sells to {buyer}, got {line_id[:64]!r}")
    return lines.lock(work.tx, line_id), product.voucher


def _require_possible(work: Work, request: SaleRequest, line: Line) -> date:
    today = work.today(zone_minutes(work.tx, line.farmer_id))
    last = (today + timedelta(days=1)).isoformat()  # a buyer's zone may be a day ahead
    on = civil_date(request.sold_on)
    right = 0 < request.sold_kg <= KG_MAX and request.proceeds_minor > 0
    if request.currency != line.currency or not right:
        raise RequestError(
            f"sale {request.reference!r}: expected kilograms and proceeds in {line.currency} above "
            f"0, got {request.sold_kg} kg, {request.proceeds_minor} {request.currency}"
        )
    if on is None or not line.opened_on <= on.isoformat() <= last:
        raise RequestError(
            f"sale {request.reference!r}: expected sold_on from {line.opened_on} to {last}, got "
            f"{request.sold_on[:40]!r}"
        )
    if len(sales.of_line(work.tx, line.line_id)) >= SALES_MAX:
        raise OrderRefusedError(f"line {line.line_id}: it has {SALES_MAX} sales already")
    return on


def _to_line(work: Work, line: Line, share_minor: int, on: date) -> int:
    """What the lender is paid of a sale: no more than is owed and not promised by others.

    Owed is what is owed now: a sale that is dated before the debt would pay nothing of it.
    """
    today = work.today(zone_minutes(work.tx, line.farmer_id))
    owed_minor = owed(work.tx, line, max(on, today)).total_minor
    promised = sum(each.to_line_minor for each in unpaid_sales(work, line.line_id))
    return max(0, min(share_minor, owed_minor - promised))


def unpaid_sales(work: Work, line_id: str) -> tuple[Sale, ...]:
    """A line's sales of which the lender's part has not come in."""
    return tuple(
        each
        for each in sales.of_line(work.tx, line_id)
        if each.to_line_minor and ledger.find_repayment(work.tx, repayment_id(each)) is None
    )


def receive_proceeds(
    centre: Centre, sale_id: str, received_on: str, cashier: Actor
) -> tuple[Repayment, bool]:
    """Repay the line with the lender's part of a sale, which a cashier has; whether it was new.

    Raises
    ------
    NotKnownError
        If the sale is not known.
    RequestError
        If nothing of it is the lender's, or the day cannot be.
    ConflictError
        If it came in on another day before.
    """
    with centre.store.reading() as tx:
        sale = sales.get(tx, sale_id)
    if sale.to_line_minor == 0:
        raise RequestError(f"sale {sale_id}: expected a part for the line, all is the farmer's")
    request = RepaymentRequest(
        repayment_id(sale), sale.line_id, sale.to_line_minor, sale.currency, received_on
    )
    taken = take_repayment(centre, request, cashier)
    centre.write(lambda work: settle_repaid(work, sale.line_id))
    return taken
