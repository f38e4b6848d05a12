from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import STRtree
from shapely.geometry import Polygon

from core.wire.telemetry import DeviceKind, require_name
from firmware_sim.config import SettingError
from firmware_sim.district.parcels import NORTH_M, PASTURE_M2, PLOT_M2, WEST_M
from firmware_sim.district.places import GRID_PIXELS, PIXEL_M
from firmware_sim.district.village import FARMERS_MAX, build_district, other_parcels

SEEDS = st.integers(min_value=0, max_value=2**40)


def test_same_seed_same_village() -> None:
    assert build_district(5) == build_district(5)
    assert build_district(5) != build_district(6)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_no_two_pieces_of_land_overlap(seed: int) -> None:
    district = build_district(seed)
    rings = [p.ring for p in district.plots] + [p.ring for p in district.pastures]
    land = [Polygon(ring) for ring in (*rings, *other_parcels(district))]
    pairs = STRtree(land).query(land, predicate="intersects").T
    assert all(a == b for a, b in pairs)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_land_has_the_sizes_of_a_smallholder_village(seed: int) -> None:
    district = build_district(seed)
    shapes = [Polygon(plot.ring) for plot in district.plots]
    assert all(shape.is_valid and 4 <= len(shape.exterior.coords) - 1 <= 6 for shape in shapes)
    assert all(PLOT_M2[0] <= plot.area_m2 <= PLOT_M2[1] for plot in district.plots)
    assert all(PASTURE_M2[0] <= p.area_m2 <= PASTURE_M2[1] for p in district.pastures)
    assert all(abs(s.area - p.area_m2) <= 0.5 for s, p in zip(shapes, district.plots, strict=True))


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_all_land_lies_in_the_scene(seed: int) -> None:
    district = build_district(seed)
    side = GRID_PIXELS * PIXEL_M
    corners = itertools.chain.from_iterable(p.ring for p in district.plots + district.pastures)
    assert all(
        WEST_M < east < WEST_M + side and NORTH_M - side < north < NORTH_M
        for east, north in corners
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_village_is_as_large_as_the_story_needs(seed: int) -> None:
    district = build_district(seed)
    assert len(district.people) >= 40
    assert len({person.name for person in district.people}) == len(district.people)
    assert {person.language for person in district.people} == {"en", "sw"}
    assert len(district.plots) >= 60
    assert len(district.herds) >= 10
    assert 4 <= len(district.pastures) <= 6
    kinds = [device.kind for device in district.devices]
    assert {kind: kinds.count(kind) for kind in DeviceKind} == {
        DeviceKind.SILO_SENSOR: 0,  # the village stores its grain in sacks
        DeviceKind.SOIL_PROBE: 20,
        DeviceKind.WEATHER_STATION: 2,
        DeviceKind.EAR_TAG_READER: 8,
        DeviceKind.MACHINE: 4,
        DeviceKind.ELECTRICITY_METER: 3,
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_east_holds_a_third_of_the_plots_and_two_pastures(seed: int) -> None:
    district = build_district(seed)
    share = sum(plot.zone for plot in district.plots) / len(district.plots)
    assert 0.28 <= share <= 0.38
    assert sum(pasture.zone for pasture in district.pastures) == 2
    west = [plot.ring[0][0] for plot in district.plots if plot.zone == 0]
    east = [plot.ring[0][0] for plot in district.plots if plot.zone == 1]
    assert sum(west) / len(west) < sum(east) / len(east)


def test_everybody_has_a_plot_and_every_device_a_subject() -> None:
    district = build_district(9)
    assert {p.farmer_id for p in district.plots} == {p.farmer_id for p in district.people}
    subjects = {zone.subject_id for zone in district.zones}
    subjects |= {plot.plot_id for plot in district.plots}
    subjects |= {herd.herd_id for herd in district.herds}
    subjects |= {machine.machine_id for machine in district.machines}
    subjects |= {store.store_id for store in district.stores}
    assert {device.subject_id for device in district.devices} <= subjects
    names = [require_name(device.device_id, "device") for device in district.devices]
    assert len(set(names)) == len(names)
    pastures = {pasture.pasture_id for pasture in district.pastures}
    assert {herd.pasture_id for herd in district.herds} == pastures


def test_soil_probes_stand_in_both_zones_and_soils_differ() -> None:
    district = build_district(4)
    probes = [d for d in district.devices if d.kind is DeviceKind.SOIL_PROBE]
    assert {probe.zone for probe in probes} == {0, 1}
    assert len({plot.soil.name for plot in district.plots}) == 4


@pytest.mark.parametrize(("seed", "farmers"), [(-1, 42), (1, 7), (1, FARMERS_MAX + 1)])
def test_impossible_village_is_refused(seed: int, farmers: int) -> None:
    with pytest.raises(SettingError, match="expected a seed from 0"):
        build_district(seed, farmers)


@pytest.mark.parametrize("farmers", [8, FARMERS_MAX])
def test_smallest_and_largest_village_can_be_built(farmers: int) -> None:
    district = build_district(2, farmers)
    assert len(district.people) == farmers
    assert len(district.plots) == round(1.6 * farmers)
