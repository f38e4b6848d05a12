"""How a farmer's field grows this season, against usual years: from the centre's digests.

Each digest says how green the field was, and how far that is from usual on its day; so what
is usual on that day follows. Nothing here is guessed: a day without a digest has no usual.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.units import PPM
from core.wire.records import EvidenceDigest, GrowthPoint
from core.wire.registry import Subject
from edge_node.store import village
from edge_node.store.database import StationDatabase

ANOMALY = "ndvi_anomaly_ppm"
CLEAR_PPM, FAR_PPM = 100_000, 300_000  # off usual by so much is said, and is called much
AGAINST = {
    2: "It is much greener than in usual years.",
    1: "It is greener than in usual years.",
    0: "It grows as in usual years.",
    -1: "It is less green than in usual years.",
    -2: "It is much less green than in usual years.",
}
UNKNOWN = "How usual years were is not known here yet."
UNSEEN = "Nobody has seen it from above yet this season."


@dataclass(frozen=True, slots=True)
class Growth:
    """A field's season: its stage, the curve so far, what is usual on days that are known."""

    subject: Subject
    stage: str
    seen_on: str
    points: tuple[GrowthPoint, ...]
    usual: tuple[GrowthPoint, ...]
    against_ppm: int | None

    @property
    def words(self) -> str:
        """What the drawing says, as a message."""
        if not self.seen_on:
            return UNSEEN
        return UNKNOWN if self.against_ppm is None else AGAINST[degree(self.against_ppm)]


def growth_of(db: StationDatabase, subject: Subject) -> Growth:
    """How a plot, or a herd's pasture, grows."""
    digests = village.evidences_of(db, subject.pasture_id or subject.subject_id)
    newest = digests[-1] if digests else None
    points = (newest.curve or ()) if newest else ()
    first = points[0].day if points else ""
    season = [each for each in digests if each.as_of >= first]
    return Growth(
        subject=subject,
        stage=newest.stage if newest else "sowing",
        seen_on=newest.as_of if newest else "",
        points=points,
        usual=tuple(found for each in season if (found := _usual(each)) is not None),
        against_ppm=newest.features.get(ANOMALY) if newest else None,
    )


def degree(against_ppm: int) -> int:
    """How far off usual, from -2 (much less) to 2 (much more)."""
    size = 2 if abs(against_ppm) >= FAR_PPM else 1 if abs(against_ppm) >= CLEAR_PPM else 0
    return size if against_ppm >= 0 else -size


def _usual(digest: EvidenceDigest) -> GrowthPoint | None:
    """What is usual on a digest's day: the mean divided by how far it is off."""
    off_ppm = digest.features.get(ANOMALY)
    if off_ppm is None or off_ppm <= -PPM or not digest.curve:
        return None
    last = digest.curve[-1]
    return GrowthPoint(last.day, last.mean_e4 * PPM // (PPM + off_ppm))
