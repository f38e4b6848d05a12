"""The ground of a plot before a walk was chosen: what still may name it, and what may not.

The choice itself stands in :mod:`server.services.field_inbox`.
"""

from __future__ import annotations

from dataclasses import replace

from core.units import MS_PER_DAY
from core.wire.corrections import BOUNDARY
from core.wire.registry import Subject
from server.services.centre import Work
from server.store import field_versions, registry
from server.store.engine import Tx
from server.store.field_versions import Version

BEFORE_WALK_DAYS = 60  # for so long evidence of the ground as it was drawn before counts too


def grounds_before(work: Work, subject_id: str) -> frozenset[str]:
    """The polygons that a plot had until a walk was chosen lately: evidence may still cite them."""
    since_ms = work.at_ms - BEFORE_WALK_DAYS * MS_PER_DAY
    found = set()
    for version in field_versions.of_subject(work.tx, subject_id):
        answered = field_versions.choice_of(work.tx, version.operation_id)
        if version.field == BOUNDARY and answered and answered.chosen:
            found |= {version.was} if answered.at_ms >= since_ms else set()
    return frozenset(found)


def as_chosen(work: Work, subject: Subject, geojson: str | None) -> tuple[Subject, str | None]:
    """A subject of a registry file with the ground that was chosen since the file was drawn.

    The same file read again would otherwise take a chosen walk back without a word. A file
    with another ground than any before is a word of its own, and counts.
    """
    placed = registry.placed_subject(work.tx, subject.subject_id)
    before = {
        one.was
        for one in field_versions.of_subject(work.tx, subject.subject_id)
        if one.field == BOUNDARY and _is_chosen(work.tx, one)
    }
    if placed is None or subject.polygon_sha256 not in before:
        return subject, geojson
    now = placed.subject
    kept = replace(
        subject, area_m2=now.area_m2, area_low_m2=now.area_low_m2,
        polygon_sha256=now.polygon_sha256,
    )  # fmt: skip
    return kept, placed.geojson


def _is_chosen(tx: Tx, version: Version) -> bool:
    answered = field_versions.choice_of(tx, version.operation_id)
    return answered is not None and answered.chosen
