"""The audit: a whole book holds, and each way of changing it behind its back is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.services.audit.run import CHECKS, Audit, audit, audit_in
from tests.support.centre_kit import Kit
from tests.support.tampering import changed, stock

E, L = "ledger_entries", "ledger_lines"
DRAW = "(SELECT entry_id FROM ledger_entries WHERE cause_id = 'draw/draw-b' AND kind = 'drawdown')"
FEE = "(SELECT entry_id FROM ledger_entries WHERE cause_id = 'draw/draw-b' AND kind = 'fee')"

# What somebody did, the tables whose triggers they took away, and what the audit says of it:
# the check, the table and a part of what was expected.
CHANGES = {
    "an amount": (
        ("UPDATE ledger_lines SET amount_minor = amount_minor + 1 WHERE entry_id = :draw "
         "AND line_no = 1"),
        (L,), "sums", E, "sum to zero",
    ),
    "both sides of an entry": (
        "UPDATE ledger_lines SET amount_minor = amount_minor * 2 WHERE entry_id = :draw",
        (L,), "seals", E, "lines whose content is",
    ),
    "an account": (
        "UPDATE ledger_lines SET account = 'cash/mallory' WHERE entry_id = :draw AND line_no = 2",
        (L,), "seals", E, "lines whose content is",
    ),
    "lines after the seal": (
        ("INSERT INTO ledger_lines SELECT tenant_id, entry_id, 3, 'income/fee', currency, "
         "5 FROM ledger_entries, "
         "(SELECT 'KES' AS currency) AS c WHERE entry_id = :fee UNION ALL SELECT tenant_id, "
         "entry_id, 4, 'cash/x', 'KES', -5 FROM ledger_entries WHERE entry_id = :fee"),
        (L,), "seals", E, "lines whose content is",
    ),
    "a line number": (
        "UPDATE ledger_lines SET line_no = 7 WHERE entry_id = :draw AND line_no = 2",
        (L,), "seals", E, "lines numbered 1 to 2",
    ),
    "a line without a header": (
        "INSERT INTO ledger_lines VALUES ('lender', 'ghost', 1, 'cash/x', 'KES', 5)",
        (L,), "seals", L, "a header that seals it",
    ),
    "a line taken away": (
        ("DELETE FROM ledger_lines WHERE entry_id = :draw AND line_no = "
         "2"),
        (L,), "sums", E, "two lines",
    ),
    "an account that no chart knows": (
        ("UPDATE ledger_lines SET account = 'expense/parties' WHERE entry_id = :draw AND "
         "line_no = 2"),
        (L,), "accounts", L, "accounts of the chart",
    ),
    "a day of effect": (
        "UPDATE ledger_entries SET effective_on = '2026-01-01' WHERE entry_id = :draw",
        (E,), "chains", E, "of what it says",
    ),
    "when it was written down": (
        "UPDATE ledger_entries SET recorded_at_ms = 1 WHERE entry_id = :draw",
        (E,), "chains", E, "of what it says",
    ),
    "an entry's kind": (
        ("UPDATE ledger_entries SET kind = 'gift' WHERE entry_id = "
         ":draw"),
        (E,), "sums", E, "sum to zero",
    ),
    "an entry taken from the middle": (
        "DELETE FROM ledger_entries WHERE entry_id = :draw", (E, L), "chains", E, "number",
    ),
    "a record of a station": (
        "UPDATE inbound_records SET at_ms = at_ms + 1 WHERE seq = 3 AND log = 'money'",
        ("inbound_records",), "inbound", "inbound_records", "of what it says",
    ),
    "a station's last record": (
        ("DELETE FROM inbound_records WHERE log = 'money' AND seq = (SELECT max(seq) FROM "
         "inbound_records WHERE log = 'money')"),
        ("inbound_records",), "inbound", "inbound_logs", "the last record",
    ),
    "a signed head": (
        "UPDATE signed_heads SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM signed_heads)",
        ("signed_heads",), "heads", "signed_heads", "the signed header",
    ),
    "a signature": (
        "UPDATE signed_heads SET signature = header",
        ("signed_heads",), "heads", "signed_heads", "a head that st-one signed",
    ),
    "a record to a station": (
        "UPDATE outbound_records SET at_ms = at_ms + 1 WHERE seq = 2",
        ("outbound_records",), "outbound", "outbound_records", "of what it says",
    ),
    "a day's root": (
        "UPDATE day_roots SET root = previous WHERE seq = 2",
        ("day_roots",), "roots", "day_roots", "what its document says",
    ),
    "a day's root taken away": (
        "DELETE FROM day_roots WHERE seq = 1", ("day_roots",), "roots", "day_roots", "number 1",
    ),
    "a limit": (
        "UPDATE lines SET limit_minor = limit_minor + 100",
        (), "limits", "lines", "as its last movement set",
    ),
    "a movement's limit": (
        "UPDATE movements SET limit_minor = limit_minor + 10000 WHERE movement = 'raised'",
        ("movements",), "limits", "movements", "by its terms",
    ),
    "a movement's terms": (
        ("UPDATE movements SET terms = replace(terms, '\"harvest_value_minor\":', "
         "'\"harvest_value_minor\":1') WHERE movement = 'raised'"),
        ("movements",), "limits", "movements", "the terms that the rule gives",
    ),
    "what was seen": (
        ("UPDATE movements SET views = replace(views, '\"yield_p10_kg_per_ha\":', "
         "'\"yield_p10_kg_per_ha\":1') WHERE movement = 'raised'"),
        ("movements",), "limits", "movements", "the terms that the rule gives",
    ),
    "evidence that a movement cites": (
        "DELETE FROM evidence WHERE evidence_id = 'ev-0001'",
        ("evidence",), "limits", "movements", "evidence that is here",
    ),
    "a consent that a movement cites": (
        "UPDATE movements SET consent_ids = '[\"forged\"]' WHERE movement = 'raised'",
        ("movements",), "consents", "movements", "consents of its farmer",
    ),
    "a lease by one unit": (
        "UPDATE leases SET amount_minor = amount_minor + 1 WHERE kind = 'line'",
        (), "leases", "leases", "what its document says",
    ),
    "what a lease was signed against": (
        "UPDATE leases SET leased_at_signing_minor = 99000000 WHERE kind = 'line'",
        (), "leases", "leases", "posted, pending and leased",
    ),
    "a draw above its lease": (
        "UPDATE drawdowns SET amount_minor = 2000000 WHERE draw_id = 'draw-b'",
        (), "draws", "leases", "at most",
    ),
    "a draw that the ledger does not know": (
        "UPDATE drawdowns SET amount_minor = amount_minor - 1 WHERE draw_id = 'draw-b'",
        (), "books", "lines", "drawn in the ledger",
    ),
    "a repayment": (
        "UPDATE repayments SET amount_minor = amount_minor + 100 WHERE repayment_id = 'r1'",
        (), "books", "lines", "draws and repayments come to",
    ),
    "a card's score": (
        "UPDATE decisions SET pd_ppm = 1", ("decisions",), "cards", "decisions",
        "what its document says",
    ),
    "the model of a card": (
        "DELETE FROM models", (), "cards", "decisions", "the same bytes",
    ),
    "an evidence document": (
        "UPDATE evidence SET sha256 = 'x' WHERE evidence_id = 'ev-0002'",
        ("evidence",), "evidence", "evidence", "that was received",
    ),
    "a step of an agreement": (
        "UPDATE agreement_steps SET state = 'closed' WHERE event = 'agree'",
        ("agreement_steps",), "agreements", "agreement_steps", "that the table permits",
    ),
    "why an agreement took a step": (
        "UPDATE agreement_steps SET reason = 'reviewed' WHERE event = 'offer'",
        ("agreement_steps",), "agreements", "agreement_steps", "a party and a reason",
    ),
    "when an agreement took a step": (
        "UPDATE agreement_steps SET on_day = '2026-01-01' WHERE event = 'agree'",
        ("agreement_steps",), "agreements", "agreement_steps", "that the trail tells",
    ),
    "an agreement's last step": (
        "DELETE FROM agreement_steps WHERE event = 'agree'",
        ("agreement_steps",), "agreements", "agreement_steps", "that the trail tells",
    ),
    "a line against its agreement": (
        "UPDATE lines SET frozen = NOT frozen", (), "agreements", "lines", "a line as",
    ),
    "who did it": (
        "UPDATE audit SET actor = 'mallory' WHERE seq = 2", ("audit",), "trail", "audit",
        "of what it says",
    ),
}  # fmt: skip


def told(found: Audit, check: str) -> tuple[str, str, str]:
    [checked] = [each for each in found.checks if each.check == check]
    first = checked.first
    return (first.table, first.record_id, first.expected) if first else ("", "", "all well")


# Checks of what this book does not hold; the file that changes it behind its back.
ELSEWHERE = {
    "tickets": "test_counted_audit.py",
    "papers": "test_counted_audit.py",
    "claims": "test_counted_audit.py",
    "orders": "test_orders_attacked.py",
    "payouts": "test_payout_answers.py",
    "payables": "test_payout_answers.py",
    "sales": "test_orders_attacked.py",
    "shares": "test_beside_audit.py",
    "covers": "test_beside_audit.py",
    "rates": "test_beside_audit.py",
    "bounces": "test_bounced_repayments.py",
    "boxes": "test_cash_boxes.py",
    "cash": "test_cash_boxes.py",
    "plans": "test_restructuring.py",
    "marks": "test_review_marks.py",
    "looks": "test_plot_map.py",
    "words": "test_money_words.py",
    "tablets": "test_field_money.py",
    "erased": "test_erasing.py",
    "users": "test_two_accounts.py",
    "given": "test_two_accounts.py",
    "policies": "test_policies_by_two.py",
    "raises": "test_two_accounts.py",
}


@pytest.mark.parametrize("check", ELSEWHERE)
def test_a_check_of_another_book_is_tried_there(check: str) -> None:
    text = (Path(__file__).parent / ELSEWHERE[check]).read_text(encoding="utf-8")
    assert f'"{check}"' in text


def test_every_way_of_changing_a_book_is_named(kit: Kit, subtests: pytest.Subtests):
    stock(kit)
    whole = audit(kit.centre)
    assert whole.holds, whole.first
    other = {"causes", "suspense", *ELSEWHERE}
    idle = {each.check for each in whole.checks if not each.looked_count} - other
    assert idle == set()
    untried = set(CHECKS) - other - {change[2] for change in CHANGES.values()}
    assert untried == set()
    for name, (statement, tables, check, table, expected) in CHANGES.items():
        said = statement.replace(":draw", DRAW).replace(":fee", FEE)
        with subtests.test(name), changed(kit, said, *tables) as tx:
            where, record_id, words = told(audit_in(kit.centre, tx, (check,)), check)
            assert (where, expected in words) == (table, True), (where, record_id, words)
            assert record_id
    assert audit(kit.centre).holds  # what was changed was undone
