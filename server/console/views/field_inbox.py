"""The inbox of versions as it is shown: what is registered and what agents say, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.lending.walk import HALF_TURN_E7
from server.console.words import long_day, message, say
from server.services.field_inbox import Matter, Walked
from server.store.field_versions import Version

FIELD_NAMES = {
    "farmer.language": message("Language"), "farmer.name": message("Name"),
    "farmer.household_size": message("People in the household"),
    "subject.name": message("Name of the plot"), "subject.crop": message("Crop"),
    "subject.sown_on": message("Day of sowing"), "subject.heads": message("Number of animals"),
    "subject.boundary": message("Boundary"),
}  # fmt: skip
_DRAWN = 100.0  # units of the drawing's side
_NEAR_SIDES = 4.0


@dataclass(frozen=True, slots=True)
class Column:
    """One version beside the others; of a boundary its drawing, what it lies over, figures [m²]."""

    operation_id: str
    agent_id: str
    station: str
    day: str
    text: str
    points: str = ""
    over: str = ""
    walked: Walked | None = None


@dataclass(frozen=True, slots=True)
class MatterRow:
    """A field of somebody, with a column for each version; ``points`` draws what is registered."""

    farmer_name: str
    subject_id: str
    subject_name: str
    field: str
    registered: str
    columns: tuple[Column, ...]
    seen: str
    points: str = ""


def shown(matter: Matter) -> MatterRow:
    """A matter as a page shows it."""
    rings = [matter.outline_e7, *(walk.ring_e7 for walk in matter.walks)]
    near = [ring for ring in rings if ring and _is_near(rings[0], ring)]
    frame = _frame([point for ring in near for point in ring]) if near else None
    points = [_drawn(ring, frame) if ring in near and frame else _alone(ring) for ring in rings]
    over = [points[0] if ring in near else "" for ring in rings]
    columns = tuple(
        _column(
            version,
            walk,
            points[n + 1] if matter.walks else "",
            over[n + 1] if matter.walks else "",
        )
        for n, (version, walk) in enumerate(_paired(matter))
    )
    subject = matter.subject
    registered = matter.registered
    if matter.walks and subject is not None:
        registered = f"{subject.area_m2 / 10_000:.2f} ha"
    return MatterRow(
        farmer_name=matter.farmer.name,
        subject_id=subject.subject_id if subject else "",
        subject_name=subject.name if subject else "",
        field=say(FIELD_NAMES[matter.field]),
        registered=_text(matter.field, registered),
        columns=columns,
        seen=",".join(version.operation_id for version in matter.versions),
        points=points[0],
    )


def _paired(matter: Matter) -> list[tuple[Version, Walked | None]]:
    walks: Sequence[Walked | None] = matter.walks or (None,) * len(matter.versions)
    return list(zip(matter.versions, walks, strict=True))


def _column(version: Version, walk: Walked | None, points: str, over: str) -> Column:
    text = _text(version.field, version.value)
    if walk is not None:
        text = f"{walk.found.area_m2 / 10_000:.2f} ± {walk.found.sd_m2 / 10_000:.2f} ha"
    return Column(
        version.operation_id, version.agent_id, version.station, long_day(version.noted_on),
        text, points, over, walk,
    )  # fmt: skip


def _text(field: str, value: str) -> str:
    return long_day(value) if field == "subject.sown_on" and value else value or "–"


def _frame(points: Sequence[tuple[int, int]]) -> tuple[int, float, float, float]:
    """What a drawing shows: a longitude to count from, its west, its north, its side [° × 10⁷]."""
    lon0 = points[0][0]
    xs, ys = [_east_of(lon0, lon) for lon, _ in points], [lat for _, lat in points]
    size = max(max(xs) - min(xs), max(ys) - min(ys), 1) * 1.1
    return lon0, (max(xs) + min(xs) - size) / 2, (max(ys) + min(ys) + size) / 2, size


def _is_near(registered: Sequence[tuple[int, int]], ring: Sequence[tuple[int, int]]) -> bool:
    """Whether a ring fits a drawing with the registered one; a walk elsewhere is drawn alone."""
    if not registered:
        return True
    own = max(_frame(registered)[3], _frame(ring)[3])
    return _frame([*registered, *ring])[3] <= own * _NEAR_SIDES


def _alone(ring: Sequence[tuple[int, int]]) -> str:
    return _drawn(ring, _frame(ring)) if ring else ""


def _drawn(ring: Sequence[tuple[int, int]], frame: tuple[int, float, float, float]) -> str:
    """A ring as points of a drawing, north up."""
    lon0, left, top, size = frame
    return " ".join(
        f"{(_east_of(lon0, lon) - left) / size * _DRAWN:.1f},{(top - lat) / size * _DRAWN:.1f}"
        for lon, lat in ring
    )


def _east_of(lon0: int, lon: int) -> int:
    return (lon - lon0 + HALF_TURN_E7) % (2 * HALF_TURN_E7) - HALF_TURN_E7
