"""The promises of tickets, papers and claims: each adds up, and repaid what it says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from server.services.audit.finding import Look, Looks, first_fault
from server.services.centre import Centre
from server.services.subsidising import Claimed, repayment_id, told
from server.store import ledger, papers, store_receipts, subsidies
from server.store.engine import Tx
from server.store.store_receipts import Way


def tickets(_: Centre, tx: Tx) -> Looks:
    """No more ever left a store than had come to it, day by day."""
    for store_id in store_receipts.stores(tx):
        held_kg = 0
        told_here = store_receipts.of_store(tx, store_id)
        for on, tickets_of_day in groupby(told_here, attrgetter("effective_on")):
            day = tuple(tickets_of_day)
            left = sum(each.kg for each in day if each.way is Way.OUT)
            held_kg += sum(each.change_kg for each in day)
            yield first_fault(
                "store_receipts",
                day[-1].receipt_id,
                (any(each.kg <= 0 for each in day), "a weight above nothing", "one that is not"),
                (held_kg < 0, f"at most {held_kg + left} kg to leave on {on}",
                 f"{left} kg"),
            )  # fmt: skip


def paperwork(_: Centre, tx: Tx) -> Looks:
    """A paper that takes another back says what that one said, and no two take one back."""
    for subject_id in papers.subjects(tx):
        told_here = papers.every(tx, subject_id)
        known = {each.paper_id: each for each in told_here}
        gone: set[str] = set()
        for each in told_here:
            about = known.get(each.voids)
            same = about is not None and (
                (about.kind, about.amount_minor, about.currency, about.heads)
                == (each.kind, each.amount_minor, each.currency, each.heads)
            )
            yield first_fault(
                "farm_papers",
                each.paper_id,
                (bool(each.voids) and not same, f"what paper {each.voids} says", "other amounts"),
                (each.voids in gone, "a paper that was not taken back before", each.voids),
            )
            gone |= {each.voids} - {""}


def claims(_: Centre, tx: Tx) -> Looks:
    """Claims are the sum of their lines, never more than was subsidised; payments repaid them."""
    claimed: dict[str, int] = {}
    for claim in subsidies.every_claim(tx):
        found = told(tx, claim.claim_id)
        total = sum(each.claimed_minor for each in found.lines)
        yield first_fault(
            "subsidy_claims",
            claim.claim_id,
            (total != claim.total_minor, f"{total}, the sum of its lines", f"{claim.total_minor}"),
            (found.paid_minor > claim.total_minor, f"at most {claim.total_minor} paid",
             f"{found.paid_minor}"),
        )  # fmt: skip
        for each in found.lines:
            claimed[each.line_id] = claimed.get(each.line_id, 0) + each.claimed_minor
            so_far = claimed[each.line_id]
            yield first_fault(
                "subsidy_claim_lines",
                f"{claim.claim_id}/{each.line_id}",
                (so_far != each.earned_minor, f"{each.earned_minor} claimed so far", f"{so_far}"),
            )
        yield from _payments(tx, found)


def _payments(tx: Tx, found: Claimed) -> Iterator[Look]:
    for payment in subsidies.payments_of(tx, found.claim.claim_id):
        taken = [
            ledger.find_repayment(tx, repayment_id(payment.payment_id, each))
            for each in found.lines
        ]
        repaid = sum(each.amount_minor for each in taken if each is not None)
        yield first_fault(
            "subsidy_payments",
            payment.payment_id,
            (repaid != payment.amount_minor, f"{payment.amount_minor} repaid", f"{repaid}"),
        )
