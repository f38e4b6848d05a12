"""Tables of money on its way out, and of news on its way to suppliers and buyers.

A payout stands in ``payouts`` with its state of now, and in ``payout_steps`` with every
step that led there; triggers keep the steps, the payees and what a rail answered
append-only, and of a payout all that says who is paid what. ``hook_events`` is what
happened, ``hook_deliveries`` to whom it is told. What names a person's account is sealed.
"""

from __future__ import annotations

from server.store.columns import bytes_ as _bytes
from server.store.columns import count as _count
from server.store.columns import flag as _flag
from server.store.columns import index as _index
from server.store.columns import table as _table
from server.store.columns import text as _text

payees = _table(
    "payees", ("payee_kind", "payee_id", "seq"), _text("payee_kind"), _text("payee_id"),
    _count("seq"), _text("event"), _text("rail"), _text("masked"), _text("content_sha256"),
    _bytes("sealed"), _count("at_ms"), _text("actor"), _text("role"), _text("reason"),
)  # fmt: skip
payouts = _table(
    "payouts", ("payout_id",), _text("payout_id"), _text("draw_id"), _text("line_id"),
    _text("payee_kind"), _text("payee_id"), _text("currency"), _count("amount_minor"),
    _text("effective_on"), _count("made_at_ms"), _text("state"), _count("attempt"),
    _count("tries"), _count("due_at_ms"), _text("rail"), _count("payee_seq"), _text("batch_id"),
    _text("reference"), _count("steps_count"),
)  # fmt: skip
payout_steps = _table(
    "payout_steps", ("payout_id", "seq"), _text("payout_id"), _count("seq"), _text("event"),
    _text("state"), _count("at_ms"), _text("actor"), _text("role"), _text("reason"),
    _count("attempt"), _text("rail"), _text("batch_id"), _text("reference"), _text("detail"),
)  # fmt: skip
payout_batches = _table(
    "payout_batches", ("batch_id",), _text("batch_id"), _text("rail"), _text("currency"),
    _count("payouts_count"), _count("sum_minor"), _text("file_name"), _text("sha256"),
    _bytes("sealed"), _count("made_at_ms"), _count("written_at_ms", optional=True),
)  # fmt: skip
rail_answers = _table(
    "rail_answers", ("rail", "source_sha256", "item"), _text("rail"), _text("source_sha256"),
    _count("item"), _text("kind"), _text("instruction_id"), _text("outcome"),
    _count("amount_minor", optional=True), _text("currency"), _text("reference"),
    _text("reason"), _text("finding"), _text("payout_id"), _count("at_ms"), _text("actor"),
    _text("repayment_id"),
)  # fmt: skip
rail_files = _table(
    "rail_files", ("rail", "purpose", "sha256"), _text("rail"), _text("purpose"), _text("sha256"),
    _count("moved_minor"), _text("word_id"), _text("brought_by"), _count("at_ms"),
)  # fmt: skip
hook_subscriptions = _table(
    "hook_subscriptions", ("subscription_id",), _text("subscription_id"), _text("name"),
    _text("address"), _text("kinds"), _text("party"), _flag("allow_private"), _bytes("sealed"),
    _count("made_at_ms"), _text("made_by"), _count("ended_at_ms", optional=True),
)  # fmt: skip
hook_secrets = _table(
    "hook_secrets", ("subscription_id", "seq"), _text("subscription_id"), _count("seq"),
    _bytes("sealed"), _count("at_ms"), _count("overlap_until_ms"), _text("actor"),
)  # fmt: skip
hook_events = _table(
    "hook_events", ("event_id",), _text("event_id"), _text("kind"), _text("subject"),
    _text("party"), _text("payload"), _count("at_ms"),
)  # fmt: skip
hook_deliveries = _table(
    "hook_deliveries", ("event_id", "subscription_id"), _text("event_id"),
    _text("subscription_id"), _text("state"), _count("tries"), _count("due_at_ms"),
    _count("status"), _text("told"), _count("settled_at_ms", optional=True),
)  # fmt: skip

_index(payouts, "draw_id", unique=True)
_index(payouts, "state", "due_at_ms")
_index(payouts, "line_id")
_index(payouts, "batch_id")
_index(rail_answers, "instruction_id")
_index(rail_answers, "repayment_id")
_index(hook_deliveries, "state", "due_at_ms")
_index(hook_subscriptions, "name", unique=True)

# Rows that are never changed or taken away; the migration says so by trigger.
PAYOUT_APPEND_ONLY = (
    payees, payout_steps, rail_answers, rail_files, hook_events, hook_secrets,
)  # fmt: skip
