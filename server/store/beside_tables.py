"""Tables of what stands beside a line: the bureau's answers, covers, partners, prices.

In every one of them a row is never changed or taken away.
"""

from __future__ import annotations

from server.store.columns import count, index, table, text

bureau_files = table(
    "bureau_files", ("file_sha256",), text("file_sha256"), text("bureau"), text("as_of"),
    count("rows_count"), text("key_id"), text("imported_by"), count("imported_at_ms"),
)  # fmt: skip
bureau_rows = table(
    "bureau_rows", ("file_sha256", "subject_index", "currency"), text("file_sha256"),
    text("subject_index"), text("currency"), count("dues_minor"), count("liens_minor"),
    count("lenders_count"), count("late_days"),
)  # fmt: skip
bureau_answers = table(
    "bureau_answers", ("query_id",), text("query_id"), text("farmer_id"), text("bureau"),
    text("subject_index"), text("consent_id"), text("outcome"), text("file_sha256"),
    text("as_of"), text("currency"), count("dues_minor", optional=True),
    count("liens_minor", optional=True),
    count("lenders_count", optional=True), count("late_days", optional=True), text("asked_by"),
    count("asked_at_ms"),
)  # fmt: skip
covers = table(
    "covers", ("cover_id", "seq"), text("cover_id"), count("seq"), text("kind"), text("event"),
    text("farmer_id"), text("party"), text("from_on"), text("until_on"), text("currency"),
    count("sum_minor"), text("content"), text("sha256"), text("actor"), count("at_ms"),
)  # fmt: skip
partner_agreements = table(
    "partner_agreements", ("agreement_id",), text("agreement_id"), text("product_id"),
    text("from_on"), text("until_on"), text("content"), text("sha256"), text("actor"),
    count("at_ms"),
)  # fmt: skip
line_partners = table(
    "line_partners", ("line_id", "partner_id"), text("line_id"), text("partner_id"),
    text("agreement_id"), count("place"), count("share_ppm"), count("first_loss_ppm"),
    text("since_on"), count("at_ms"),
)  # fmt: skip
line_rates = table(
    "line_rates", ("line_id", "seq"), text("line_id"), count("seq"), count("rate_ppm"),
    count("pd_ppm"), count("step"), text("effective_on"), text("as_of"), text("source"),
    text("reasons"), text("policy_version"), count("at_ms"),
)  # fmt: skip
index(bureau_answers, "farmer_id")
index(bureau_files, "bureau")
index(covers, "farmer_id")
index(line_partners, "partner_id")
index(partner_agreements, "product_id")

BESIDE_APPEND_ONLY = (
    bureau_files, bureau_rows, bureau_answers, covers, partner_agreements, line_partners,
    line_rates,
)  # fmt: skip
