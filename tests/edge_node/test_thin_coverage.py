"""Each feature that devices tell is missing where too little was seen, and never zero."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.wire.registry import Subject, SubjectKind
from core.wire.telemetry import DeviceKind
from edge_node.store import village
from edge_node.store.devices import put_device
from tests.support.attacked_farm import told, used
from tests.support.edge_station import device
from tests.support.small_farm import DRY_AIR, SOWN, Farm

WINDOW_DAYS = 30  # before an application, of soil, rain and animals
PLOT = Subject("plot-1", SubjectKind.PLOT, "f-1", "Juu", "maize", "s", SOWN.isoformat(), 5_000)
HERD = Subject("herd-1", SubjectKind.HERD, "f-1", "Kundi", heads=9)
MACHINE = Subject("machine-1", SubjectKind.MACHINE, "f-1", "Trekta")


@dataclass(frozen=True)
class Told:
    """A feature, what an application pledges, and the device that tells of it."""

    name: str
    pledged: Subject
    device: str
    values: dict[str, int]
    days: int = WINDOW_DAYS


CASES = (
    Told("soil_stress_days", PLOT, "probe-1", {"soil_moisture_ppm": 200_000}),
    Told("rain_deficit_ppm", PLOT, "mast-1", DRY_AIR),
    Told("herd_heads_count", HERD, "gate-1", {"animals_seen_count": 9}, 14),
    Told("herd_steps_per_day", HERD, "gate-1", {"activity_steps": 700}),
    Told("machine_hours_count", MACHINE, "engine-1", {"engine_s": 3_600}, 120),
)


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    farm = Farm(tmp_path)
    for subject, name, kind in (
        (HERD, "gate-1", DeviceKind.EAR_TAG_READER), (MACHINE, "engine-1", DeviceKind.MACHINE)
    ):  # fmt: skip
        with farm.db.atomic():
            village.keep_subject(farm.db, subject)
        put_device(farm.db, device(name, subject.subject_id, kind))
    return farm


def live(farm: Farm, case: Told, days: range) -> None:
    for day in days:
        farm.say(case.device, day, {name: v + 13 * day for name, v in case.values.items()})
    farm.compute(days[-1] + 1)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_window_that_was_seen_gives_the_feature(farm: Farm, case: Told) -> None:
    live(farm, case, range(case.days))
    assert case.name in used(farm, case.pledged, case.name, case.days - 1)
    farm.db.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_window_that_was_mostly_dark_gives_none(farm: Farm, case: Told) -> None:
    seen = range(case.days - case.days // 3, case.days)
    live(farm, case, seen)
    found = told(farm, case.pledged, case.name, case.days - 1)
    assert found is not None  # something was seen, and it says of how little it speaks
    assert found.coverage_ppm < 400_000
    assert used(farm, case.pledged, case.name, case.days - 1) == {}
    farm.db.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_silence_gives_nothing_at_all(farm: Farm, case: Told) -> None:
    farm.compute(case.days)
    assert told(farm, case.pledged, case.name, case.days - 1) is None
    farm.db.close()
