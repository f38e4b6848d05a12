"""The tables of subsidised interest: claims, their lines, and what was paid of them.

Built like those of :mod:`server.store.tables`, of which they are a part.
"""

from __future__ import annotations

from server.store.columns import count, index, table, text

subsidy_claims = table(
    "subsidy_claims", ("claim_id",), text("claim_id"), text("region"), text("currency"),
    text("until_on"), count("total_minor"), count("at_ms"), text("actor"),
)  # fmt: skip
subsidy_claim_lines = table(
    "subsidy_claim_lines", ("claim_id", "line_id"), text("claim_id"), text("line_id"),
    count("earned_minor"), count("claimed_minor"),
)  # fmt: skip
subsidy_payments = table(
    "subsidy_payments", ("payment_id",), text("payment_id"), text("claim_id"),
    count("amount_minor"), text("effective_on"), count("at_ms"), text("actor"),
)  # fmt: skip
index(subsidy_claim_lines, "line_id")
index(subsidy_payments, "claim_id")

SUBSIDY_APPEND_ONLY = (subsidy_claims, subsidy_claim_lines, subsidy_payments)
