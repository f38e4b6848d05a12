"""The audit of tickets, papers and claims: each way of changing one behind its back is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.services.audit.run import audit, audit_in
from server.services.paperwork import Sheet, file_paper
from server.services.subsidising import claim, take_payment
from server.services.weighing import Ticket, weigh
from server.store.papers import PaperKind
from server.store.store_receipts import Way
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.subsidised_book import LENDER, UNTIL, add_store, lent
from tests.support.tampering import changed

FIRST = SEASON_START.isoformat()
CHANGES = {
    "a weight": (
        "UPDATE store_receipts SET kg = 99 WHERE receipt_id = 'wb-1'",
        "store_receipts", "tickets", "store_receipts", "at most 99 kg to leave",
    ),
    "a ticket that went": (
        "DELETE FROM store_receipts WHERE way = 'in'",
        "store_receipts", "tickets", "store_receipts", "at most 0 kg to leave",
    ),
    "a paper that was taken back": (
        "UPDATE farm_papers SET amount_minor = 1 WHERE voids = ''",
        "farm_papers", "papers", "farm_papers", "what paper inv-1 says",
    ),
    "a claim's total": (
        "UPDATE subsidy_claims SET total_minor = total_minor + 1",
        "subsidy_claims", "claims", "subsidy_claims", "the sum of its lines",
    ),
    "a claim's line": (
        "UPDATE subsidy_claim_lines SET earned_minor = earned_minor + 1",
        "subsidy_claim_lines", "claims", "subsidy_claim_lines", "claimed so far",
    ),
    "a region's payment": (
        "UPDATE subsidy_payments SET amount_minor = amount_minor - 1",
        "subsidy_payments", "claims", "subsidy_payments", "repaid",
    ),
    "a claim that was paid twice over": (
        "UPDATE subsidy_payments SET amount_minor = amount_minor * 9",
        "subsidy_payments", "claims", "subsidy_claims", "at most",
    ),
}  # fmt: skip


def stock(kit: Kit) -> None:
    """A silo's and a herd's papers, and a claim of which a part was paid."""
    lent(kit)
    add_store(kit)
    weigh(kit.centre, Ticket("wb-1", "store-1", Way.IN, 100, FIRST, "bridge"), LENDER)
    weigh(kit.centre, Ticket("wb-2", "store-1", Way.OUT, 100, FIRST, "bridge"), LENDER)
    feed = Sheet("inv-1", "herd-b", PaperKind.FEED, 500, "KES", FIRST, "traders")
    file_paper(kit.centre, feed, LENDER)
    file_paper(kit.centre, replace(feed, paper_id="inv-1x", voids="inv-1"), LENDER)
    found = claim(kit.centre, "migori", "KES", UNTIL.isoformat(), LENDER)
    paid = (5_000, UNTIL.isoformat())
    take_payment(kit.centre, "pay-1", found.claim.claim_id, paid, LENDER)


def test_every_way_of_changing_these_papers_is_named(kit: Kit, subtests: pytest.Subtests) -> None:
    stock(kit)
    whole = audit(kit.centre)
    assert whole.holds, whole.first
    looked = {each.check: each.looked_count for each in whole.checks}
    assert all(looked[name] for name in ("tickets", "papers", "claims"))
    for name, (statement, table, check, where, expected) in CHANGES.items():
        with subtests.test(name), changed(kit, statement, table) as tx:
            [found] = audit_in(kit.centre, tx, (check,)).checks
            assert found.first is not None
            assert (found.first.table, expected in found.first.expected) == (where, True)
