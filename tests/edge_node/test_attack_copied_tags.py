"""Ear tags that are copied, or lent for a count, earn no larger herd."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.units import day_start_ms
from core.wire.registry import Subject, SubjectKind
from core.wire.telemetry import DeviceKind
from edge_node.store import foreign, village
from edge_node.store.devices import put_device
from edge_node.watch.notices import NoticeKind
from tests.support.attacked_farm import farmer_reads, officer_reads, told, used
from tests.support.edge_station import device
from tests.support.small_farm import OFFSET_MS, SOWN, Farm

DAYS = 14
HEADS = "herd_heads_count"


def herd(number: int) -> Subject:
    return Subject(f"herd-{number}", SubjectKind.HERD, f"f-{number}", f"Kundi {number}", heads=9)


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    farm = Farm(tmp_path)
    for number in (1, 2):
        with farm.db.atomic():
            village.keep_subject(farm.db, herd(number))
        put_device(farm.db, device(f"gate-{number}", f"herd-{number}", DeviceKind.EAR_TAG_READER))
    return farm


def live(farm: Farm, apart_minutes: int) -> list[str]:
    """Both herds pass their gates every day, one tag among both; the flags that began."""
    began = []
    for day in range(DAYS):
        start_ms = day_start_ms(SOWN + timedelta(days=day), OFFSET_MS)
        for number, minutes in ((1, 480), (2, 480 + apart_minutes)):
            seen = {"animals_seen_count": 9 + number + day % 3}
            farm.say(f"gate-{number}", day, seen)
            at = (start_ms + minutes * 60_000, 1_000)
            tag = [("404000000000007", 0, True)]
            with farm.db.atomic():
                foreign.put_sightings(farm.db, f"gate-{number}", tag, at, at[0])
        began += [
            one.about for one in farm.close_day(day) if one.kind is NoticeKind.TAG_ON_TWO_FARMS
        ]
    farm.compute(DAYS)
    return began


def test_a_copied_tag_is_found_and_neither_herd_is_counted(farm: Farm) -> None:
    assert live(farm, apart_minutes=12) == ["herd-1", "herd-2"]
    # Quarantined: days with an animal that was elsewhere too are too thin to speak of.
    for number in (1, 2):
        assert told(farm, herd(number), HEADS, DAYS - 1) is None
        assert used(farm, herd(number), HEADS, DAYS - 1) == {}
    # Explained: the officer reads which tag, where and when, and what explains it innocently.
    rows = officer_reads(farm, "tag_on_two_farms")
    assert {row["farmer_id"] for row in rows} == {"f-1", "f-2"}
    assert all("404000000000007" in str(row["what"]) for row in rows)
    assert all("shared gate" in str(row["advice"]) for row in rows)
    assert farmer_reads(farm, "f-1") == ()
    farm.db.close()


def test_a_herd_that_was_really_driven_over_still_counts(farm: Farm) -> None:
    assert live(farm, apart_minutes=180) == []
    assert used(farm, herd(1), HEADS, DAYS - 1)[HEADS] > 0
    farm.db.close()
