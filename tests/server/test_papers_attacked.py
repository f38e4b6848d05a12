"""Tickets, papers and claims at once, taken back, bounced and absurd: no money comes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import HarvestlineError
from core.units import civil_day
from core.wire.envelope import LogClass
from server.services.audit.run import audit
from server.services.bouncing import BounceReason, BounceRequest
from server.services.centre import RequestError
from server.services.envelopes import accept_envelope
from server.services.paperwork import PAPER_MINOR_MAX, Sheet, file_paper
from server.services.standing import owed
from server.services.subsidising import Claimed, claim, take_payment, told
from server.services.weighing import Sale, Ticket, Weighed, weigh
from server.store import ledger, lines, papers, store_receipts, subsidies
from server.store.papers import PaperKind
from server.store.people import Actor, Role
from server.store.store_receipts import Way
from tests.support.at_once import at_once, guarded
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.counted_farm import (
    CASHIER,
    FEED,
    SILO,
    bring,
    counting,
    graze,
    herded,
    receipt_product,
)
from tests.support.kiosk_kit import draw, leases_at_station
from tests.support.subsidised_book import LENDER, UNTIL, add_store, lent
from tests.support.two_words import bounced as bounced_by_two

SUPERVISOR = Actor("wanjiru", Role.SUPERVISOR.value)
DAY = SEASON_START.isoformat()
SETTLED = Sheet(
    "ab-1", "herd-b", PaperKind.SLAUGHTER, 400_000, "KES", DAY, "county abattoir", heads=8
)


def bounced(kit: Kit, repayment_id: str) -> None:
    on = civil_day(kit.clock.now_ms()).isoformat()
    word = BounceRequest(repayment_id, BounceReason.CHEQUE_UNPAID, "bank-7", on)
    bounced_by_two(kit.centre, word)


def drawn(kit: Kit, line_id: str) -> None:
    kit.station.pull(kit.centre)
    lease = next(each for each in leases_at_station(kit) if each.line_id == line_id)
    draw(kit, "draw-1", line_id, lease.lease_id, 500_000)
    accept_envelope(kit.centre, kit.station.envelope(LogClass.MONEY))


def test_grain_of_one_store_leaves_once_whoever_weighs_it_at_once(kit: Kit) -> None:
    guarded(kit)
    add_store(kit)
    put = Ticket("in-1", "store-1", Way.IN, 100, DAY, "weighbridge")
    weigh(kit.centre, put, CASHIER)
    away = [replace(put, receipt_id=f"out-{n}", way=Way.OUT) for n in range(4)]
    found = at_once([lambda each=each: weigh(kit.centre, each, CASHIER) for each in away])
    assert sum(isinstance(each, Weighed) for each in found) == 1
    assert sum(isinstance(each, RequestError) for each in found) == 3
    assert kit.read(store_receipts.stock_kg, "store-1", DAY) == 0


def test_a_settlement_is_taken_back_once_whoever_does_so_at_once(kit: Kit) -> None:
    guarded(kit)
    file_paper(kit.centre, SETTLED, CASHIER)
    back = [replace(SETTLED, paper_id=f"x-{n}", voids="ab-1") for n in range(4)]
    found = at_once([lambda each=each: file_paper(kit.centre, each, CASHIER) for each in back])
    assert sum(isinstance(each, RequestError) for each in found) == 3
    assert len(kit.read(papers.every, "herd-b")) == 2


def test_one_interest_is_claimed_once_whoever_claims_it_at_once(kit: Kit) -> None:
    guarded(kit)
    lent(kit)
    until = UNTIL.isoformat()
    ask = [lambda: claim(kit.centre, "migori", "KES", until, LENDER)] * 4
    found = at_once(list(ask))
    assert sum(isinstance(each, Claimed) for each in found) == 1
    assert len(kit.read(subsidies.every_claim)) == 1
    assert audit(kit.centre).holds


def test_a_sale_that_cannot_be_booked_leaves_no_ticket(kit: Kit) -> None:
    counted = counting(kit, receipt_product())
    before = SEASON_START - timedelta(days=1)
    bring(kit, "wb-1", 100, before)
    out = Ticket("wb-2", SILO, Way.OUT, 100, before.isoformat(), "weighbridge")
    with pytest.raises(HarvestlineError, match="expected effective_on as YYYY-MM-DD from"):
        weigh(kit.centre, out, CASHIER, Sale(100_000, "KES"))
    assert kit.read(store_receipts.find, "wb-2") is None
    assert kit.read(ledger.repayments_of, counted.line.line_id) == ()


def test_a_settlement_that_paid_is_taken_back_only_after_its_money(kit: Kit) -> None:
    line_id = herded(kit)
    drawn(kit, line_id)
    found = file_paper(kit.centre, SETTLED, CASHIER)
    assert found.repayment is not None
    back = replace(SETTLED, paper_id="ab-1x", voids="ab-1")
    with pytest.raises(RequestError, match="let repayment settlement/ab-1 bounce first"):
        file_paper(kit.centre, back, CASHIER)
    bounced(kit, "settlement/ab-1")
    assert file_paper(kit.centre, back, CASHIER).new
    again = file_paper(kit.centre, SETTLED, CASHIER)  # a program that asks once more
    assert not again.new
    assert len(kit.read(ledger.repayments_of, line_id)) == 1
    assert kit.read(owed, kit.read(lines.get, line_id), SEASON_START).total_minor >= 500_000
    assert audit(kit.centre).holds


def test_a_settlement_told_again_after_its_line_pays_no_later_line(kit: Kit) -> None:
    file_paper(kit.centre, SETTLED, CASHIER)  # nobody lends on the herd yet
    line_id = herded(kit)
    drawn(kit, line_id)
    assert file_paper(kit.centre, SETTLED, CASHIER).repayment is None
    assert kit.read(ledger.repayments_of, line_id) == ()


def test_what_a_bank_took_back_of_a_subsidy_can_be_paid_again(kit: Kit) -> None:
    first, *_ = lent(kit)
    made = claim(kit.centre, "migori", "KES", UNTIL.isoformat(), LENDER).claim
    whole = (made.total_minor, UNTIL.isoformat())
    take_payment(kit.centre, "pay-1", made.claim_id, whole, LENDER)
    bounced(kit, f"subsidy/pay-1/{first}")
    assert kit.read(told, made.claim_id).paid_minor == made.total_minor - 10_959
    rest = (10_959, UNTIL.isoformat())
    take_payment(kit.centre, "pay-2", made.claim_id, rest, LENDER)
    [paid] = [x for x in kit.read(ledger.repayments_of, first) if "pay-2" in x.repayment_id]
    assert paid.amount_minor == 10_959
    assert audit(kit.centre).holds


def test_absurd_amounts_are_refused_and_foreign_ones_count_nothing(kit: Kit) -> None:
    absurd = replace(FEED, amount_minor=PAPER_MINOR_MAX + 1)
    with pytest.raises(RequestError, match=f"expected an amount of 1 to {PAPER_MINOR_MAX}"):
        file_paper(kit.centre, absurd, LENDER)
    with pytest.raises(RequestError, match="expected a paper's number, got none"):
        file_paper(kit.centre, replace(FEED, paper_id=""), LENDER)
    foreign = replace(FEED, paper_id="inv-ugx", currency="UGX")
    file_paper(kit.centre, foreign, LENDER)  # before there is a line to hold it against
    line_id = herded(kit)
    graze(kit, 5)
    file_paper(kit.centre, FEED, LENDER)
    [view] = kit.read(lines.last_movement, line_id).views
    assert view["feed_bought_minor"] == FEED.amount_minor
