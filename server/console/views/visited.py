"""What agents saw on a plot: visits and walks from the trail, and the photos that they took.

The trail holds who, when and figures; notes stay at the station where they were written,
for they may speak of people. A photo is shown once its bytes have come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.wire.registry import Farmer, Subject
from server.console.words import message
from server.store import people, photos
from server.store.engine import Tx
from server.store.people import AuditRow
from server.store.photos import VisitPhoto

VISITS_SHOWN_MAX = 50
PHOTOS_SHOWN_MAX = 48
VISITED, WALKED = "field_visited", "plot_walked"
PURPOSES: Mapping[str, str] = {
    "routine": message("routine"),
    "notice": message("the station had noticed something"),
    "loss": message("a loss was claimed"),
    "repayment": message("repayment"),
    "referral": message("an application waited for a person"),
    "boundary": message("the boundary"),
}
SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit or a walk as its agent told it; what was not told is absent."""

    on: str
    agent: str
    walked: bool
    purpose: str
    stage: str
    damage_percent: int
    photos_count: int
    area_m2: int
    sd_m2: int
    low_m2: int


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """A photo, and whether its bytes have come."""

    photo: VisitPhoto
    has_come: bool


@dataclass(frozen=True, slots=True)
class Visited:
    """Visits newest first, photos newest first, and where what has not come still lies."""

    visits: tuple[VisitRow, ...]
    photos: tuple[PhotoRow, ...]
    station: str
    unnamed_count: int

    @property
    def waiting_count(self) -> int:
        """Photos of which the centre knows, and whose bytes have not come."""
        return sum(not row.has_come for row in self.photos) + self.unnamed_count


def read_visited(tx: Tx, subjects: Sequence[Subject], farmer: Farmer | None) -> Visited:
    """The visits to a plot or to herds on it, and to its farmer without a plot's name."""
    trail = [row for each in subjects for row in people.trail_of(tx, "subject", each.subject_id)]
    if farmer is not None:
        trail += people.trail_of(tx, "farmer", farmer.farmer_id)
    rows = [_row(each) for each in trail if each.action in (VISITED, WALKED)]
    rows.sort(key=lambda row: row.on, reverse=True)
    named = [one for each in subjects for one in photos.of_subject(tx, each.subject_id)]
    come = photos.whole(tx, (one.sha256 for one in named))
    shown = [one for one in named if one.about != SIGNATURE][:PHOTOS_SHOWN_MAX]
    told = sum(row.photos_count for row in rows)
    return Visited(
        visits=tuple(rows[:VISITS_SHOWN_MAX]),
        photos=tuple(PhotoRow(one, one.sha256 in come) for one in shown),
        station=farmer.home_station if farmer else "",
        unnamed_count=max(0, told - len(named)),
    )


def _row(found: AuditRow) -> VisitRow:
    detail = found.detail
    return VisitRow(
        on=str(detail.get("on", "")),
        agent=found.actor,
        walked=found.action == WALKED,
        purpose=str(detail.get("purpose", "")),
        stage=str(detail.get("stage", "")),
        damage_percent=int(detail.get("damage_percent", 0)),
        photos_count=int(detail.get("photos_count", 0)),
        area_m2=int(detail.get("area_m2", 0)),
        sd_m2=int(detail.get("sd_m2", 0)),
        low_m2=int(detail.get("low_m2", 0)),
    )
