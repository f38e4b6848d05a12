"""One look a pass: reprocessed scenes, neighbouring tiles and two satellites told apart.

On one day a plot may be seen several times. What belongs together:

- *Reprocessed duplicates*: one tile, one pass, made again. The newer baseline is
  taken, then the later processing. The older scene stays in the store under its own
  id and hash, so that what was decided by it can be replayed.
- *One pass on several tiles*: tiles overlap, and the same light was cut twice. A tile
  that holds the whole plot is taken alone. Else the parts are joined, each weighing
  what was seen of it. Two parts that together hold more than the whole plot overlap:
  then the part that saw less counts only for what it can add, so no ground weighs twice
  as far as the shares tell.
- *Two passes*, of two satellites or of one at high latitudes, are two looks; the day's
  look is the one that saw more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from core.canonical import canonical_hash
from satellite.scenes.item import platform_of, tile_of
from satellite.statistics.store import LookRow, SceneRow
from satellite.statistics.weighted import Spread

# A pass crosses neighbouring tiles within a minute; the next one over the same place, of
# another orbit or satellite, is at least 25 minutes away (Sentinel-2 mission guide).
PASS_MINUTES_MAX = 10
WHOLE_SHARE_MIN = 0.999


def resolve(rows: Iterable[LookRow]) -> list[LookRow]:
    """The looks of one plot, one a day, in order of day.

    Parameters
    ----------
    rows
        All looks at one plot, in any order. The answer does not depend on it.
    """
    days: dict[int, list[LookRow]] = {}
    for row in rows:
        days.setdefault(row.scene.day.toordinal(), []).append(row)
    return [_one_day(days[day]) for day in sorted(days)]


def newest(rows: Sequence[LookRow]) -> list[LookRow]:
    """Without those that were made again: one look a tile, of one pass."""
    found: dict[str, LookRow] = {}
    for row in rows:
        tile = _tile(row.scene)
        if tile not in found or _age(row) > _age(found[tile]):
            found[tile] = row
    return [found[tile] for tile in sorted(found)]


def joined(rows: Sequence[LookRow]) -> LookRow:
    """One look from one pass's looks on several tiles."""
    whole = [row for row in rows if row.share >= WHOLE_SHARE_MIN]
    if whole or len(rows) == 1:
        return max(whole or rows, key=_sight)
    first, *others = sorted(rows, key=_sight, reverse=True)
    parts, share, seen = [(first, first.valid_fraction)], first.share, first.valid_fraction
    for row in others:
        # Of this part, at most what the others do not hold is new ground.
        fresh = max(0.0, min(row.share, 1.0 - share))
        adds = row.valid_fraction * fresh / row.share if row.share > 0 else 0.0
        if row.mean is not None and adds > 0:
            parts.append((row, adds))
            seen += adds
        share = min(share + fresh, 1.0)
    return first if len(parts) == 1 else _mixed(parts, min(seen, 1.0), share)


def _one_day(rows: Sequence[LookRow]) -> LookRow:
    if len(rows) == 1:
        return rows[0]
    return max((joined(newest(one)) for one in _passes(rows)), key=_sight)


def _passes(rows: Sequence[LookRow]) -> list[list[LookRow]]:
    found: list[list[LookRow]] = []
    for row in sorted(rows, key=lambda r: (_instant(r.scene), r.scene.item_id)):
        for one in found:
            if _same_pass(one[0].scene, row.scene):
                one.append(row)
                break
        else:
            found.append([row])
    return found


def _same_pass(a: SceneRow, b: SceneRow) -> bool:
    satellites = {_platform(a), _platform(b)} - {""}
    if len(satellites) > 1:
        return False
    return abs((_instant(a) - _instant(b)).total_seconds()) <= 60 * PASS_MINUTES_MAX


def _mixed(parts: Sequence[tuple[LookRow, float]], seen: float, share: float) -> LookRow:
    """Parts with their weights, as one look; a spread cannot be told from its parts' spreads."""
    first = parts[0][0]
    total = sum(weight for _, weight in parts)
    if total == 0:
        return first
    mean = sum(row.mean * weight for row, weight in parts if row.mean is not None) / total
    scene = replace(
        first.scene,
        item_id="+".join(row.scene.item_id for row, _ in parts),
        sha256=canonical_hash({row.scene.item_id: row.scene.sha256 for row, _ in parts}),
    )
    return LookRow(
        first.plot_id,
        scene,
        mean,
        seen,
        first.pixels,
        max(first.full_pixels, min(sum(row.full_pixels for row, _ in parts), int(first.pixels))),
        _spread(parts, mean, total),
        share,
    )


def _spread(parts: Sequence[tuple[LookRow, float]], mean: float, total: float) -> Spread | None:
    # The deviation of a union is exact (within and between the parts); its quantiles are not
    # known, and the mean of the parts' quantiles is what can be said.
    if any(row.spread is None for row, _ in parts):
        return None
    known = [(row.spread, row.mean or 0.0, weight) for row, weight in parts if row.spread]
    variance = sum(w * (s.std**2 + (m - mean) ** 2) for s, m, w in known) / total
    return Spread(
        variance**0.5,
        *(sum(w * getattr(s, name) for s, _, w in known) / total for name in Spread._fields[1:]),
    )


def _sight(row: LookRow) -> tuple[float, float, tuple[float, str, str], str]:
    return row.valid_fraction, row.share, _age(row), row.scene.item_id


def _age(row: LookRow) -> tuple[float, str, str]:
    scene = row.scene
    try:
        baseline = float(scene.baseline)
    except ValueError:
        baseline = 0.0  # not stated: anything stated is newer
    return baseline, scene.processed, scene.item_id


def _tile(scene: SceneRow) -> str:
    return scene.tile or tile_of(scene.item_id, {})


def _platform(scene: SceneRow) -> str:
    return scene.platform or platform_of(scene.item_id, {})


def _instant(scene: SceneRow) -> datetime:
    """When the scene was taken; the start of its day where that cannot be read."""
    try:
        found = datetime.fromisoformat(scene.acquired)
    except ValueError:
        return datetime(scene.day.year, scene.day.month, scene.day.day, tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
