"""Whatever the world does to a device and its link, the watermark never lies.

A station that follows the wire's rules and a network that loses, repeats and
reorders are driven by hypothesis, together with power cuts, restores from flash and
factory resets.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from core.wire.telemetry import Batch, Birth, DeviceKind, Watermark
from firmware_sim.device import machine
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
)
from firmware_sim.device.machine import Phase
from firmware_sim.device.memory import flash_bytes, read_flash
from firmware_sim.device.models import device_spec

T0 = 1_700_000_000_000
SPEC = device_spec("soil-01", DeviceKind.SOIL_PROBE, 30, 6, 60_000)


class Station:
    """What a station knows of one device: per epoch, received numbers, lost ones, watermark."""

    def __init__(self) -> None:
        self.received: dict[str, dict[int, tuple[int, int]]] = {}
        self.lost: dict[str, set[int]] = {}
        self.upto: dict[str, int] = {}

    def take(self, batch: Batch) -> Watermark:
        got = self.received.setdefault(batch.epoch, {})
        lost = self.lost.setdefault(batch.epoch, set())
        upto = self.upto.get(batch.epoch, 0)
        lost |= {seq for seq in range(upto + 1, batch.oldest) if seq not in got}
        for sample in batch.samples:
            value = (sample.at_ms, sample.values["soil_moisture_ppm"])
            assert got.setdefault(sample.seq, value) == value, "one number, two samples"
        while upto + 1 in got or upto + 1 in lost:
            upto += 1
        self.upto[batch.epoch] = upto
        return Watermark(batch.device, batch.epoch, upto)


class LossyWorld(RuleBasedStateMachine):
    """A device, its flash, its station, and a network that cannot be trusted."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = T0
        self.device = machine.new_device(SPEC, "e0", T0)
        self.flash = b""
        self.resets = 0
        self.taken = 0
        self.up: list[Batch] = []
        self.down: list[Watermark] = []
        self.station = Station()
        self.forgotten: dict[str, set[int]] = {}

    def feed(self, event: Event) -> None:
        before = self.device.memory
        self.device, said = machine.step(SPEC, self.device, event)
        after = self.device.memory
        # The driver's rule: flash first, messages after.
        self.flash = flash_bytes(machine.flash_of(self.device))
        self.up += [message for message in said if isinstance(message, Batch)]
        assert all(isinstance(message, Batch | Birth) for message in said)
        if isinstance(event, Acknowledged) and before.epoch == after.epoch:
            gone = {s.seq for s in before.outbox} - {s.seq for s in after.outbox}
            self.forgotten.setdefault(after.epoch, set()).update(gone)

    @initialize()
    def switch_on(self) -> None:
        self.feed(PowerOn(T0))
        self.feed(Connected(0))

    @rule(pause_ms=st.integers(0, 600_000))
    def measure(self, pause_ms: int) -> None:
        self.now_ms += pause_ms
        self.taken += 1
        self.feed(Measured(self.now_ms, {"soil_moisture_ppm": self.taken}))

    @rule()
    def transmit(self) -> None:
        self.feed(Transmit(self.now_ms))

    @rule()
    def drop_the_link(self) -> None:
        self.feed(Disconnected())

    @rule()
    def connect(self) -> None:
        self.feed(Disconnected())
        self.feed(Connected(self.now_ms))

    @rule(error_ms=st.integers(-(10**12), 10**12))
    def hear_a_time_that_may_be_wrong(self, error_ms: int) -> None:
        self.feed(TimeHeard(self.now_ms, self.now_ms + error_ms, 500))

    @rule()
    def lose_power_and_restore_from_flash(self) -> None:
        self.feed(PowerCut(self.now_ms))
        self.device = machine.restore(read_flash(self.flash), self.now_ms)
        self.feed(PowerOn(self.now_ms))
        self.feed(Connected(self.now_ms))

    @rule()
    def factory_reset(self) -> None:
        self.resets += 1
        self.feed(FactoryReset(self.now_ms, f"e{self.resets}"))
        self.feed(Connected(self.now_ms))

    @precondition(lambda self: self.up)
    @rule(data=st.data(), keep=st.booleans())
    def deliver_any_batch(self, data: st.DataObject, keep: bool) -> None:
        """Any that is on its way, in any order; kept, it will come again."""
        i = data.draw(st.integers(0, len(self.up) - 1))
        batch = self.up[i] if keep else self.up.pop(i)
        self.down.append(self.station.take(batch))

    @precondition(lambda self: self.up)
    @rule()
    def lose_the_last_batch(self) -> None:
        self.up.pop()

    @precondition(lambda self: self.down)
    @rule(data=st.data(), keep=st.booleans())
    def deliver_any_watermark(self, data: st.DataObject, keep: bool) -> None:
        i = data.draw(st.integers(0, len(self.down) - 1))
        watermark = self.down[i] if keep else self.down.pop(i)
        self.feed(Acknowledged(self.now_ms, watermark))

    @invariant()
    def what_the_device_forgot_was_received_or_declared_lost(self) -> None:
        for epoch, gone in self.forgotten.items():
            got = set(self.station.received.get(epoch, {}))
            assert gone <= got | self.station.lost.get(epoch, set())

    @invariant()
    def what_a_watermark_covers_was_received_or_declared_lost(self) -> None:
        for epoch, upto in self.station.upto.items():
            covered = set(range(1, upto + 1))
            assert covered <= set(self.station.received[epoch]) | self.station.lost[epoch]

    @invariant()
    def outbox_is_bounded_and_without_a_hole(self) -> None:
        memory = self.device.memory
        numbers = [sample.seq for sample in memory.outbox]
        assert len(numbers) <= SPEC.outbox_samples_max
        assert numbers == list(range(memory.oldest, memory.next_seq))
        assert memory.upto < memory.oldest

    def teardown(self) -> None:
        """A good link at the end: everything that is still held arrives."""
        if self.device.phase is Phase.DEATH:
            self.feed(PowerOn(self.now_ms))
        self.up.clear()
        self.feed(Disconnected())
        self.feed(Connected(self.now_ms))
        for _ in range(3):
            for batch in self.up:
                self.feed(Acknowledged(self.now_ms, self.station.take(batch)))
            self.up.clear()
        assert self.device.memory.outbox == ()


LossyWorld.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
test_lossy_world = LossyWorld.TestCase
