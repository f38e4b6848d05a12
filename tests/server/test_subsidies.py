"""Subsidised interest: claimed once line by line, and what a region pays repays the lines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.services.audit.run import audit
from server.services.centre import RequestError
from server.services.posting import RepaymentRequest, take_repayment
from server.services.standing import owed
from server.services.subsidising import Claimed, claim, take_payment, told
from server.store import ledger, lines
from server.store.engine import ConflictError, StoreError
from server.store.subsidy_tables import SUBSIDY_APPEND_ONLY
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.subsidised_book import LENDER, UNTIL, lent


def claimed(kit: Kit) -> Claimed:
    return claim(kit.centre, "migori", "KES", UNTIL.isoformat(), LENDER)


def test_what_a_region_subsidised_is_claimed_once_and_repays_the_lines(kit: Kit) -> None:
    opened = lent(kit)
    found = claimed(kit)
    # 10,000.00 at 4 % for 100 days, ACT/365: 109.589… a line.
    assert {each.line_id: each.claimed_minor for each in found.lines} == dict.fromkeys(
        opened, 10_959
    )
    with pytest.raises(RequestError, match="that was not claimed before, got 0"):
        claimed(kit)
    before = [kit.read(owed, kit.read(lines.get, each), UNTIL).total_minor for each in opened]
    paid = (15_001, UNTIL.isoformat())
    taken, new = take_payment(kit.centre, "pay-1", found.claim.claim_id, paid, LENDER)
    assert (taken.amount_minor, new) == (15_001, True)
    assert take_payment(kit.centre, "pay-1", found.claim.claim_id, paid, LENDER)[1] is False
    with pytest.raises(ConflictError, match="payment pay-1 exists with other content"):
        take_payment(kit.centre, "pay-1", found.claim.claim_id, (1, paid[1]), LENDER)
    rest = found.claim.total_minor - 15_001
    with pytest.raises(RequestError, match=f"expected 1 to {rest}"):
        take_payment(kit.centre, "pay-2", found.claim.claim_id, (rest + 1, paid[1]), LENDER)
    take_payment(kit.centre, "pay-2", found.claim.claim_id, (rest, paid[1]), LENDER)
    after = [kit.read(owed, kit.read(lines.get, each), UNTIL).total_minor for each in opened]
    assert [a - b for a, b in zip(before, after, strict=True)] == [10_959] * len(opened)
    shares = [kit.read(ledger.repayments_of, each) for each in opened]
    assert sum(one.amount_minor for each in shares for one in each) == found.claim.total_minor
    assert kit.read(told, found.claim.claim_id).paid_minor == found.claim.total_minor
    assert audit(kit.centre).holds


def test_what_a_late_repayment_took_back_is_asked_of_nobody_else(kit: Kit) -> None:
    first, *_ = lent(kit)
    claimed(kit)
    on = (SEASON_START + timedelta(days=50)).isoformat()
    take_repayment(kit.centre, RepaymentRequest("r-1", first, 1_040_000, "KES", on), LENDER)
    kit.clock.add_days(100)
    again = claim(kit.centre, "migori", "KES", (UNTIL + timedelta(days=100)).isoformat(), LENDER)
    # Of the second half nothing was owed: the line was paid too much, and asks for nothing now.
    assert first not in {each.line_id for each in again.lines}
    assert again.claim.total_minor == sum(each.claimed_minor for each in again.lines) > 0
    assert audit(kit.centre).holds


def test_what_cannot_be_claimed_is_refused(kit: Kit) -> None:
    lent(kit)
    ahead = (UNTIL + timedelta(days=1)).isoformat()
    with pytest.raises(RequestError, match=f"expected a day up to {UNTIL}, got '{ahead}'"):
        claim(kit.centre, "migori", "KES", ahead, LENDER)
    with pytest.raises(RequestError, match="expected subsidised interest of busia in KES"):
        claim(kit.centre, "busia", "KES", UNTIL.isoformat(), LENDER)
    with pytest.raises(RequestError, match="expected a claim, got 'none'"):
        take_payment(kit.centre, "pay-1", "none", (1, UNTIL.isoformat()), LENDER)


def test_claims_are_never_changed(kit: Kit) -> None:
    lent(kit)
    made = claimed(kit).claim.claim_id
    take_payment(kit.centre, "pay-1", made, (1, UNTIL.isoformat()), LENDER)
    for table in SUBSIDY_APPEND_ONLY:
        for change in (table.update().values(claim_id="x"), table.delete()):
            with pytest.raises(StoreError, match="append-only"):
                kit.centre.store.write(lambda tx, change=change: tx.run(change))
