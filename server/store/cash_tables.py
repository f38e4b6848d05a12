"""Tables of repayments that bounced, of cash agents' boxes, and of plans agreed anew.

``cash_moves`` holds what moved each box, as its station's signed record said it: a
handover between two boxes stands once for each. ``restructure_answers`` refuses in the
database that who proposed a new plan answers it as well.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint

from server.store.columns import count as _count
from server.store.columns import flag as _flag
from server.store.columns import index as _index
from server.store.columns import table as _table
from server.store.columns import text as _text

repayment_bounces = _table(
    "repayment_bounces", ("repayment_id",), _text("repayment_id"), _text("line_id"),
    _count("amount_minor"), _text("reason"), _text("reference"), _text("bounced_on"),
    _count("at_ms"), _text("actor"),
    ForeignKeyConstraint(
        ["tenant_id", "repayment_id"], ["repayments.tenant_id", "repayments.repayment_id"],
    ),
)  # fmt: skip
cash_people = _table(
    "cash_people", ("person_id",), _text("person_id"), _text("name"), _text("role"),
    _text("station"), _text("public_key"), _text("card_sha256"), _text("currency"),
    _count("hold_max_minor"), _count("pay_day_max_minor"), _flag("active"), _count("at_ms"),
    _text("actor"),
)  # fmt: skip
cash_moves = _table(
    "cash_moves", ("move_id", "person_id"), _text("move_id"), _text("person_id"), _text("kind"),
    _text("other_id"), _text("station"), _text("shift_id"), _text("line_id"),
    _count("amount_minor"), _text("currency"), _text("effective_on"), _text("body"),
    _text("flag"), _count("at_ms"), _count("recorded_at_ms"),
)  # fmt: skip
restructure_proposals = _table(
    "restructure_proposals", ("proposal_id",), _text("proposal_id"), _text("line_id"),
    _text("reason"), _text("offer"), _text("offer_sha256"), _text("proposed_by"),
    _count("at_ms"), UniqueConstraint("tenant_id", "proposal_id", "proposed_by"),
)  # fmt: skip
restructure_answers = _table(
    "restructure_answers", ("proposal_id",), _text("proposal_id"), _text("proposed_by"),
    _text("answered_by"), _flag("approved"), _text("consent_id"), _count("at_ms"),
    CheckConstraint("proposed_by <> answered_by", name="two_people"),
    ForeignKeyConstraint(
        ["tenant_id", "proposal_id", "proposed_by"],
        ["restructure_proposals.tenant_id", "restructure_proposals.proposal_id",
         "restructure_proposals.proposed_by"],
    ),
)  # fmt: skip

_index(repayment_bounces, "line_id")
_index(cash_people, "station")
_index(cash_people, "public_key", unique=True)
_index(cash_moves, "person_id")
_index(restructure_proposals, "line_id")

CASH_APPEND_ONLY = (
    repayment_bounces, cash_moves, restructure_proposals, restructure_answers,
)  # fmt: skip
