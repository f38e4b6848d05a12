"""Adversaries among a village's devices, and what a real station does with each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from core.errors import ShapeError
from core.units import MS_PER_DAY
from firmware_sim.adversaries import (
    Adversary,
    Bucket,
    Clone,
    IdleTractor,
    Replay,
    ReplayWay,
    Rerun,
    Spoof,
    SpoofWay,
    enlisted,
)
from firmware_sim.adversaries.kinds import adversary_of
from firmware_sim.config import SettingError
from firmware_sim.device.machine import BATTERY_METRIC
from firmware_sim.device.models import SAMPLE_MS
from firmware_sim.fleet.flash import FlashInMemory
from firmware_sim.fleet.fleet import Fleet
from firmware_sim.fleet.member import Member
from firmware_sim.fleet.station import uplink_to
from firmware_sim.fleet.unit import Unit
from firmware_sim.fleet.village import Habits, season_start_ms
from firmware_sim.sensors.faults import NO_FAULTS
from tests.support.edge_station import eventually
from tests.support.requirements import require
from tests.support.village_station import (
    PATIENCE_S,
    VillageStation,
    season,
    secrets_of,
    village_station,
)

SAMPLES_A_DAY = 86_400_000 // SAMPLE_MS
HABITS = Habits(faults=NO_FAULTS)
SLACK_DAYS = 0.01  # a crystal that is slow takes the day's last sample a little late


@pytest.fixture(params=["amqtt", "mosquitto"])
def village(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VillageStation]:
    if request.param == "mosquitto":
        require("mosquitto")
    with village_station(tmp_path, broker=request.param) as found:
        yield found


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[VillageStation]:
    with village_station(tmp_path) as found:
        yield found


def members(adversary: Adversary, *devices: str) -> tuple[Member, ...]:
    """Only these devices of the village, with the adversary among them."""
    district, _ = season()
    everyone = enlisted(season(), secrets_of(district), [adversary], HABITS)
    return tuple(m for m in everyone if m.spec.device in devices)


def measured(member: Member, day: float) -> list[dict[str, int]]:
    """What a device measures until a day of the season where nobody hears it.

    But for its battery, which every message empties.
    """
    uplink = uplink_to("nowhere", "127.0.0.1:1", "00" * 32)
    start_ms = season_start_ms(season()[1])
    unit = Unit(member, uplink, FlashInMemory(), "alone", start_ms)
    unit.live(start_ms + round((day + SLACK_DAYS) * MS_PER_DAY))
    return [without_battery(sample.values) for sample in unit.device.memory.outbox]


def without_battery(values: Mapping[str, int]) -> dict[str, int]:
    return {metric: value for metric, value in values.items() if metric != BATTERY_METRIC}


def stored(village: VillageStation, device: str) -> list[dict[str, int]]:
    return [without_battery(values) for values in village.told(device).values()]


def lived(village: VillageStation, fleet: Fleet, days: Sequence[float]) -> None:
    """Let days pass, each with its word from the station."""
    assert fleet.wait_connected(PATIENCE_S)
    for day in days:
        village.live(fleet, day + SLACK_DAYS)
        assert fleet.wait_acknowledged(PATIENCE_S), fleet.reasons()


def test_publication_on_anothers_topic_never_reaches_the_station(village: VillageStation) -> None:
    crowd = members(Spoof("soil-03", "soil-04", SpoofWay.TOPIC), "soil-03")
    with village.fleet(crowd) as fleet:
        lived(village, fleet, (1, 2))
    assert len(village.told("soil-03")) == 2 * SAMPLES_A_DAY
    assert (village.told("soil-04"), village.refused()) == ({}, {})


def test_batch_in_anothers_name_is_refused_by_name(embedded: VillageStation) -> None:
    crowd = members(Spoof("soil-03", "soil-04", SpoofWay.BODY), "soil-03", "soil-04")
    with embedded.fleet(crowd) as fleet:
        lived(embedded, fleet, (1, 2))
        eventually(lambda: embedded.refused().get("other_device", 0) == 2)
    assert {len(embedded.told(name)) for name in ("soil-03", "soil-04")} == {2 * SAMPLES_A_DAY}
    assert set(embedded.refused()) == {"other_device"}


def test_anothers_login_with_the_own_password_is_refused(village: VillageStation) -> None:
    crowd = members(Spoof("soil-03", "soil-04", SpoofWay.LOGIN), "soil-04")
    assert [member.name for member in crowd] == ["soil-04", "soil-04@spoof"]
    with village.fleet(crowd) as fleet:
        assert fleet.wait_connected(PATIENCE_S, count=1)
        village.live(fleet, 1 + SLACK_DAYS)
        eventually(lambda: len(village.told("soil-04")) == SAMPLES_A_DAY)
        eventually(lambda: "uthori" in fleet.reasons().get("soil-04@spoof", ""))
        assert fleet.counts().refused_sessions >= 1
    assert village.refused() == {}


def test_stolen_password_without_the_key_is_a_wrong_signature(embedded: VillageStation) -> None:
    crowd = members(Spoof("soil-03", "soil-04", SpoofWay.PASSWORD), "soil-04")
    with embedded.fleet(crowd) as fleet:
        assert fleet.wait_connected(PATIENCE_S, count=1)
        embedded.live(fleet, 1 + SLACK_DAYS)
        eventually(lambda: embedded.refused().get("signature", 0) > 0, timeout_s=PATIENCE_S)
        eventually(lambda: len(embedded.told("soil-04")) == SAMPLES_A_DAY, timeout_s=PATIENCE_S)
    assert set(embedded.refused()) == {"signature"}


def test_replayed_bytes_change_nothing(embedded: VillageStation) -> None:
    crowd = members(Replay("soil-05", ReplayWay.SAME), "soil-05")
    with embedded.fleet(crowd) as fleet:
        lived(embedded, fleet, (1,))
        before = embedded.told("soil-05")
        lived(embedded, fleet, (2, 3))
        eventually(lambda: embedded.station.intake.state().known_count == 2 * SAMPLES_A_DAY)
    told = embedded.told("soil-05")
    assert (len(before), len(told)) == (SAMPLES_A_DAY, 3 * SAMPLES_A_DAY)
    assert before.items() <= told.items()
    assert embedded.refused() == {}


def test_replayed_counters_with_other_values_are_held_apart(embedded: VillageStation) -> None:
    crowd = members(Replay("soil-05", ReplayWay.ALTERED), "soil-05")
    with embedded.fleet(crowd) as fleet:
        lived(embedded, fleet, (1,))
        before = embedded.told("soil-05")
        lived(embedded, fleet, (2,))
        eventually(lambda: embedded.refused() == {"conflict": 1})
    told = embedded.told("soil-05")
    assert (len(before), len(told)) == (SAMPLES_A_DAY, 2 * SAMPLES_A_DAY)
    assert before.items() <= told.items()  # no value is one more than it was


def test_clone_shows_as_a_second_epoch_of_one_device(embedded: VillageStation) -> None:
    crowd = members(Clone("soil-01", "soil-09"), "soil-01")
    with embedded.fleet(crowd) as fleet:
        assert fleet.wait_connected(PATIENCE_S, count=1)
        embedded.live(fleet, 1 + SLACK_DAYS)
        assert fleet.wait_acknowledged(PATIENCE_S), fleet.reasons()
        assert fleet.counts().sessions > 2  # each throws the other out of the broker
    told = embedded.told("soil-01")
    by_epoch = [
        [without_battery(values) for (epoch, _), values in told.items() if epoch == one]
        for one in sorted({epoch for epoch, _ in told})
    ]
    # The clone measures where it stands, in the name of the true one.
    assert sorted(by_epoch, key=str) == sorted((measured(one, 1) for one in crowd), key=str)


def test_clone_with_copied_flash_contradicts_the_stored_numbers(embedded: VillageStation) -> None:
    crowd = members(Clone("soil-01", "soil-09", copies_flash=True), "soil-01")
    with embedded.fleet(crowd) as fleet:
        assert fleet.wait_connected(PATIENCE_S, count=1)
        embedded.live(fleet, 1 + SLACK_DAYS)
        eventually(lambda: embedded.refused().get("conflict", 0) > 0, timeout_s=PATIENCE_S)
    told = embedded.told("soil-01")
    assert len({epoch for epoch, _ in told}) == 1
    assert stored(embedded, "soil-01") in [measured(one, 1) for one in crowd]


def test_idle_tractor_gathers_hours_and_no_ground(embedded: VillageStation) -> None:
    with embedded.fleet(members(IdleTractor("engine-01", 6, 10), "engine-01")) as fleet:
        lived(embedded, fleet, (10, 20))
    values = list(embedded.told("engine-01").values())
    idle = values[10 * SAMPLES_A_DAY :]
    gained_s = idle[-1]["engine_s"] - idle[0]["engine_s"]
    assert gained_s == pytest.approx(9.9 * 6 * 3600, rel=0.05)
    assert len({one["area_worked_m2"] for one in idle}) == 1
    assert idle[-1]["fuel_used_ml"] > idle[0]["fuel_used_ml"]
    assert embedded.refused() == {}


def test_probe_in_a_bucket_stays_wet_and_swings_with_the_air(embedded: VillageStation) -> None:
    with embedded.fleet(members(Bucket("soil-02", 380_000, 10), "soil-02")) as fleet:
        lived(embedded, fleet, (10, 20))
    values = list(embedded.told("soil-02").values())
    true, bucket = values[: 10 * SAMPLES_A_DAY], values[10 * SAMPLES_A_DAY :]
    moist = [one["soil_moisture_ppm"] for one in bucket]
    assert max(moist) - min(moist) < 20_000  # nothing but the sensor's noise
    assert _swing(bucket) > 2 * _swing(true)


def _swing(values: Sequence[Mapping[str, int]]) -> int:
    warmth = [one["soil_temperature_mdeg_c"] for one in values]
    return max(warmth) - min(warmth)


def test_rerun_says_old_weeks_as_new(embedded: VillageStation) -> None:
    crowd = members(Rerun("soil-07", from_day=12, days_ago=10), "soil-07")
    with embedded.fleet(crowd) as fleet:
        lived(embedded, fleet, (12, 20))
    moist = [one["soil_moisture_ppm"] for one in embedded.told("soil-07").values()]
    pairs = zip(
        moist[2 * SAMPLES_A_DAY : 10 * SAMPLES_A_DAY], moist[12 * SAMPLES_A_DAY :], strict=True
    )
    assert max(abs(old - new) for old, new in pairs) < 20_000


def test_honest_devices_of_the_village_read_the_same_beside_adversaries() -> None:
    district, _ = season()
    adversaries = [
        Clone("soil-01", "soil-09"), Bucket("soil-02", 380_000, 0), Replay("soil-05"),
        Spoof("soil-03", "soil-04", SpoofWay.PASSWORD),
    ]  # fmt: skip
    plain = enlisted(season(), secrets_of(district), [], HABITS)
    crowd = enlisted(season(), secrets_of(district), adversaries, HABITS)
    assert [m.name for m in crowd[len(plain) :]] == ["soil-01@clone", "soil-04@spoof"]
    told = {member.name: measured(member, 2) for member in crowd[: len(plain)]}
    honest = {member.name: measured(member, 2) for member in plain}
    assert {name for name in honest if told[name] != honest[name]} == {"soil-02"}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"kind": "thief", "device": "a"}, "of kind"),
        ({"kind": "bucket", "device": "soil-01", "wetness": 1}, "'wetness'"),
        ({"kind": "bucket", "device": "soil-01", "moisture_ppm": -1}, "moisture_ppm from 0"),
        ({"kind": "idle_tractor", "device": "engine-01", "hours_a_day": 25}, "from 1 to 24"),
        ({"kind": "replay", "device": "soil-01", "messages_ago": 0}, "messages_ago"),
        ({"kind": "rerun", "device": "soil-01", "from_day": 3, "days_ago": 5}, "from_day"),
        ({"kind": "spoof", "device": "soil-01", "victim": "b", "way": "magic"}, "way"),
        ({"kind": "clone", "device": "soil-01"}, "stands_at"),
    ],
)
def test_adversary_that_cannot_be_is_refused(table: dict[str, object], expected: str) -> None:
    with pytest.raises((SettingError, ShapeError), match=expected):
        adversary_of(table)


@pytest.mark.parametrize(
    ("adversary", "expected"),
    [
        (Bucket("engine-01"), "soil_probe"),
        (IdleTractor("soil-01"), "machine"),
        (Clone("soil-01", "engine-01"), "machine"),
        (Spoof("soil-01", "nobody"), "nobody"),
    ],
)
def test_adversary_among_the_wrong_devices_is_refused(adversary: Adversary, expected: str) -> None:
    district, _ = season()
    with pytest.raises(SettingError, match=expected):
        enlisted(season(), secrets_of(district), [adversary])
