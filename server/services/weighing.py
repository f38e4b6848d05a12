"""Grain over the weighbridge: a ticket for what comes to a store, and for what leaves it.

A ticket is one of the two sources of an advance on stored grain; it is written by an
officer or the warehouse's cashier, never by the borrower. What leaves is released by its
sale: the product's share of the proceeds repays the line first.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.units import format_money, require_date, share_ppm
from core.wire.registry import SubjectKind
from server.services.centre import Centre, RequestError, Work
from server.services.paperwork import PAPER_MINOR_MAX, line_on
from server.services.posting import RepaymentRequest, take_repayment_in
from server.services.reviews import review_for_evidence
from server.services.standing import zone_minutes
from server.store import ledger, lines, people, products, registry, store_receipts
from server.store.engine import ConflictError
from server.store.ledger import Repayment
from server.store.lines import Line
from server.store.people import Actor
from server.store.store_receipts import StoreReceipt, Way

TICKET_KG_MAX = 100_000_000  # what the largest silo's sensor may say


@dataclass(frozen=True, slots=True)
class Ticket:
    """A weighbridge's ticket; its id makes it count once."""

    receipt_id: str
    subject_id: str
    way: Way
    kg: int
    effective_on: str
    source: str


@dataclass(frozen=True, slots=True)
class Sale:
    """What grain that leaves was sold for [minor units]."""

    sold_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """What came of a ticket: what is left in the store [kg], and what repaid the line."""

    receipt: StoreReceipt
    new: bool
    stock_kg: int
    repayment: Repayment | None


def weigh(centre: Centre, ticket: Ticket, by: Actor, sale: Sale | None = None) -> Weighed:
    """Write a ticket down, look at the line again, and repay it from a sale.

    The same again changes nothing. What the store held is asked while no other ticket of it
    can be written, and a sale that cannot be booked leaves no ticket.

    Raises
    ------
    RequestError
        If the store, the weight, the day or the sale cannot be.
    ConflictError
        If the id is known with other content.
    """

    def act(work: Work) -> Weighed:
        registry.lock_subject(work.tx, ticket.subject_id)
        line = line_on(work, ticket.subject_id)
        if sale is not None:
            _require_sale(ticket, sale, line)
        receipt, new = _weigh(work, ticket, line, by)
        repayment = _repay(work, (ticket, sale), line, by) if sale is not None else None
        return Weighed(receipt, new, _stock_kg(work, ticket.subject_id), repayment)

    return centre.write(act)


def _weigh(work: Work, ticket: Ticket, line: Line | None, by: Actor) -> tuple[StoreReceipt, bool]:
    kept = StoreReceipt(
        ticket.receipt_id,
        ticket.subject_id,
        ticket.way,
        ticket.kg,
        ticket.effective_on,
        ticket.source,
        work.at_ms,
        by.name,
    )
    known = store_receipts.find(work.tx, ticket.receipt_id)
    if known is not None:
        if _content(known) != _content(kept):
            raise ConflictError(f"ticket {ticket.receipt_id} exists with other content")
        return known, False
    _require_possible(work, ticket)
    store_receipts.add(work.tx, kept)
    detail = {"way": ticket.way.value, "kg": ticket.kg, "on": ticket.effective_on}
    subject = ("store", ticket.subject_id)
    people.record(work.tx, work.at_ms, by, "weighed", subject, {**detail, "id": ticket.receipt_id})
    if line is not None:
        review_for_evidence(work, line.line_id)
    return kept, True


def _content(receipt: StoreReceipt) -> tuple[object, ...]:
    return (
        receipt.subject_id,
        receipt.way,
        receipt.kg,
        receipt.effective_on,
        receipt.source,
    )


def _require_possible(work: Work, ticket: Ticket) -> None:
    subject = registry.subject(work.tx, ticket.subject_id)
    if subject.kind is not SubjectKind.STORE:
        raise RequestError(f"expected a store, got {subject.subject_id}, a {subject.kind.value}")
    if not ticket.receipt_id:
        raise RequestError("expected a ticket's number, got none")
    if not 0 < ticket.kg <= TICKET_KG_MAX:
        raise RequestError(f"expected 1 to {TICKET_KG_MAX:,} kg, got {ticket.kg:,}")
    require_date(ticket.effective_on, "effective_on")
    today = work.today(zone_minutes(work.tx, subject.farmer_id)).isoformat()
    if ticket.effective_on > today:
        raise RequestError(f"expected a day up to {today}, got {ticket.effective_on}")
    least = _least_after(work, ticket)
    if ticket.way is Way.OUT and ticket.kg > least:
        raise RequestError(
            f"expected at most {least:,} kg to leave {ticket.subject_id}, which its tickets of "
            f"{ticket.effective_on} and later leave there; got {ticket.kg:,}: write the missing "
            "tickets first"
        )


def _least_after(work: Work, ticket: Ticket) -> int:
    """The least that a store held from the ticket's day on, by its tickets [kg]."""
    told = store_receipts.of_store(work.tx, ticket.subject_id)
    held = sum(each.change_kg for each in told if each.effective_on <= ticket.effective_on)
    least = held
    for each in (each for each in told if each.effective_on > ticket.effective_on):
        held += each.change_kg
        least = min(least, held)
    return max(least, 0)


def _stock_kg(work: Work, subject_id: str) -> int:
    return sum(each.change_kg for each in store_receipts.of_store(work.tx, subject_id))


def _require_sale(ticket: Ticket, sale: Sale, line: Line | None) -> None:
    if ticket.way is not Way.OUT:
        raise RequestError("expected a sale with grain that leaves, got one with grain that comes")
    if not 0 < sale.sold_minor <= PAPER_MINOR_MAX:
        raise RequestError(
            f"expected a sale of 1 to {PAPER_MINOR_MAX} [minor units], got {sale.sold_minor}"
        )
    if line is not None and line.currency != sale.currency:
        raise RequestError(f"expected a sale in {line.currency}, got {sale.currency}")


def _repay(work: Work, sold: tuple[Ticket, Sale], line: Line | None, by: Actor) -> Repayment | None:
    """The product's share of a sale, as a repayment; None where no line rests on the store."""
    ticket, sale = sold
    repayment_id = f"ticket/{ticket.receipt_id}"
    known = ledger.find_repayment(work.tx, repayment_id)
    if known is not None:  # of the line that rested on the store then
        line = lines.get(work.tx, known.line_id)
    if line is None:
        return None
    share = share_ppm(sale.sold_minor, products.newest(work.tx, line.product_id).proceeds_ppm)
    if not share:
        return known
    on = ticket.effective_on
    request = RepaymentRequest(repayment_id, line.line_id, share, sale.currency, on)
    return take_repayment_in(work, request, by)[0]


def sentence(weighed: Weighed) -> str:
    """What came of a ticket, in words."""
    receipt = weighed.receipt
    way = "came to" if receipt.way is Way.IN else "left"
    told = (
        f"{receipt.kg:,} kg {way} {receipt.subject_id}; its tickets leave {weighed.stock_kg:,} kg"
    )
    if weighed.repayment is None:
        return f"{told}."
    paid = format_money(weighed.repayment.amount_minor, weighed.repayment.currency)
    return f"{told}. {paid} of the sale went to line {weighed.repayment.line_id}."
