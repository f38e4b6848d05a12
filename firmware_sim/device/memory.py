"""What a device keeps in flash: its epoch, its counters, and the samples not yet safe.

Samples are numbered without a hole within an epoch. They stay in the bounded outbox
until a watermark covers them; when it is full the oldest are dropped and ``oldest``
of the next batch tells the station so (statements T4–T6 of docs/wire.md). A driver
writes the flash before it lets a message out, so a number is never used twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.shape import decode, encode
from core.wire.telemetry import (
    BATCH_SAMPLES_MAX,
    MESSAGE_BYTES_MAX,
    Batch,
    Sample,
    Watermark,
)
from firmware_sim.device.clock import Clock

FLASH_BYTES_MAX = 8 * 1024 * 1024
# Names of at most 48 characters, a key id, a signature and the keys around them
# come to less than 600 bytes.
WRAPPER_BYTES_MAX = 1024
EPOCH_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Memory:
    """The part of a device's state that belongs to its own account of the world.

    Parameters
    ----------
    epoch
        Changes when the memory is lost.
    boot
        How often the device has started in this epoch.
    next_seq
        The number of the next sample.
    upto
        The station's watermark: everything up to it may be forgotten.
    outbox
        Samples above the watermark that are still held, rising in ``seq``.
    """

    epoch: str
    boot: int = 0
    next_seq: int = 1
    upto: int = 0
    outbox: tuple[Sample, ...] = ()

    @property
    def oldest(self) -> int:
        """The lowest number that can still be sent."""
        return self.outbox[0].seq if self.outbox else self.next_seq


@dataclass(frozen=True, slots=True)
class Flash:
    """What survives a loss of power: memory, the clock as last set, and the battery's charge.

    ``written_ms`` is the device's own time when it last wrote [ms].
    """

    memory: Memory
    clock: Clock
    charge_uj: int
    written_ms: int


def remember(
    memory: Memory, at_ms: int, error_ms: int, values: Mapping[str, int], samples_max: int
) -> Memory:
    """The memory with one more sample; the oldest fall out when it is full.

    Parameters
    ----------
    memory
        The memory before.
    at_ms, error_ms
        The device's clock and its own account of the error [ms].
    values
        Metric name to integer in the metric's unit.
    samples_max
        How many samples the outbox holds.
    """
    sample = Sample(memory.next_seq, at_ms, error_ms, values)
    outbox = (*memory.outbox, sample)[-samples_max:]
    return replace(memory, outbox=outbox, next_seq=memory.next_seq + 1)


def forget(memory: Memory, watermark: Watermark) -> Memory:
    """The memory after a watermark: what it covers is dropped.

    A watermark of another epoch, or one that is not new, changes nothing. One above
    the own counter proves that the station knows samples which this memory has
    forgotten (flash of an older day): the held samples move to a new epoch, as their
    numbers belong to others.
    """
    if watermark.epoch != memory.epoch or watermark.upto <= memory.upto:
        return memory
    if watermark.upto >= memory.next_seq:
        return _in_new_epoch(memory)
    outbox = tuple(sample for sample in memory.outbox if sample.seq > watermark.upto)
    return replace(memory, outbox=outbox, upto=watermark.upto)


def _in_new_epoch(memory: Memory) -> Memory:
    old = f"{memory.epoch}/{memory.boot}/{memory.next_seq}"
    outbox = tuple(replace(sample, seq=i) for i, sample in enumerate(memory.outbox, start=1))
    epoch = sha256_hex(old.encode())[:EPOCH_CHARACTERS]
    return Memory(epoch, memory.boot, len(outbox) + 1, 0, outbox)


def batches(memory: Memory, device: str, above: int, count_max: int) -> tuple[Batch, ...]:
    """What is held above a number, cut into batches that fit the wire's bounds.

    Parameters
    ----------
    memory
        The memory to send from.
    device
        The device's id.
    above
        Samples up to this number are on their way already.
    count_max
        At most so many batches.
    """
    waiting = [sample for sample in memory.outbox if sample.seq > above]
    made: list[Batch] = []
    while waiting and len(made) < count_max:
        fitting = _fitting(waiting)
        made.append(
            Batch(device, memory.epoch, memory.boot, memory.oldest, tuple(waiting[:fitting]))
        )
        waiting = waiting[fitting:]
    return tuple(made)


def _fitting(samples: list[Sample]) -> int:
    """How many of the first samples fit one message; at least one."""
    room_bytes = MESSAGE_BYTES_MAX - WRAPPER_BYTES_MAX
    for count, sample in enumerate(samples[:BATCH_SAMPLES_MAX]):
        room_bytes -= sample_bytes(sample)
        if room_bytes < 0:
            return max(1, count)
    return min(len(samples), BATCH_SAMPLES_MAX)


def sample_bytes(sample: Sample) -> int:
    """The size of a sample within a batch, with its comma [bytes]."""
    return len(canonical_bytes(encode(sample))) + 1


def flash_bytes(flash: Flash) -> bytes:
    """The bytes that are written to flash."""
    return canonical_bytes(encode(flash))


def read_flash(data: bytes) -> Flash:
    """The flash as it was written.

    Raises
    ------
    CanonicalError
        If the bytes are not canonical JSON.
    ShapeError
        If a part is missing or of another type.
    """
    return decode(Flash, parse_canonical(data, FLASH_BYTES_MAX))
