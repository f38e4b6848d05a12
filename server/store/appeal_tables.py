"""The tables of what farmers ask a person to look at, and of the answers.

Built like those of :mod:`server.store.tables`, of which they are a part.
"""

from __future__ import annotations

from server.store.columns import count, index, table, text

appeals = table(
    "appeals", ("appeal_id",), text("appeal_id"), text("farmer_id"), text("station"),
    text("answer_by"), text("body"), count("at_ms"),
)  # fmt: skip
appeal_answers = table(
    "appeal_answers", ("appeal_id",), text("appeal_id"), text("body"), count("at_ms"),
)  # fmt: skip
index(appeals, "farmer_id")
index(appeals, "answer_by")

APPEAL_APPEND_ONLY = (appeals, appeal_answers)
