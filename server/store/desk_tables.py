"""Tables of what people decide and look after at the console: reviews by two, visits, stations.

``review_answers`` refuses in the database that who made something answers it as well,
however they write their name; ``authorities`` only grows, and the newest word holds.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint

from server.store.columns import bytes_ as _bytes
from server.store.columns import count as _count
from server.store.columns import flag as _flag
from server.store.columns import index as _index
from server.store.columns import table as _table
from server.store.columns import text as _text

authorities = _table(
    "authorities", ("holder", "product_id", "currency", "version"), _text("holder"),
    _text("product_id"), _text("currency"), _count("version"), _count("amount_minor"),
    _count("at_ms"), _text("actor"), _text("word_id"),
)  # fmt: skip
user_steps = _table(
    "user_steps", ("username", "seq"), _text("username"), _count("seq"), _text("event"),
    _text("role"), _flag("disabled"), _text("password_mark"), _text("scope"), _text("word_id"),
    _text("actor"), _count("at_ms"),
)  # fmt: skip
update_steps = _table(
    "update_steps", ("path", "seq"), _text("path"), _count("seq"), _text("event"),
    _text("subject_id"), _text("rollout"), _text("word_id"), _text("actor"), _count("at_ms"),
)  # fmt: skip
review_items = _table(
    "review_items", ("item_id",), _text("item_id"), _text("kind"), _text("subject_id"),
    _text("line_id"), _text("farmer_id"), _text("product_id"), _text("currency"),
    _count("amount_minor"), _text("facts"), _text("fingerprint"), _text("made_by"),
    _count("made_at_ms"), UniqueConstraint("tenant_id", "item_id", "made_by"),
)  # fmt: skip
review_answers = _table(
    "review_answers", ("item_id",), _text("item_id"), _text("made_by"), _text("answered_by"),
    _text("answer"), _text("reason"), _count("at_ms"),
    CheckConstraint("lower(trim(made_by)) <> lower(trim(answered_by))", name="two_people"),
    ForeignKeyConstraint(
        ["tenant_id", "item_id", "made_by"],
        ["review_items.tenant_id", "review_items.item_id", "review_items.made_by"],
    ),
)  # fmt: skip
console_visits = _table(
    "console_visits", ("visit_sha256",), _text("visit_sha256"), _text("username"),
    _text("browser"), _count("began_at_ms"), _count("ended_at_ms", optional=True),
    _text("ended_by"),
)  # fmt: skip
second_factors = _table(
    "second_factors", ("username", "factor_id"), _text("username"), _text("factor_id"),
    _bytes("sealed"), _count("offered_at_ms"), _count("confirmed_at_ms", optional=True),
    _count("last_step"), _count("wrong_count"), _count("ended_at_ms", optional=True),
    _text("word_id"),
)  # fmt: skip
recovery_codes = _table(
    "recovery_codes", ("username", "factor_id", "code_sha256"), _text("username"),
    _text("factor_id"), _text("code_sha256"), _count("used_at_ms", optional=True),
)  # fmt: skip
scopes = _table(
    "scopes", ("holder_kind", "holder", "dimension", "value"), _text("holder_kind"),
    _text("holder"), _text("dimension"), _text("value"),
)  # fmt: skip
# The newest word of a station on its own machine; a word before it is of no use to anybody.
station_states = _table(
    "station_states", ("station",), _text("station"), _count("at_ms"), _text("software"),
    _count("disk_free_bytes"), _count("database_bytes"), _count("backlog_records"),
    _count("backlog_bytes"), _count("backlog_age_ms"), _count("clock_error_ms"),
)  # fmt: skip

_index(review_items, "kind", "subject_id")
_index(review_items, "line_id")
_index(console_visits, "username")

DESK_APPEND_ONLY = (authorities, review_items, review_answers, user_steps, update_steps)
