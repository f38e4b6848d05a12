"""What the uplink carried on each day, and how large a piece it carries well.

Both outlive a restart: a metered link's budget is for the civil day, however often the
station starts, and a bad link needs small envelopes from the first attempt on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edge_node.store.database import StationDatabase

DAYS_KEPT_MAX = 400


class Purpose(Enum):
    """What bytes on the uplink are for, most urgent first."""

    MONEY = "money"
    PULL = "pull"  # asking for the centre's log
    FEATURES = "features"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class LinkPace:
    """The size of the next run each way [bytes before compression], and the last ask [ms UTC]."""

    up_bytes: int
    down_bytes: int
    asked_at_ms: int


def note_sent(db: StationDatabase, day: str, purpose: Purpose, count_bytes: int) -> None:
    """Add to what was sent on a civil day [bytes]; days past the bound are forgotten."""
    with db.atomic():
        db.execute(
            "INSERT INTO uplink_days (day, what, sent_bytes) VALUES (?, ?, ?) "
            "ON CONFLICT (day, what) DO UPDATE SET sent_bytes = sent_bytes + excluded.sent_bytes",
            [day, purpose.value, count_bytes],
        )
        db.execute(
            "DELETE FROM uplink_days WHERE day NOT IN "
            "(SELECT DISTINCT day FROM uplink_days ORDER BY day DESC LIMIT ?)",
            [DAYS_KEPT_MAX],
        )


def sent_on(db: StationDatabase, day: str) -> Mapping[Purpose, int]:
    """What was sent on a civil day, by purpose [bytes]."""
    rows = db.execute("SELECT what, sent_bytes FROM uplink_days WHERE day = ?", [day])
    found = {Purpose(what): int(sent_bytes) for what, sent_bytes in rows}
    return {purpose: found.get(purpose, 0) for purpose in Purpose}


def pace(db: StationDatabase) -> LinkPace:
    """How large the next runs may be."""
    row = db.execute("SELECT up_bytes, down_bytes, asked_at_ms FROM link_pace").fetchone()
    return LinkPace(*row)


def keep_up_bytes(db: StationDatabase, size_bytes: int) -> None:
    """Remember how large the next run up may be [bytes]."""
    with db.atomic():
        db.execute("UPDATE link_pace SET up_bytes = ?", [size_bytes])


def keep_down_bytes(db: StationDatabase, size_bytes: int) -> None:
    """Remember how large the next run down may be [bytes]."""
    with db.atomic():
        db.execute("UPDATE link_pace SET down_bytes = ?", [size_bytes])


def note_asked(db: StationDatabase, at_ms: int) -> None:
    """Remember when the centre's log was last asked for to its end [ms UTC]."""
    with db.atomic():
        db.execute("UPDATE link_pace SET asked_at_ms = ?", [at_ms])
