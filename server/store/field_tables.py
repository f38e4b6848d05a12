"""The tables of photos that agents took, and of what agents say is otherwise than registered.

Built like those of :mod:`server.store.tables`, of which they are a part. ``photos`` and
``photo_parts`` hold bytes by hash; the others are append-only.
"""

from __future__ import annotations

from server.store.columns import bytes_, count, flag, index, table, text

# Which visit names which photo; the bytes may come later, or never.
visit_photos = table(
    "visit_photos", ("operation_id", "sha256"), text("operation_id"), text("sha256"),
    text("station"), text("farmer_id"), text("subject_id"), text("visit_id"), text("about"),
    text("taken_on"), text("media_type"), count("size_bytes"), count("at_ms"),
)  # fmt: skip
photo_parts = table(
    "photo_parts", ("sha256", "start_byte"), text("sha256"), count("start_byte"),
    text("station"), count("size_bytes"), count("at_ms"), bytes_("data"),
)  # fmt: skip
photos = table(
    "photos", ("sha256",), text("sha256"), text("media_type"), count("size_bytes"),
    text("station"), count("at_ms"), bytes_("data"),
)  # fmt: skip
# What an agent wrote of a field, and what became of it: by a person, or by the field's policy.
field_versions = table(
    "field_versions", ("operation_id",), text("operation_id"), text("farmer_id"),
    text("subject_id"), text("field"), text("station"), text("agent_id"), count("seq"),
    text("noted_on"), text("was"), text("value"), count("at_ms"),
)  # fmt: skip
field_choices = table(
    "field_choices", ("operation_id",), text("operation_id"), text("farmer_id"),
    text("choice_id"), flag("chosen"), flag("by_policy"), text("reason"), text("actor"),
    count("at_ms"),
)  # fmt: skip
index(visit_photos, "subject_id")
index(visit_photos, "farmer_id")
index(visit_photos, "sha256")
index(photo_parts, "station")
index(photos, "station")
index(field_versions, "farmer_id")
index(field_versions, "subject_id")
index(field_choices, "farmer_id")

FIELD_APPEND_ONLY = (visit_photos, field_versions, field_choices)
