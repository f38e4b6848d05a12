"""Two that are one, one that is two: tags on two farms, cloned devices, repeated days.

A tag cannot be read on two farms within an hour, less the clocks' errors, unless the
readers share a gate. A device numbers its samples in one epoch at a time: two epochs
whose times interleave, a number with two contents, or a boot count that fell are two
devices with one key, or a replay. A day that says, value for value, what another
device-day said is a copy: real noise does not repeat. Pure functions over rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from core.units import MS_PER_HOUR
from edge_node.store.doubts import SameDay
from edge_node.watch.notices import EVIDENCE_ROWS_MAX, Judgement, Level

WALK_MS_MIN = MS_PER_HOUR  # between farms, with animals
CONFLICTS_MIN = 2
REPEATED_DAYS_MIN = 2  # within the week; one may be two honest herds that walked alike
SWITCHES_MIN = 3
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, order=True)
class Sighting:
    """A tag at a reader of a farm [ms UTC, ms]."""

    tag: str
    at_ms: int
    error_ms: int
    device_id: str
    farmer_id: str


@dataclass(frozen=True, slots=True)
class Span:
    """When an epoch of a device took samples [ms UTC], oldest first, as hourly instants."""

    epoch: str
    hours: tuple[int, ...]


def twice_seen(sightings: Sequence[Sighting]) -> tuple[tuple[Sighting, Sighting], ...]:
    """Pairs in which a tag was on two farms sooner than it can have walked."""
    pairs = []
    for one, two in itertools.pairwise(sorted(sightings)):
        apart = two.at_ms - one.at_ms + one.error_ms + two.error_ms
        if one.tag == two.tag and one.farmer_id != two.farmer_id and apart < WALK_MS_MIN:
            pairs.append((one, two))
    return tuple(pairs)


def judge_tags(pairs: Sequence[tuple[Sighting, Sighting]], name: str) -> Judgement:
    """Whether a herd's tags are a flag."""
    if not pairs:
        return Judgement(Level.CLEAR)
    one, two = pairs[-1]
    minutes = -(-(two.at_ms - one.at_ms) // _MINUTE_MS)
    evidence = tuple(
        f"{a.tag}: {a.device_id} at {a.at_ms}, {b.device_id} at {b.at_ms} ms"
        for a, b in pairs[-EVIDENCE_ROWS_MAX:]
    )
    params = {"name": name, "tag": two.tag, "minutes": str(minutes)}
    return Judgement(Level.RAISE, params, evidence)


def switches(spans: Sequence[Span]) -> int:
    """How often a device's samples, in the order of time, go from one epoch to another.

    A device that lost its memory goes over once; two that speak in turn go to and fro.
    """
    told = sorted((hour, span.epoch) for span in spans for hour in span.hours)
    return sum(a[1] != b[1] for a, b in itertools.pairwise(told))


def judge_counter(
    conflicts: Sequence[str], spans: Sequence[Span], boots_back: int, params: dict[str, str]
) -> Judgement:
    """Whether two devices speak as one.

    Parameters
    ----------
    conflicts
        Messages that said other things under numbers that are stored, as rows.
    spans
        The device's own epochs lately.
    boots_back
        How often a birth came with a lower boot count than one before.
    params
        Name of the subject and device, for the sentence.
    """
    turns = switches(spans)
    # One loss of memory is one switch; each further epoch explains one more.
    odd = turns - max(len(spans) - 1, 0)
    evidence = tuple(conflicts[:EVIDENCE_ROWS_MAX])
    if odd >= SWITCHES_MIN:
        names = ", ".join(span.epoch for span in spans[:4])
        evidence = (*evidence, f"{turns} turns between epochs {names}")
    if boots_back:
        evidence = (*evidence, f"{boots_back} births with an earlier boot count")
    if len(conflicts) >= CONFLICTS_MIN or odd >= SWITCHES_MIN or boots_back:
        return Judgement(Level.RAISE, params, evidence)
    return Judgement(Level.HOLD if conflicts or odd > 0 else Level.CLEAR, params, evidence)


def judge_repeats(same: Sequence[SameDay], params: dict[str, str]) -> Judgement:
    """Whether a device says days again: its own of before, or one other device's."""
    if not same:
        return Judgement(Level.CLEAR)
    days: dict[str, set[str]] = {}
    for one in same:
        days.setdefault(one.other_device_id, set()).add(one.day)
    whom = max(sorted(days), key=lambda name: len(days[name]))
    repeated = len(days[whom]) >= REPEATED_DAYS_MIN
    last = [one for one in same if one.other_device_id == whom][-1]
    told = {**params, "other": last.other_device_id, "day": last.other_day}
    rows = tuple(
        f"{one.metric}: {one.device_id} {one.day} = {one.other_device_id} {one.other_day}"
        for one in same[-EVIDENCE_ROWS_MAX:]
    )
    return Judgement(Level.RAISE if repeated else Level.HOLD, told, rows)
