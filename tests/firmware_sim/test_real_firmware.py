"""Real firmware's habits and mishaps, and what a real station makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.units import MS_PER_DAY
from edge_node.features.quality import Quality
from firmware_sim.fleet.crowd import crowd_secrets, crowded
from firmware_sim.fleet.flash import FlashPages
from firmware_sim.fleet.member import DutyCycle, Member
from firmware_sim.fleet.village import Habits, village_members
from firmware_sim.sensors.faults import NO_FAULTS
from firmware_sim.sensors.observed import GREENHOUSE
from tests.support.edge_station import eventually
from tests.support.village_station import (
    PATIENCE_S,
    VillageStation,
    season,
    secrets_of,
    village_station,
)

HOUR_MS = 3_600_000
CROWD = 60
CALM = Habits(sample_ms=HOUR_MS, faults=NO_FAULTS)


@pytest.fixture
def village(tmp_path: Path) -> Iterator[VillageStation]:
    with village_station(tmp_path) as found:
        yield found


def one(device: str, habits: Habits) -> Member:
    district, truth = season()
    members = village_members(district, truth, secrets_of(district), habits)
    return next(member for member in members if member.name == device)


def numbers(village: VillageStation, device: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for epoch, seq in village.told(device):
        found.setdefault(epoch, []).append(seq)
    return found


def gaps(village: VillageStation) -> list[tuple[int, int]]:
    return [
        tuple(row) for row in village.station.db.execute("SELECT first_seq, last_seq FROM gaps")
    ]


def test_radio_that_sleeps_reports_all_of_its_samples_in_turns(village: VillageStation) -> None:
    member = one("soil-01", replace(CALM, duty=DutyCycle(6 * HOUR_MS)))
    with village.fleet([member]) as fleet:
        for quarter in range(1, 9):
            village.live(fleet, quarter / 4)
            assert fleet.wait_acknowledged(PATIENCE_S)
        eventually(lambda: fleet.wait_acknowledged(0).connected == 0)
        assert fleet.counts().sessions >= 8  # connected only to report
    (told,) = numbers(village, "soil-01").values()
    assert told == list(range(1, len(told) + 1))
    assert len(told) >= 47
    assert village.station.count("sessions", "died_ms IS NOT NULL") == 0  # it said goodbye


def test_samples_in_ram_die_with_power_and_no_number_comes_twice(village: VillageStation) -> None:
    member = one("weather-01", replace(CALM, page_samples=6, duty=DutyCycle(10 * HOUR_MS)))
    with village.fleet([member]) as fleet:
        village.live(fleet, 9.5 / 24)  # nine measured, six of them in flash
        fleet.kill("weather-01")
        fleet.restart("weather-01")
        village.live(fleet, 20.5 / 24)
        assert fleet.wait_acknowledged(PATIENCE_S)
    (told,) = numbers(village, "weather-01").values()
    rows = village.station.db.execute("SELECT at_ms FROM samples ORDER BY seq")
    hours = [round((at_ms - village.start_ms) / HOUR_MS) for (at_ms,) in rows]
    assert hours == [1, 2, 3, 4, 5, 6, *range(10, 21)]
    assert told == list(range(1, len(told) + 1))  # what was lost had no number on the wire
    assert (village.refused(), gaps(village)) == ({}, [])


@pytest.mark.parametrize(("slots", "epochs"), [(2, 1), (1, 2)])
def test_torn_page_costs_the_memory_only_where_there_is_no_other(
    village: VillageStation, slots: int, epochs: int
) -> None:
    pages = FlashPages(slots)
    with village.fleet([one("soil-03", CALM)], pages) as fleet:
        assert fleet.wait_connected(PATIENCE_S)
        village.live(fleet, 1)
        assert fleet.wait_acknowledged(PATIENCE_S)
        fleet.tear("soil-03", pages)
        village.live(fleet, 1.5)
        fleet.restart("soil-03")
        village.live(fleet, 2)
        assert fleet.wait_acknowledged(PATIENCE_S)
    told = numbers(village, "soil-03")
    assert len(told) == epochs
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in told.values())
    assert village.refused() == {}


def test_clock_without_memory_is_marked_and_never_stamped_anew(village: VillageStation) -> None:
    with village.fleet([one("meter-01", replace(CALM, duty=DutyCycle(24 * HOUR_MS)))]) as fleet:
        village.live(fleet, 1)
        assert fleet.wait_acknowledged(PATIENCE_S)
        fleet.kill("meter-01")
        fleet.restart("meter-01")  # it wakes in 1970, and nobody tells it the time for a day
        village.live(fleet, 2)
        assert fleet.wait_acknowledged(PATIENCE_S)
    lost = village.station.count("samples", f"at_ms < {2 * MS_PER_DAY}")
    assert lost >= 22
    marked = village.station.count("readings", f"qc = {int(Quality.CLOCK)}")
    assert marked == lost * 3  # each of the meter's metrics


def test_backlog_of_a_month_in_the_dark_arrives_whole(village: VillageStation) -> None:
    habits = replace(CALM, sample_ms=HOUR_MS, duty=DutyCycle(30 * 24 * HOUR_MS))
    with village.fleet([one("weather-01", habits)]) as fleet:
        village.live(fleet, 31)
        assert fleet.wait_acknowledged(PATIENCE_S)
    (told,) = numbers(village, "weather-01").values()
    assert told == list(range(1, len(told) + 1))
    assert len(told) > 700
    assert village.station.count("samples", "late") > 600


def test_flash_that_is_too_small_for_the_dark_leaves_a_counted_gap(
    village: VillageStation,
) -> None:
    habits = replace(CALM, outbox_samples_max=100, duty=DutyCycle(10 * 24 * HOUR_MS))
    with village.fleet([one("soil-05", habits)]) as fleet:
        village.live(fleet, 10.1)
        assert fleet.wait_acknowledged(PATIENCE_S)
    (told,) = numbers(village, "soil-05").values()
    assert len(told) == 100
    assert gaps(village) == [(1, told[0] - 1)]


def test_greenhouse_faults_are_judged_at_arrival(village: VillageStation) -> None:
    habits = replace(CALM, faults=replace(GREENHOUSE, spike_per_day_ppm=300_000))
    with village.fleet([one("weather-01", habits)]) as fleet:
        assert fleet.wait_connected(PATIENCE_S)
        village.live(fleet, 30)
        assert fleet.wait_acknowledged(PATIENCE_S)
    wild = village.station.count("readings", f"qc = {int(Quality.RANGE)}")
    assert wild > 10
    usable = village.station.count("readings", f"qc = {int(Quality.USABLE)}")
    assert usable > wild


def test_many_devices_of_one_process_are_all_heard(tmp_path: Path) -> None:
    """The thousand is ``python -m bench crowd``."""
    district, truth = season()
    crowd = crowded(district, CROWD)
    members = village_members(crowd, truth, crowd_secrets(crowd), replace(CALM))
    with village_station(tmp_path, crowd) as village, village.fleet(members) as fleet:
        assert fleet.wait_connected(PATIENCE_S) == CROWD
        village.live(fleet, 0.5)
        assert fleet.wait_acknowledged(PATIENCE_S)
        sent = fleet.counts().samples_sent
        assert village.station.count("samples") == sent >= 11 * CROWD
        assert village.station.count("streams") == CROWD
