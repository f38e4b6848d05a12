"""What devices say to a base station, and what the station answers.

Device → station, on ``v1/<site>/<device>/t`` at QoS 1: a signed ``telemetry``
document whose body is a :class:`Batch`; on ``…/b`` a signed :class:`Birth`; as
MQTT will on ``…/d`` a signed :class:`Death`. Station → device, on ``…/ack``: a
signed :class:`Watermark`. A broker's PUBACK is not durability: only the watermark
lets a device forget. Statements T1–T9 of docs/wire.md.

Samples are numbered without a hole within an epoch. ``oldest`` is the lowest
number that the device can still send, so the station can tell a late sample from
a lost one and records the loss as a gap.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from core.errors import ShapeError
from core.signing import DocumentType
from core.units import SAFE_INTEGER_MAX

BATCH = DocumentType("telemetry", 1)
BIRTH = DocumentType("birth", 1)
DEATH = DocumentType("death", 1)
WATERMARK = DocumentType("watermark", 1)

MESSAGE_BYTES_MAX = 64 * 1024
BATCH_SAMPLES_MAX = 256
SAMPLE_METRICS_MAX = 16
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")


class MetricKind(Enum):
    """How a metric's numbers behave in time."""

    GAUGE = "gauge"  # a level: may rise and fall
    COUNTER = "counter"  # a total since first boot: never falls, resets to zero
    SUM = "sum"  # an amount since the previous sample


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity that a device may report.

    ``low`` and ``high`` bound what is physically possible, in the metric's unit;
    ``step_per_hour`` bounds how fast a gauge or counter may move.
    """

    name: str
    kind: MetricKind
    low: int
    high: int
    step_per_hour: int


def _metrics(*rows: tuple[str, str, int, int, int]) -> dict[str, Metric]:
    return {name: Metric(name, MetricKind(kind), *bounds) for name, kind, *bounds in rows}


# The unit is the last part of the name. mdeg_c: thousandths of a degree Celsius;
# ppm of volume for soil water; um: thousandths of a millimetre of rain.
METRICS: Mapping[str, Metric] = _metrics(
    ("soil_moisture_ppm", "gauge", 0, 700_000, 350_000),
    ("soil_temperature_mdeg_c", "gauge", -30_000, 60_000, 12_000),
    ("air_temperature_mdeg_c", "gauge", -45_000, 60_000, 20_000),
    ("relative_humidity_ppm", "gauge", 0, 1_000_000, 800_000),
    ("solar_radiation_w_per_m2", "gauge", 0, 1_500, 1_500),
    ("wind_speed_mm_per_s", "gauge", 0, 75_000, 75_000),
    ("rain_um", "sum", 0, 200_000, 200_000),
    ("animals_seen_count", "gauge", 0, 10_000, 10_000),
    ("activity_steps", "sum", 0, 2_000_000, 2_000_000),
    ("engine_s", "counter", 0, 400_000_000, 3_700),
    ("area_worked_m2", "counter", 0, 10**12, 200_000),
    ("fuel_used_ml", "counter", 0, 10**12, 120_000),
    ("energy_wh", "counter", 0, 10**12, 250_000),
    ("store_temperature_mdeg_c", "gauge", -40_000, 60_000, 30_000),
    ("store_level_kg", "gauge", 0, 100_000_000, 500_000),
    ("battery_mv", "gauge", 0, 60_000, 60_000),
)


class DeviceKind(Enum):
    """The kinds of devices that a station knows how to read."""

    SOIL_PROBE = "soil_probe"
    WEATHER_STATION = "weather_station"
    EAR_TAG_READER = "ear_tag_reader"
    MACHINE = "machine"
    ELECTRICITY_METER = "electricity_meter"
    SILO_SENSOR = "silo_sensor"


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment's values, as the device saw its own clock.

    Parameters
    ----------
    seq
        Number within the device's epoch, from 1.
    at_ms
        The device's clock [ms UTC].
    error_ms
        How far that clock may be off, by the device's own account [ms].
    values
        Metric name to integer in the metric's unit.
    """

    seq: int
    at_ms: int
    error_ms: int
    values: Mapping[str, int]

    def __post_init__(self) -> None:
        if not 1 <= self.seq <= SAFE_INTEGER_MAX:
            raise ShapeError(f"expected seq from 1, got {self.seq}")
        if self.error_ms < 0:
            raise ShapeError(f"expected error_ms of at least 0, got {self.error_ms}")
        if not 1 <= len(self.values) <= SAMPLE_METRICS_MAX:
            raise ShapeError(
                f"expected 1 to {SAMPLE_METRICS_MAX} metrics in sample {self.seq}, "
                f"got {len(self.values)}"
            )


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one device, in order.

    ``epoch`` changes when a device loses its memory; numbers start again at 1.
    """

    device: str
    epoch: str
    boot: int
    oldest: int
    samples: tuple[Sample, ...]

    def __post_init__(self) -> None:
        require_name(self.device, "device")
        require_name(self.epoch, "epoch")
        numbers = [sample.seq for sample in self.samples]
        if not 1 <= len(numbers) <= BATCH_SAMPLES_MAX:
            raise ShapeError(f"expected 1 to {BATCH_SAMPLES_MAX} samples, got {len(numbers)}")
        if any(b <= a for a, b in itertools.pairwise(numbers)):
            raise ShapeError(f"expected rising seq within the batch of {self.device}")
        if not 1 <= self.oldest <= numbers[0]:
            raise ShapeError(f"expected oldest from 1 to {numbers[0]}, got {self.oldest}")


@dataclass(frozen=True, slots=True)
class Birth:
    """What a device says of itself after each boot."""

    device: str
    epoch: str
    boot: int
    kind: DeviceKind
    firmware: str
    metrics: tuple[str, ...]
    at_ms: int
    error_ms: int


@dataclass(frozen=True, slots=True)
class Death:
    """Signed at connection, published by the broker when the device falls silent."""

    device: str
    epoch: str
    boot: int


@dataclass(frozen=True, slots=True)
class Watermark:
    """Every sample of the epoch up to ``upto`` is durable at the station, or known lost."""

    device: str
    epoch: str
    upto: int


def require_name(text: str, what: str) -> str:
    """Return a device, site or epoch name if it is fit for a topic.

    Raises
    ------
    ShapeError
        If it is not 1 to 48 of ``a-z 0-9 -`` beginning with a letter or digit.
    """
    if not _NAME.fullmatch(text):
        raise ShapeError(f"expected {what} of a-z, 0-9 and '-' (48 at most), got {text!r}")
    return text


def topic(site: str, device: str, leaf: str) -> str:
    """The MQTT topic of a device; ``leaf`` is ``t``, ``b``, ``d`` or ``ack``."""
    return f"v1/{site}/{device}/{leaf}"


def parse_topic(text: str) -> tuple[str, str, str]:
    """Site, device and leaf of a topic.

    Raises
    ------
    ShapeError
        If the topic is not ``v1/<site>/<device>/<leaf>``.
    """
    parts = text.split("/")
    if len(parts) != 4 or parts[0] != "v1":
        raise ShapeError(f"expected topic v1/<site>/<device>/<leaf>, got {text!r}")
    return require_name(parts[1], "site"), require_name(parts[2], "device"), parts[3]
