"""The tables of a model's life: its steps, its challengers' scores, counts of bins.

Built like those of :mod:`server.store.tables`, of which they are a part.
"""

from __future__ import annotations

from server.store.columns import count, index, table, text

model_steps = table(
    "model_steps", ("serial",), count("serial"), text("sha256"), count("previous"), text("event"),
    text("state"), count("at_ms"), text("actor"), text("role"), text("reason"), text("detail"),
)  # fmt: skip
model_counts = table(
    "model_counts", ("station", "sha256", "day"), text("station"), text("sha256"), text("day"),
    count("seq"), text("counts"), count("received_at_ms"),
)  # fmt: skip
shadow_scores = table(
    "shadow_scores", ("sha256", "card_id"), text("sha256"), text("card_id"), count("risk"),
    count("pd_ppm"), text("would"), count("at_ms"),
)  # fmt: skip
index(model_steps, "sha256", "previous", unique=True)
index(model_counts, "sha256", "day")
index(shadow_scores, "sha256", "at_ms")

MODEL_APPEND_ONLY = (model_steps, model_counts, shadow_scores)
