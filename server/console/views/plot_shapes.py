"""The plots of a map as one compact answer: numbers in columns, shapes as small steps.

Corners stand on a grid of :data:`GRID_E7` ten-millionths of a degree, each told by its step from
the corner before, and each plot's first corner by its step from the first of the plot before:
most numbers have one to three digits, and compress well. No name of a person is in it; who points
at a plot is led to its page, and there the look is written down.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.wire.registry import SubjectKind
from server.console.views.plot_list import RANK, PlotRow
from server.console.views.plot_measures import (
    MOVEMENT_TONE,
    PPM_PER_MILLE,
    greenness_percent,
)
from server.console.words import known
from server.store import plot_rows
from server.store.engine import Tx

Ring = tuple[int, ...]
GRID_E7 = 20  # about 0.2 m
CORNERS_MAX = 200  # of one plot; a shape with more is thinned
PLOTS_MAX = 50_000  # in one answer; who has more narrows the map
FEATURES_A_QUESTION = 2_000
RINGS_KEPT_MAX = 200_000  # in memory, some 300 bytes each
FORMAT = 1


class Rings:
    """Shapes that were read before, by the hash that their evidence cites: they never change."""

    def __init__(self) -> None:
        self._known: dict[str, Ring] = {}

    def of(self, tx: Tx, rows: Sequence[PlotRow]) -> dict[str, Ring]:
        """The shapes of those of some plots that have one, by subject."""
        unread = [row.subject_id for row in rows if row.polygon_sha256 not in self._known]
        texts = plot_rows.shapes_of(tx, unread) if unread else {}
        found = {}
        for row in rows:
            ring = self._known.get(row.polygon_sha256)
            if ring is None and row.subject_id in texts:
                ring = ring_of(texts[row.subject_id])
                self._keep(row.polygon_sha256, ring)
            if ring:
                found[row.subject_id] = ring
        return found

    def _keep(self, sha256: str, ring: Ring) -> None:
        if not sha256:
            return  # nothing says that it is still the same tomorrow
        if len(self._known) >= RINGS_KEPT_MAX:
            self._known.clear()
        self._known[sha256] = ring


def compact(
    tx: Tx, rings: Rings, rows: Sequence[PlotRow], plots_max: int = PLOTS_MAX
) -> dict[str, Any]:
    """The plots that have a shape, column by column, how many were asked for, and if all are in."""
    shaped = rings.of(tx, rows[:plots_max])
    plots = [row for row in rows[:plots_max] if row.subject_id in shaped]
    villages = {name: n for n, name in enumerate(dict.fromkeys(row.village_name for row in plots))}
    crops = {name: n for n, name in enumerate(dict.fromkeys(row.crop for row in plots))}
    return {
        "format": FORMAT,
        "asked": len(rows),
        "capped": len(rows) > plots_max,
        "grid_e7": GRID_E7,
        "villages": list(villages),
        "crops": [known(name) for name in crops],
        "id": [row.subject_id for row in plots],
        "village": [villages[row.village_name] for row in plots],
        "crop": [crops[row.crop] for row in plots],
        "pasture": [n for n, row in enumerate(plots) if row.kind == SubjectKind.PASTURE.value],
        "greenness": [greenness_percent(row.anomaly_ppm) for row in plots],
        "movement": [MOVEMENT_TONE.get(row.movement) for row in plots],
        "stage": [RANK.get(row.stage) for row in plots],
        "risk": [None if row.pd_ppm is None else row.pd_ppm // PPM_PER_MILLE for row in plots],
        **_way([shaped[row.subject_id] for row in plots]),
    }


def plot_features(tx: Tx, rows: Sequence[PlotRow]) -> Iterator[Mapping[str, Any]]:
    """Those of some plots that have a shape, as GeoJSON with the shape as it was registered."""
    for start in range(0, len(rows), FEATURES_A_QUESTION):
        some = rows[start : start + FEATURES_A_QUESTION]
        texts = plot_rows.shapes_of(tx, [row.subject_id for row in some])
        for row in some:
            if row.subject_id in texts:
                found = json.loads(texts[row.subject_id])
                geometry = found["geometry"] if found.get("type") == "Feature" else found
                yield {"type": "Feature", "geometry": geometry, "properties": _properties(row)}


def _properties(row: PlotRow) -> dict[str, Any]:
    return {
        "plot": row.subject_id, "name": row.name, "owner": row.owner,
        "village": row.village_name, "kind": row.kind, "crop": row.crop, "stage": row.stage,
        "greenness_percent": greenness_percent(row.anomaly_ppm), "line": row.line_id,
        "movement": row.movement or "no line", "currency": row.currency,
        "limit_minor": row.limit_minor,
    }  # fmt: skip


def ring_of(text: str) -> Ring:
    """The outer ring of a polygon on the grid: its first corner, then steps; empty for none.

    The closing corner, which is the first again, is left out.
    """
    found = json.loads(text)
    inner = found.get("geometry") if found.get("type") == "Feature" else found
    if not isinstance(inner, dict) or inner.get("type") != "Polygon":
        return ()
    per_degree = 10_000_000 // GRID_E7
    corners = [
        (round(lon * per_degree), round(lat * per_degree))
        for lon, lat, *_ in inner["coordinates"][0]
    ][:-1]
    kept = corners[:: -(-len(corners) // CORNERS_MAX)] if corners else []
    steps: list[int] = []
    x = y = 0
    for next_x, next_y in kept:
        steps += (next_x - x, next_y - y)
        x, y = next_x, next_y
    return tuple(steps)


def _way(rings: Sequence[Ring]) -> dict[str, list[int]]:
    """How many corners each has, and the way from corner to corner."""
    way: list[int] = []
    x = y = 0
    for ring in rings:
        way += (ring[0] - x, ring[1] - y)
        way += ring[2:]
        x, y = ring[:2]
    return {"corners": [len(ring) // 2 for ring in rings], "way": way}


def encoded(found: dict[str, Any]) -> bytes:
    """The answer's bytes."""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
