"""Tables of repayments that bounced, of cash agents' boxes, and of plans agreed anew.

``cash_moves`` holds what moved each box, as its station's signed record said it: a
handover between two boxes stands once for each. ``restructure_answers`` refuses in the
database that who proposed a new plan answers it as well, and ``money_word_answers`` that
who told a word about money confirms it. ``money_words_before`` lists what one person said
before two were asked for; nothing is added to it.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint

from server.store.columns import count as _count
from server.store.columns import flag as _flag
from server.store.columns import index as _index
from server.store.columns import index_where as _index_where
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
money_words = _table(
    "money_words", ("word_id",), _text("word_id"), _text("kind"), _text("subject_id"),
    _text("body"), _text("told_by"), _text("role"), _text("reason"), _count("at_ms"),
    UniqueConstraint("tenant_id", "word_id", "told_by"),
)  # fmt: skip
money_word_answers = _table(
    "money_word_answers", ("word_id",), _text("word_id"), _text("told_by"), _text("answered_by"),
    _flag("is_confirmed"), _text("reason"), _count("at_ms"),
    CheckConstraint("told_by <> answered_by OR NOT is_confirmed", name="two_people"),
    ForeignKeyConstraint(
        ["tenant_id", "word_id", "told_by"],
        ["money_words.tenant_id", "money_words.word_id", "money_words.told_by"],
    ),
)  # fmt: skip
money_words_before = _table(
    "money_words_before", ("kind", "subject_id"), _text("kind"), _text("subject_id"),
)  # fmt: skip
cash_logins = _table(
    "cash_logins", ("person_id", "username"), _text("person_id"), _text("username"),
    _count("at_ms"), _text("actor"),
)  # fmt: skip

_index(money_words, "kind", "subject_id")
_index(repayment_bounces, "line_id")
_index(cash_people, "station")
_index(cash_people, "public_key", unique=True)
_index(cash_moves, "person_id")
_index_where(cash_moves, "flagged", ("recorded_at_ms",), "flag <> ''")
_index(restructure_proposals, "line_id")

CASH_APPEND_ONLY = (
    repayment_bounces, cash_moves, restructure_proposals, restructure_answers, money_words,
    money_word_answers, money_words_before, cash_logins,
)  # fmt: skip
