"""Consents in the order in which they arrive, and what stands then: for station and centre.

One row a consent: its id, by whom, when by that writer's clock ± its error [ms], given or
taken back, the names, narrowed to classes, and which consents it follows.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.wire.consents import KnownConsent
from core.wire.records import Consent, ConsentAction

FARMER = "f-1"
OWN, OTHER = "kijani", "centre"


@dataclass(frozen=True, slots=True)
class Vector:
    """A story in rows, and the names that stand in the end, each with its consents."""

    name: str
    rows: str
    granted: str

    @property
    def facts(self) -> tuple[KnownConsent, ...]:
        return tuple(fact(row) for row in self.rows.strip().splitlines())

    @property
    def standing(self) -> dict[str, tuple[str, ...]]:
        found = (each.split("=") for each in self.granted.split())
        return {name: tuple(ids.split("+")) for name, ids in found}


def fact(row: str) -> KnownConsent:
    """One row as a fact."""
    cells = [cell.strip() for cell in row.split("|")]
    consent_id, writer, at, action, names, classes, follows = cells
    at_ms, _, error_ms = at.partition("±")
    consent = Consent(
        consent_id, FARMER, ConsentAction(action), tuple(names.split()), "lender", "ab" * 32,
        spoken=False, helped=False, classes=tuple(classes.split()) or None,
        follows=tuple(follows.split()) or None,
    )  # fmt: skip
    return KnownConsent(consent, writer, int(at_ms), int(error_ms or 0))


VECTORS = (
    Vector("nothing was asked", "c1|kijani|100|grant|automated_decision||",
           "automated_decision=c1"),
    Vector("taken back", """
        c1|kijani|100|grant|automated_decision satellite_images||
        w1|kijani|200|withdraw|satellite_images||
    """, "automated_decision=c1"),
    Vector("given again", """
        c1|kijani|100|grant|satellite_images||
        w1|kijani|200|withdraw|satellite_images||
        c2|kijani|300|grant|satellite_images||
    """, "satellite_images=c2"),
    Vector("one class of three is taken back: the name stands no more in full", """
        c1|kijani|100|grant|device_readings satellite_images||
        w1|kijani|200|withdraw|device_readings|livestock|
    """, "satellite_images=c1"),
    Vector("and given again by itself: by two consents", """
        c1|kijani|100|grant|device_readings||
        w1|kijani|200|withdraw|device_readings|livestock|
        c2|kijani|300|grant|device_readings|livestock|
    """, "device_readings=c1+c2"),
    Vector("taken back at the centre, later by both clocks", """
        c1|kijani|100±10|grant|satellite_images||
        w1|centre|150±10|withdraw|satellite_images||
    """, ""),
    Vector("given at the station after the centre's withdrawal, by both clocks", """
        w1|centre|100±10|withdraw|satellite_images||
        c1|kijani|150±10|grant|satellite_images||
    """, "satellite_images=c1"),
    Vector("the clocks leave it open: the withdrawal wins", """
        w1|centre|100±30|withdraw|satellite_images||
        c1|kijani|150±30|grant|satellite_images||
    """, ""),
    Vector("but for a grant that says that it came after", """
        w1|centre|100±30|withdraw|satellite_images||
        c1|kijani|150±30|grant|satellite_images||w1
    """, "satellite_images=c1"),
    Vector("a clock that is behind by far undoes no withdrawal that names what it ends", """
        c1|centre|100000|grant|satellite_images||
        w1|kijani|50|withdraw|satellite_images||c1
    """, ""),
    Vector("each says that it is the later one: the withdrawal wins", """
        c1|centre|100|grant|satellite_images||w1
        w1|kijani|200|withdraw|satellite_images||c1
    """, ""),
    Vector("a name that the catalogue does not know stands by itself", """
        c1|kijani|100|grant|drone_photos||
        c2|kijani|101|grant|research||
        w1|kijani|102|withdraw|research||
    """, "drone_photos=c1"),
)  # fmt: skip
