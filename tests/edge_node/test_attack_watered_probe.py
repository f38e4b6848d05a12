"""A farmer waters the probe, not the field: the reading is doubted and no longer counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.wire.registry import Subject, SubjectKind
from edge_node.store import village
from edge_node.store.devices import put_device
from edge_node.store.doubts import kept_ppm
from edge_node.watch.looking import DOUBTED_PPM
from edge_node.watch.notices import NoticeKind
from tests.support.attacked_farm import farmer_reads, officer_reads, used
from tests.support.edge_station import device
from tests.support.small_farm import Farm

FIELDS, DAYS = 8, 24  # honest neighbours; how long it goes on
STRESS = "soil_stress_days"


def plot(number: int) -> Subject:
    return Subject(
        f"plot-{number}", SubjectKind.PLOT, f"f-{number}", f"Shamba {number}", "maize", "s",
        "2026-04-01", 5_000,
    )  # fmt: skip


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    """A village that dries without rain; the probe of plot 1 stands in a bucket."""
    farm = Farm(tmp_path)
    for number in range(2, FIELDS + 2):
        with farm.db.atomic():
            village.keep_subject(farm.db, plot(number))
        put_device(farm.db, device(f"probe-{number}", f"plot-{number}"))
    return farm


def live(farm: Farm, *, watered: bool) -> list[NoticeKind]:
    """The village's days; which flags of probes began."""
    began = []
    for day in range(DAYS):
        farm.weather([day])
        dry_ppm = 230_000 - 5_000 * day
        farm.probe(day, 230_000 + 37 * day if watered else dry_ppm + 11)
        for number in range(2, FIELDS + 2):
            farm.say(f"probe-{number}", day, {"soil_moisture_ppm": dry_ppm + 301 * number})
        began += [n.kind for n in farm.close_day(day) if n.kind is NoticeKind.PROBE_DISAGREES]
    farm.compute(DAYS)
    return began


def test_a_probe_that_is_watered_by_hand_is_found_and_counts_no_more(farm: Farm) -> None:
    assert live(farm, watered=True) == [NoticeKind.PROBE_DISAGREES]
    # Quarantined: the readings stay, and are believed too little to be used.
    assert kept_ppm(farm.db, "probe-1", farm.day(DAYS - 1)) == {"soil_moisture_ppm": DOUBTED_PPM}
    assert used(farm, plot(1), STRESS, DAYS - 1) == {}
    # Explained: to the officer with rows to look at; who cheats is not shown how it was found.
    (row,) = officer_reads(farm, "probe_disagrees")
    assert row["farmer_id"] == "f-1"
    assert any("neighbours" in str(each) for each in row["evidence"])  # type: ignore[attr-defined]
    assert farmer_reads(farm, "f-1") == ()
    farm.db.close()


def test_an_honest_probe_in_the_same_drought_still_counts(farm: Farm) -> None:
    assert live(farm, watered=False) == []
    assert used(farm, plot(1), STRESS, DAYS - 1)[STRESS] > 0
    farm.db.close()
