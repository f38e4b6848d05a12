"""The firmware, event by event."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.canonical import canonical_bytes
from core.errors import CanonicalError, ShapeError
from core.shape import encode
from core.wire.telemetry import (
    BATCH_SAMPLES_MAX,
    MESSAGE_BYTES_MAX,
    Batch,
    Birth,
    DeviceKind,
    Watermark,
)
from firmware_sim.device import machine
from firmware_sim.device.clock import ERROR_UNKNOWN_MS, ClockMemory, ClockSpec
from firmware_sim.device.events import (
    Acknowledged,
    Connected,
    Disconnected,
    Event,
    FactoryReset,
    Measured,
    PowerCut,
    PowerOn,
    TimeHeard,
    Transmit,
    Wake,
)
from firmware_sim.device.machine import Device, DeviceSpec, Message, Phase
from firmware_sim.device.memory import flash_bytes, read_flash
from firmware_sim.device.models import METRICS_OF, device_spec

T0 = 1_700_000_000_000
HOUR_MS = 3_600_000
SPEC = device_spec("soil-01", DeviceKind.SOIL_PROBE, 20, 5_000, HOUR_MS)


def run(spec: DeviceSpec, device: Device, *events: Event) -> tuple[Device, list[Message]]:
    said: list[Message] = []
    for event in events:
        device, messages = machine.step(spec, device, event)
        said += messages
    return device, said


def born(spec: DeviceSpec = SPEC) -> Device:
    device = machine.new_device(spec, "e1", T0)
    return run(spec, device, PowerOn(T0), TimeHeard(T0, T0, 100), Connected(0))[0]


def sampled(device: Device, count: int, spec: DeviceSpec = SPEC) -> Device:
    for _ in range(count):
        due = machine.due_at_ms(spec, device)
        assert due is not None
        device, _said = run(spec, device, Wake(due, 400))
        assert device.phase is Phase.SAMPLE
        device, _said = run(spec, device, Measured(due, {"soil_moisture_ppm": 250_000}))
    return device


def test_phases_from_the_switch_to_the_first_sample_without_a_link() -> None:
    device = machine.new_device(SPEC, "e1", T0)
    seen = [device.phase]
    device, _ = run(SPEC, device, PowerOn(T0))
    seen.append(device.phase)
    for _ in range(3):
        due = machine.due_at_ms(SPEC, device)
        assert due is not None
        device, said = run(SPEC, device, Wake(due, 0))
        assert said == []
        seen.append(device.phase)
    assert seen == [Phase.DEATH, Phase.BOOT, Phase.BIRTH, Phase.SLEEP, Phase.SAMPLE]
    device, _ = run(SPEC, device, Measured(device.at_ms, {"soil_moisture_ppm": 1}))
    assert device.phase is Phase.SLEEP
    assert device.memory.outbox[0].error_ms == ERROR_UNKNOWN_MS
    assert device.memory.outbox[0].at_ms < 2 * HOUR_MS  # it believes in 1970


def test_samples_fall_on_round_times_of_the_devices_own_clock() -> None:
    device = sampled(born(), 30)
    for sample in device.memory.outbox:
        assert sample.at_ms % HOUR_MS < 2  # rounded down to the millisecond
    last = device.memory.outbox[-1]
    assert last.at_ms > device.at_ms  # 20 ppm fast
    assert 0 < last.at_ms - device.at_ms <= last.error_ms
    assert last.values["battery_mv"] > 3_200


def test_a_clock_that_is_set_back_a_little_does_not_sample_a_slot_twice() -> None:
    device = sampled(born(), 24)
    noon_ms = device.at_ms + 10
    device, _ = run(SPEC, device, TimeHeard(noon_ms, noon_ms, 100))
    device = sampled(device, 1)
    early, late = device.memory.outbox[-2:]
    assert HOUR_MS - 2_000 < late.at_ms - early.at_ms < HOUR_MS + 2_000


def test_connection_says_birth_then_everything_above_the_watermark() -> None:
    device = sampled(born(), 3)
    device, said = run(
        SPEC,
        device,
        Transmit(1),
        Acknowledged(2, Watermark("soil-01", "e1", 2)),
        Disconnected(),
        Connected(3),
    )
    first, birth, again = said
    assert isinstance(first, Batch)
    assert [s.seq for s in first.samples] == [1, 2, 3]
    assert isinstance(birth, Birth)
    assert (birth.boot, birth.epoch, birth.metrics) == (1, "e1", SPEC.metrics)
    assert isinstance(again, Batch)
    assert ([s.seq for s in again.samples], again.oldest) == ([3], 3)


def test_unacknowledged_batch_is_sent_again_with_back_off() -> None:
    device = sampled(born(), 1)
    sent_at = []
    for now in range(0, 120_000, 1_000):
        device, said = run(SPEC, device, Transmit(now))
        sent_at += [now] * len(said)
    assert sent_at == [0, 5_000, 15_000, 35_000, 75_000]
    device, _ = run(SPEC, device, Acknowledged(120_000, Watermark("soil-01", "e1", 1)))
    assert device.memory.outbox == ()
    assert run(SPEC, device, Transmit(10**9))[1] == []


@pytest.mark.parametrize(
    "watermark",
    [
        Watermark("soil-01", "another", 3),
        Watermark("soil-01", "e1", 0),
        Watermark("soil-01", "e1", 1),
    ],
)
def test_stale_watermark_changes_nothing(watermark: Watermark) -> None:
    device = sampled(born(), 3)
    device, _ = run(SPEC, device, Transmit(0), Acknowledged(1, Watermark("soil-01", "e1", 1)))
    assert run(SPEC, device, Acknowledged(2, watermark)) == (device, [])


def test_watermark_above_the_own_counter_moves_held_samples_to_a_new_epoch() -> None:
    """The flash is an older one: the numbers that it would use belong to other samples."""
    device = sampled(born(), 2)
    device, said = run(SPEC, device, Acknowledged(1, Watermark("soil-01", "e1", 9)))
    assert device.memory.epoch != "e1"
    (batch,) = said
    assert isinstance(batch, Batch)
    assert (batch.epoch, [s.seq for s in batch.samples]) == (device.memory.epoch, [1, 2])


def test_full_outbox_drops_the_oldest_and_says_so() -> None:
    spec = replace(SPEC, outbox_samples_max=4)
    device = sampled(born(spec), 7, spec)
    (batch,) = run(spec, device, Transmit(0))[1]
    assert isinstance(batch, Batch)
    assert (batch.oldest, [s.seq for s in batch.samples]) == (4, [4, 5, 6, 7])


def test_backlog_goes_out_in_bounded_batches_as_acknowledgements_come() -> None:
    device = sampled(born(), 1_500)
    device, said = run(SPEC, device, Transmit(0))
    assert [len(b.samples) for b in said if isinstance(b, Batch)] == [BATCH_SAMPLES_MAX] * 4
    device, said = run(SPEC, device, Acknowledged(1, Watermark("soil-01", "e1", 256)))
    assert [b.samples[0].seq for b in said if isinstance(b, Batch)] == [1_025]


def test_wide_samples_are_cut_by_bytes() -> None:
    spec = replace(SPEC, metrics=(), outbox_samples_max=10_000)
    wide = {f"a-metric-with-a-long-name-{i:02d}-of-sixteen": 2**50 for i in range(16)}
    device = born(spec)
    for i in range(300):
        device, _ = run(spec, device, Measured(T0 + i, wide))
    batches = [b for b in run(spec, device, Transmit(0))[1] if isinstance(b, Batch)]
    assert len(batches) == 4
    assert all(len(canonical_bytes(encode(b))) + 512 <= MESSAGE_BYTES_MAX for b in batches)
    assert all(len(canonical_bytes(encode(b))) > 60_000 for b in batches)


def test_battery_gives_out_in_the_dark_and_the_device_returns_with_the_sun() -> None:
    device = born()
    for hour in range(1, 9_000):
        device, _ = run(SPEC, device, Wake(T0 + hour * HOUR_MS, 0))
        device, _ = run(SPEC, device, Measured(device.at_ms, {}))
        if device.phase is Phase.DEATH:
            break
    assert device.phase is Phase.DEATH
    held = device.memory
    assert run(SPEC, device, Connected(0), Transmit(1))[1] == []
    while device.phase is Phase.DEATH:
        due = machine.due_at_ms(SPEC, device)
        assert due is not None
        device, _ = run(SPEC, device, Wake(due, 900))
    assert device.phase is Phase.BOOT
    assert device.memory == replace(held, boot=2)


def test_switched_off_device_stays_off_in_the_sun() -> None:
    device, _ = run(SPEC, born(), PowerCut(T0 + 1), Wake(T0 + 100 * HOUR_MS, 1_000))
    assert device.phase is Phase.DEATH
    assert machine.due_at_ms(SPEC, device) is None


def test_reboot_from_flash_keeps_numbers_and_forgets_the_time() -> None:
    device = sampled(born(), 3)
    flash = read_flash(flash_bytes(machine.flash_of(device)))
    device, said = run(
        SPEC, machine.restore(flash, T0 + 9 * HOUR_MS), PowerOn(T0 + 9 * HOUR_MS), Connected(0)
    )
    birth, batch = said
    assert isinstance(birth, Birth)
    assert isinstance(batch, Batch)
    assert (birth.boot, batch.boot, len(batch.samples)) == (2, 2, 3)
    assert (birth.at_ms, birth.error_ms) == (batch.samples[-1].at_ms, ERROR_UNKNOWN_MS)
    assert sampled(device, 1).memory.outbox[-1].seq == 4


def test_factory_reset_begins_a_new_epoch_at_one() -> None:
    device, _ = run(SPEC, sampled(born(), 3), FactoryReset(T0 + 5 * HOUR_MS, "e2"))
    assert (device.phase, device.memory.epoch, device.memory.boot) == (Phase.BOOT, "e2", 1)
    device, _ = run(SPEC, device, Connected(0))
    assert sampled(device, 1).memory.outbox[-1].seq == 1
    assert machine.death_of(SPEC, device).epoch == "e2"


def test_hearing_the_time_does_not_restamp_what_was_sampled() -> None:
    spec = replace(SPEC, clock=ClockSpec(0, 50, ClockMemory.NONE))
    device = run(spec, machine.new_device(spec, "e1", T0), PowerOn(T0), Connected(0))[0]
    device = sampled(device, 1, spec)
    device, _ = run(spec, device, TimeHeard(device.at_ms, device.at_ms, 200))
    device = sampled(device, 1, spec)
    early, late = device.memory.outbox
    assert early.at_ms == HOUR_MS
    assert late.at_ms > T0
    assert late.error_ms < HOUR_MS


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"{", CanonicalError), (b"{}", ShapeError), (b'{"charge_uj":1}', ShapeError)],
)
def test_torn_flash_is_refused_by_name(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_flash(data)


@pytest.mark.parametrize("kind", list(DeviceKind))
def test_every_kind_survives_a_month_of_equatorial_sun(kind: DeviceKind) -> None:
    spec = device_spec("any-01", kind, -15, 10_000)
    device = run(spec, machine.new_device(spec, "e1", T0), PowerOn(T0), Connected(0))[0]
    for slot in range(1, 240):
        sun = (0, 0, 350, 800, 700, 250, 0, 0)[slot % 8]
        device, _ = run(spec, device, Wake(T0 + slot * 3 * HOUR_MS, sun))
        device, _ = run(spec, device, Measured(device.at_ms, {}))
    assert device.phase is Phase.SLEEP
    assert len(device.memory.outbox) == 239
    assert "battery_mv" in METRICS_OF[kind]
