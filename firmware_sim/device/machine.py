"""The firmware: (state, event at true time) → (state, messages). Free of I/O, clock and chance.

The phases are boot, birth, sample, sleep and death. A driver asks :func:`due_at_ms`
when the device next wakes, steps it there, reads the sensors when it finds the phase
``SAMPLE``, and feeds what they say back as :class:`Measured`. It writes
:func:`flash_of` before it lets the step's messages out, and follows the phase: a
device in ``DEATH`` has no radio.

Two times meet here. ``at_ms`` is true time [ms UTC]: weather, battery and crystal
live in it. ``steady_ms`` is the driver's steady clock [ms], in which acknowledgements
are awaited; a story that runs 150 days in minutes still talks over real sockets.

Only a watermark lets the device forget: after every connection, and when none comes
in time, it sends again what lies above it, with back-off (T4–T6 of docs/wire.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from core.wire.telemetry import BATCH_SAMPLES_MAX, Batch, Birth, Death, DeviceKind
from firmware_sim.device import clock as clocks
from firmware_sim.device import memory as memories
from firmware_sim.device import power
from firmware_sim.device.clock import Clock, ClockSpec
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
from firmware_sim.device.memory import Flash, Memory
from firmware_sim.device.power import PowerSpec

BOOT_MS = 5_000
BIRTH_WAIT_MS = 60_000  # how long a device waits for a link before it begins to measure
REVIVAL_CHECK_MS = 3_600_000  # how often a browned-out device looks at its battery
SLOT_GUARD_PARTS = 8  # a slot less than an eighth of the period away has been served
BATCHES_IN_FLIGHT_MAX = 4
ACK_WAIT_MS = 5_000
BACK_OFF_DOUBLINGS_MAX = 6
BATTERY_METRIC = "battery_mv"
# Topic, signature and the wrapper around a message's body, for the battery's sake.
MESSAGE_OVERHEAD_BYTES = 400


class Phase(Enum):
    """What the firmware is doing."""

    BOOT = "boot"
    BIRTH = "birth"
    SAMPLE = "sample"
    SLEEP = "sleep"
    DEATH = "death"


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """What does not change in a device's life.

    Parameters
    ----------
    device, kind, firmware, metrics
        As in its birth certificate; ``battery_mv`` among the metrics is filled in here.
    sample_ms
        How often it measures, by its own clock [ms].
    outbox_samples_max
        How many samples the flash holds.
    clock, power
        How good its clock and its battery are.
    ack_wait_ms
        How long it first waits for an acknowledgement before it sends again [ms, steady].
    page_samples
        How many samples it gathers in RAM before it writes a page of flash. What is in
        RAM alone is lost with power; nothing is sent that is not in flash.
    """

    device: str
    kind: DeviceKind
    firmware: str
    metrics: tuple[str, ...]
    sample_ms: int
    outbox_samples_max: int
    clock: ClockSpec
    power: PowerSpec
    ack_wait_ms: int = ACK_WAIT_MS
    page_samples: int = 1


@dataclass(frozen=True, slots=True)
class Radio:
    """The state of the link, lost with power.

    ``sent_upto`` is the highest number on its way; ``due_ms`` [ms, steady] is when an
    acknowledgement counts as missing, 0 while none is awaited. ``misses`` counts those
    that did not come since the last that did.
    """

    connected: bool = False
    sent_upto: int = 0
    due_ms: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """A device at a true instant.

    ``switched_off`` tells a cut from a brown-out: only the latter ends by itself.
    ``memory`` is what it knows, ``flashed`` what of it has been written to flash.
    """

    phase: Phase
    at_ms: int
    since_ms: int
    switched_off: bool
    clock: Clock
    charge_uj: int
    written_ms: int
    memory: Memory
    flashed: Memory
    radio: Radio


Message = Birth | Batch
Step = tuple[Device, tuple[Message, ...]]
_BORN = (Phase.SAMPLE, Phase.SLEEP)


def new_device(spec: DeviceSpec, epoch: str, at_ms: int, charge_ppm: int = 900_000) -> Device:
    """A device as it leaves the factory: switched off, its battery partly charged [ppm]."""
    charge_uj = spec.power.capacity_uj * charge_ppm // 1_000_000
    unset = Clock(at_ms, 0, clocks.ERROR_UNKNOWN_MS)
    return restore(Flash(Memory(epoch), unset, charge_uj, 0), at_ms)


def restore(flash: Flash, at_ms: int) -> Device:
    """A switched-off device with the given flash."""
    return Device(
        phase=Phase.DEATH,
        at_ms=at_ms,
        since_ms=at_ms,
        switched_off=True,
        clock=flash.clock,
        charge_uj=flash.charge_uj,
        written_ms=flash.written_ms,
        memory=flash.memory,
        flashed=flash.memory,
        radio=Radio(),
    )


def flash_of(device: Device) -> Flash:
    """What would survive a loss of power now."""
    return Flash(device.flashed, device.clock, device.charge_uj, device.written_ms)


def death_of(spec: DeviceSpec, device: Device) -> Death:
    """What the broker is to publish when the device falls silent."""
    return Death(spec.device, device.memory.epoch, device.memory.boot)


def due_at_ms(spec: DeviceSpec, device: Device) -> int | None:
    """The true instant [ms UTC] at which the device next wakes by itself; None if never."""
    if device.phase is Phase.DEATH:
        return None if device.switched_off else device.at_ms + REVIVAL_CHECK_MS
    if device.phase is Phase.BOOT:
        return device.since_ms + BOOT_MS
    if device.phase is Phase.BIRTH:
        return device.since_ms + BIRTH_WAIT_MS
    if device.phase is Phase.SAMPLE:
        return device.at_ms
    slot_true_ms = clocks.true_at(device.clock, spec.clock, _next_slot_ms(spec, device))
    return max(device.at_ms, slot_true_ms)


def step(spec: DeviceSpec, device: Device, event: Event) -> Step:
    """The device after an event, and what it says.

    An event that makes no sense in the device's phase (a measurement of a dead
    device, an acknowledgement without a link) changes nothing.
    """
    match event:
        case Wake():
            return _woken(spec, _lived(spec, device, event.at_ms, event.sun_w_per_m2)), ()
        case Measured():
            return _measured(spec, device, event), ()
        case TimeHeard():
            return _told(device, event), ()
        case PowerOn() | PowerCut() | FactoryReset():
            return _switched(spec, device, event), ()
        case _:
            return _spoken(spec, device, event)


def _spoken(
    spec: DeviceSpec, device: Device, event: Connected | Disconnected | Transmit | Acknowledged
) -> Step:
    if isinstance(event, Disconnected):
        return replace(device, radio=Radio()), ()
    if device.phase is Phase.DEATH:
        return device, ()
    if isinstance(event, Connected):
        return _connected(spec, device, event.steady_ms)
    if not device.radio.connected:
        return device, ()
    if isinstance(event, Acknowledged):
        return _acknowledged(spec, device, event)
    return _sent(spec, _overdue(device, event.steady_ms), event.steady_ms)


def _lived(spec: DeviceSpec, device: Device, at_ms: int, sun_w_per_m2: int) -> Device:
    """Time passes: the battery drains and charges."""
    elapsed_ms = max(0, at_ms - device.at_ms)
    charge_uj = power.after(spec.power, device.charge_uj, elapsed_ms, sun_w_per_m2)
    return replace(device, at_ms=device.at_ms + elapsed_ms, charge_uj=charge_uj)


def _woken(spec: DeviceSpec, device: Device) -> Device:
    if device.phase is Phase.DEATH:
        revives = not device.switched_off and power.is_enough_to_start(spec.power, device.charge_uj)
        return _booted(spec, device) if revives else device
    if power.is_too_low(spec.power, device.charge_uj):
        return _dead(device, switched_off=False)
    if device.phase is Phase.BOOT and device.at_ms >= device.since_ms + BOOT_MS:
        return _in_phase(device, Phase.BIRTH)
    if device.phase is Phase.BIRTH and device.at_ms >= device.since_ms + BIRTH_WAIT_MS:
        return _in_phase(device, Phase.SLEEP)
    if device.phase is Phase.SLEEP and _is_on_slot(spec, device):
        return _in_phase(device, Phase.SAMPLE)
    return device


def _is_on_slot(spec: DeviceSpec, device: Device) -> bool:
    """Whether the sampling instant has come that the device fell asleep for."""
    now_ms = clocks.reading_at(device.clock, spec.clock, device.at_ms)
    return now_ms >= _next_slot_ms(spec, device)


def _next_slot_ms(spec: DeviceSpec, device: Device) -> int:
    """The next round time for a sample, by the device's clock [ms].

    A clock that was fast samples a little early and is then set back; without the
    guard the same slot would come twice.
    """
    since_ms = clocks.reading_at(device.clock, spec.clock, device.since_ms)
    guard_ms = spec.sample_ms // SLOT_GUARD_PARTS
    return ((since_ms + guard_ms) // spec.sample_ms + 1) * spec.sample_ms


def _in_phase(device: Device, phase: Phase) -> Device:
    return replace(device, phase=phase, since_ms=device.at_ms)


def _dead(device: Device, *, switched_off: bool) -> Device:
    """Without power: what was in RAM alone is gone."""
    return replace(
        _in_phase(device, Phase.DEATH),
        switched_off=switched_off,
        memory=device.flashed,
        radio=Radio(),
    )


def _booted(spec: DeviceSpec, device: Device) -> Device:
    memory = replace(device.memory, boot=device.memory.boot + 1)
    clock = clocks.restarted(device.clock, spec.clock, device.at_ms, device.written_ms)
    return replace(
        _in_phase(device, Phase.BOOT),
        switched_off=False,
        memory=memory,
        flashed=memory,
        clock=clock,
        radio=Radio(),
    )


def _switched(spec: DeviceSpec, device: Device, event: PowerOn | PowerCut | FactoryReset) -> Device:
    device = replace(device, at_ms=max(device.at_ms, event.at_ms))
    if isinstance(event, PowerCut):
        return _dead(device, switched_off=True)
    if isinstance(event, FactoryReset):
        blank = replace(device, memory=Memory(event.epoch), written_ms=0)
        return _booted(spec, blank)
    return _booted(spec, device) if device.phase is Phase.DEATH else device


def _measured(spec: DeviceSpec, device: Device, event: Measured) -> Device:
    if device.phase not in (Phase.BIRTH, *_BORN):
        return device
    device = _lived(spec, device, event.at_ms, sun_w_per_m2=0)
    charge_uj = power.spent(device.charge_uj, spec.power.sample_uj)
    device = replace(device, charge_uj=charge_uj)
    values = dict(event.values)
    if BATTERY_METRIC in spec.metrics:
        values[BATTERY_METRIC] = power.battery_mv(spec.power, charge_uj)
    if values:
        device = _written(spec, device, values)
    return _in_phase(device, Phase.SLEEP) if device.phase in _BORN else device


def _written(spec: DeviceSpec, device: Device, values: Mapping[str, int]) -> Device:
    reading_ms = clocks.reading_at(device.clock, spec.clock, device.at_ms)
    error_ms = clocks.error_at(device.clock, spec.clock, device.at_ms)
    memory = memories.remember(device.memory, reading_ms, error_ms, values, spec.outbox_samples_max)
    if memory.next_seq - device.flashed.next_seq < spec.page_samples:
        return replace(device, memory=memory)
    return replace(device, memory=memory, flashed=memory, written_ms=reading_ms)


def _told(device: Device, event: TimeHeard) -> Device:
    if device.phase is Phase.DEATH:
        return device
    return replace(device, clock=clocks.set_to(event.at_ms, event.heard_ms, event.error_ms))


def _connected(spec: DeviceSpec, device: Device, steady_ms: int) -> Step:
    """A new session: say who you are, then send all that the station may not have."""
    if device.phase in (Phase.BOOT, Phase.BIRTH):
        device = _in_phase(device, Phase.SLEEP)
    device = replace(device, radio=Radio(connected=True, sent_upto=device.memory.upto))
    device, messages = _sent(spec, device, steady_ms)
    return device, (_birth(spec, device), *messages)


def _birth(spec: DeviceSpec, device: Device) -> Birth:
    return Birth(
        device=spec.device,
        epoch=device.memory.epoch,
        boot=device.memory.boot,
        kind=spec.kind,
        firmware=spec.firmware,
        metrics=spec.metrics,
        at_ms=clocks.reading_at(device.clock, spec.clock, device.at_ms),
        error_ms=clocks.error_at(device.clock, spec.clock, device.at_ms),
    )


def _acknowledged(spec: DeviceSpec, device: Device, event: Acknowledged) -> Step:
    memory = memories.forget(device.memory, event.watermark)
    if memory == device.memory:
        return device, ()
    sent_upto = max(device.radio.sent_upto, memory.upto)
    if memory.epoch != device.memory.epoch:
        sent_upto = 0
    waiting = sent_upto > memory.upto
    due_ms = event.steady_ms + spec.ack_wait_ms if waiting else 0
    radio = Radio(connected=True, sent_upto=sent_upto, due_ms=due_ms)
    heard = replace(device, memory=memory, flashed=memory, radio=radio)
    return _sent(spec, heard, event.steady_ms)


def _overdue(device: Device, steady_ms: int) -> Device:
    """Take back what was sent if its acknowledgement is overdue, and wait longer next time."""
    radio = device.radio
    if not radio.due_ms or steady_ms < radio.due_ms:
        return device
    misses = min(radio.misses + 1, BACK_OFF_DOUBLINGS_MAX)
    taken_back = Radio(connected=True, sent_upto=device.memory.upto, misses=misses)
    return replace(device, radio=taken_back)


def _sent(spec: DeviceSpec, device: Device, steady_ms: int) -> Step:
    """Send what is not on its way, as far as the window allows."""
    radio, memory = device.radio, device.memory
    on_way = sum(1 for s in memory.outbox if s.seq <= radio.sent_upto)
    room = BATCHES_IN_FLIGHT_MAX - -(-on_way // BATCH_SAMPLES_MAX)
    made = memories.batches(memory, spec.device, radio.sent_upto, room)
    if not made:
        return device, ()
    size_bytes = sum(MESSAGE_OVERHEAD_BYTES + _body_bytes(batch) for batch in made)
    cost_uj = size_bytes * spec.power.send_nj_per_byte // 1000
    radio = replace(
        radio,
        sent_upto=made[-1].samples[-1].seq,
        due_ms=radio.due_ms or steady_ms + (spec.ack_wait_ms << radio.misses),
    )
    charge_uj = power.spent(device.charge_uj, cost_uj)
    return replace(device, radio=radio, flashed=memory, charge_uj=charge_uj), made


def _body_bytes(batch: Batch) -> int:
    return sum(memories.sample_bytes(sample) for sample in batch.samples)
