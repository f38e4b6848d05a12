"""A tractor that idles in the yard earns no hours: days without land are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.wire.registry import Subject, SubjectKind
from core.wire.telemetry import DeviceKind
from edge_node.store import village
from edge_node.store.devices import put_device
from edge_node.watch.notices import NoticeKind
from tests.support.attacked_farm import farmer_reads, officer_reads, told
from tests.support.edge_station import device
from tests.support.small_farm import DAY_MS, Farm

MACHINE = Subject("machine-1", SubjectKind.MACHINE, "f-1", "Trekta")
HOURS = "machine_hours_count"
WORKING_H, IDLING_H, M2_PER_HOUR = 4, 6, 3_000


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    farm = Farm(tmp_path)
    with farm.db.atomic():
        village.keep_subject(farm.db, MACHINE)
    put_device(farm.db, device("engine-1", "machine-1", DeviceKind.MACHINE))
    return farm


def live(farm: Farm, days: int, idles: tuple[int, ...]) -> list[NoticeKind]:
    """An honest working day, or one on which the engine only runs; the flags that began."""
    engine_s, area_m2, began = 0, 0, []
    for day in range(days):
        farm.say("engine-1", day, {"engine_s": engine_s, "area_worked_m2": area_m2}, 1)
        idle = day in idles
        engine_s += (IDLING_H if idle else WORKING_H) * 3_600
        area_m2 += 0 if idle else WORKING_H * M2_PER_HOUR
        late = DAY_MS // 2
        counts = {"engine_s": engine_s, "area_worked_m2": area_m2}
        farm.say("engine-1", day, counts, 1, late_ms=late)
        began += [one.kind for one in farm.close_day(day)]
    farm.compute(days)
    return began


def test_hours_that_were_idled_are_found_and_earn_nothing(farm: Farm) -> None:
    idles = (6, 8, 10)
    assert live(farm, 12, idles) == [NoticeKind.ENGINE_STANDS]
    # Quarantined: the honest days' hours alone are left, not less and not one more.
    value = told(farm, MACHINE, HOURS, 11)
    assert value is not None
    assert value.value == WORKING_H * (12 - len(idles))
    (row,) = officer_reads(farm, "engine_stands")
    assert "thresher" in str(row["advice"])
    assert len(row["evidence"]) == len(idles)  # type: ignore[arg-type]
    assert farmer_reads(farm, "f-1") == ()
    farm.db.close()


def test_an_engine_that_only_idles_tells_no_hours_at_all(farm: Farm) -> None:
    assert live(farm, 8, tuple(range(8))) == [NoticeKind.ENGINE_STANDS]
    value = told(farm, MACHINE, HOURS, 7)
    assert value is None or value.value <= 2 * IDLING_H  # before the third day it was no flag
    farm.db.close()


def test_two_days_on_which_it_pumped_are_no_fraud(farm: Farm) -> None:
    assert live(farm, 12, (4, 9)) == []
    value = told(farm, MACHINE, HOURS, 11)
    assert value is not None
    assert value.value == WORKING_H * 10 + IDLING_H * 2
    farm.db.close()
