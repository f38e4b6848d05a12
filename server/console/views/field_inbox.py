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


@dataclass(frozen=True, slots=True)
class Column:
    """One version beside the others; of a boundary its drawing and figures [m²]."""

    operation_id: str
    agent_id: str
    station: str
    day: str
    text: str
    points: str = ""
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
    drawn = _drawings([ring for ring in rings if ring])
    points = [drawn.pop(0) if ring else "" for ring in rings] if drawn else []
    columns = tuple(
        _column(version, walk, points[n + 1] if points else "")
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
        points=points[0] if points else "",
    )


def _paired(matter: Matter) -> list[tuple[Version, Walked | None]]:
    walks: Sequence[Walked | None] = matter.walks or (None,) * len(matter.versions)
    return list(zip(matter.versions, walks, strict=True))


def _column(version: Version, walk: Walked | None, points: str) -> Column:
    text = _text(version.field, version.value)
    if walk is not None:
        text = f"{walk.found.area_m2 / 10_000:.2f} ± {walk.found.sd_m2 / 10_000:.2f} ha"
    return Column(
        version.operation_id, version.agent_id, version.station, long_day(version.noted_on),
        text, points, walk,
    )  # fmt: skip


def _text(field: str, value: str) -> str:
    return long_day(value) if field == "subject.sown_on" and value else value or "–"


def _drawings(rings: Sequence[Sequence[tuple[int, int]]]) -> list[str]:
    """Rings as points of one drawing, north up, all to the same scale."""
    if not rings:
        return []
    lon0, lat0 = rings[0][0]
    turn = 2 * HALF_TURN_E7
    flat = [
        [((lon - lon0 + HALF_TURN_E7) % turn - HALF_TURN_E7, lat - lat0) for lon, lat in ring]
        for ring in rings
    ]
    xs, ys = [x for ring in flat for x, _ in ring], [y for ring in flat for _, y in ring]
    size = max(max(xs) - min(xs), max(ys) - min(ys), 1) * 1.1
    left, top = (max(xs) + min(xs) - size) / 2, (max(ys) + min(ys) + size) / 2
    return [
        " ".join(
            f"{(x - left) / size * _DRAWN:.1f},{(top - y) / size * _DRAWN:.1f}" for x, y in ring
        )
        for ring in flat
    ]
