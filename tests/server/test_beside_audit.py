"""The audit beside lines: each way of changing parts, covers and rates behind its back is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.services.audit.run import audit, audit_in
from server.services.colending import sign_agreement
from server.services.covering import Payment, state_covers, take_payment
from server.store import lines
from tests.support.bands import BAND
from tests.support.beside_lines import (
    COOP,
    COVER,
    LENDERS,
    OFFICER,
    OURS,
    WORD,
    agreement,
    consent,
    draw_at,
    offer,
    rules,
    words,
)
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.tampering import changed

MOVED = (
    "UPDATE ledger_lines SET amount_minor = amount_minor - 1 "
    "WHERE account > 'shared/principal/' AND account < 'shared/principal0'"
)
CHANGES = {
    "a partner's share": (
        "UPDATE line_partners SET share_ppm = 400000 WHERE partner_id = 'coop'",
        "line_partners", "shares", "line_partners", "shares that sum to 1,000,000 ppm",
    ),
    "both shares": (
        "UPDATE line_partners SET share_ppm = 500000",
        "line_partners", "shares", "line_partners", "each partner's part",
    ),
    "a partner's posting": (
        MOVED,
        "ledger_lines", "shares", "line_partners", "each partner's part",
    ),
    "what a cover paid": (
        "UPDATE covers SET sum_minor = 9 WHERE event = 'paid'",
        "covers", "covers", "covers", "a repayment for each payment",
    ),
    "a cover's sum": (
        "UPDATE covers SET sum_minor = 1 WHERE event = 'stated'",
        "covers", "covers", "covers", "at most 1 paid",
    ),
    "a rate": (
        "UPDATE line_rates SET rate_ppm = 999999",
        "line_rates", "rates", "line_rates", "a rate inside its band",
    ),
    "a rate's place": (
        "UPDATE line_rates SET seq = seq + 1",
        "line_rates", "rates", "line_rates", "number 1",
    ),
}  # fmt: skip


def stock(kit: Kit) -> None:
    """A joint line that is priced by risk and drawn, and a cover that paid for it."""
    rules(kit)
    offer(kit, risk_prices=[BAND], cover=COVER, lenders=LENDERS)
    sign_agreement(kit.centre, agreement(OURS, COOP), OFFICER)
    consent(kit, "farmer-b", "co_lending", "insurance")
    open_known(kit)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    first = SEASON_START + timedelta(days=1)
    kit.clock.set_day(first)
    draw_at(kit, "draw-1", line.line_id, 500_000, 120_000)
    state_covers(kit.centre, words(WORD), OFFICER)
    paid = Payment("policy-1", line.line_id, 100_000, first.isoformat(), "wire-1")
    take_payment(kit.centre, paid, OFFICER)


def test_every_way_of_changing_what_stands_beside_is_named(
    kit: Kit, subtests: pytest.Subtests
) -> None:
    stock(kit)
    assert audit(kit.centre).holds
    for name, (statement, unguarded, check, table, expected) in CHANGES.items():
        with subtests.test(name), changed(kit, statement, unguarded) as tx:
            first = audit_in(kit.centre, tx, (check,)).checks[0].first
            assert first is not None
            assert (first.table, expected in first.expected) == (table, True), first
    assert audit(kit.centre).holds  # what was changed was undone
