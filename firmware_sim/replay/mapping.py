"""The MAP file: which column of a recording is which device's which metric, in which unit.

A TOML file with one ``[file]`` table (how to read it), ``[[subject]]`` tables (what
was measured) and ``[[device]]`` tables with ``[[device.reading]]`` inside. Two forms
are known. In a *long* file each row is one reading, and ``where`` tells by the values
of other columns whose it is. In a *wide* file each row is one instant, and ``column``
names the reading. The integer in METRICS' unit is ``value × multiply + add``, rounded
half to even. Two commented examples are in ``firmware_sim/data``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path

from core.errors import HarvestlineError, ShapeError
from core.shape import decode, encode
from core.wire.registry import SubjectKind
from core.wire.telemetry import METRICS, SAMPLE_METRICS_MAX, DeviceKind, require_name

MAP_BYTES_MAX = 256 * 1024
DEVICES_MAX = 500


class ReplayFileError(HarvestlineError):
    """A MAP or a recording cannot be used."""

    code = "HL-SIM-002"


class FileFormat(Enum):
    """How bytes become rows."""

    CSV = "csv"  # separated by ``delimiter``; "whitespace" for columns of spaces
    PARQUET = "parquet"


class Form(Enum):
    """What one row is."""

    LONG = "long"
    WIDE = "wide"


@dataclass(frozen=True, slots=True)
class FileMap:
    """How to read the recording.

    Parameters
    ----------
    format, form
        As above.
    time_column
        The column with the instant.
    time_format
        For a CSV: a ``strptime`` pattern, ``iso``, ``epoch_s`` or ``epoch_ms``; a
        parquet file knows its timestamps itself.
    utc_offset_minutes
        What the recording's clock is ahead of UTC [min].
    error_ms
        How far that clock may have been off [ms].
    value_column
        Of a long file.
    delimiter
        Of a CSV.
    header_line
        The line with the column names, from 1; what stands above is passed over.
    missing
        Texts that mean "no value" in a CSV.
    """

    format: FileFormat
    form: Form
    time_column: str
    time_format: str = "iso"
    utc_offset_minutes: int = 0
    error_ms: int = 60_000
    value_column: str = ""
    delimiter: str = ","
    header_line: int = 1
    missing: tuple[str, ...] = ("", "NaN", "NA", "-999")


@dataclass(frozen=True, slots=True)
class ReadingMap:
    """One metric of one device.

    ``shift_minutes`` moves the reading within its row's day, for daily files whose
    columns belong to different hours (a lowest temperature at dawn).
    """

    metric: str
    column: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    multiply: str = "1"
    add: str = "0"
    shift_minutes: int = 0

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ShapeError(f"expected a metric among {sorted(METRICS)}, got {self.metric!r}")
        for text in (self.multiply, self.add):
            try:
                Decimal(text)
            except InvalidOperation as error:
                raise ShapeError(f"expected a decimal number as text, got {text!r}") from error


@dataclass(frozen=True, slots=True)
class DeviceMap:
    """A device that is played from the recording; ``where`` holds for all its readings."""

    id: str
    kind: DeviceKind
    subject: str
    reading: tuple[ReadingMap, ...]
    where: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name(self.id, "device id")
        metrics = [reading.metric for reading in self.reading]
        if not 1 <= len(set(metrics)) <= SAMPLE_METRICS_MAX:
            raise ShapeError(f"expected 1 to {SAMPLE_METRICS_MAX} metrics of {self.id}")


@dataclass(frozen=True, slots=True)
class SubjectMap:
    """What was measured, for the registry fragment; sizes as in ``core.wire.registry``."""

    id: str
    kind: SubjectKind
    name: str
    farmer_id: str = ""
    crop: str = ""
    area_m2: int = 0
    heads: int = 0


@dataclass(frozen=True, slots=True)
class ReplayMap:
    """The whole MAP file."""

    file: FileMap
    device: tuple[DeviceMap, ...]
    subject: tuple[SubjectMap, ...] = ()

    def __post_init__(self) -> None:
        names = [device.id for device in self.device]
        if not 1 <= len(names) <= DEVICES_MAX or len(set(names)) < len(names):
            raise ShapeError(f"expected 1 to {DEVICES_MAX} devices, each once, got {sorted(names)}")
        if self.file.form is Form.LONG and not self.file.value_column:
            raise ShapeError("expected value_column for a long file")
        for device in self.device:
            self._check(device)

    def _check(self, device: DeviceMap) -> None:
        for reading in device.reading:
            if self.file.form is Form.WIDE and (not reading.column or reading.where):
                raise ShapeError(f"expected only a column for {device.id} {reading.metric}: wide")
            if self.file.form is Form.LONG and (
                reading.column or not self.keys_of(device, reading)
            ):
                raise ShapeError(f"expected only a where for {device.id} {reading.metric}: long")

    @staticmethod
    def keys_of(device: DeviceMap, reading: ReadingMap) -> Mapping[str, str]:
        """The values of other columns that tell this reading's rows in a long file."""
        return {**device.where, **reading.where}


def read_map(path: Path) -> ReplayMap:
    """The MAP in a file.

    Raises
    ------
    ReplayFileError
        If it cannot be read, is not TOML, or says something that cannot be.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAP_BYTES_MAX + 1)
        if len(data) > MAP_BYTES_MAX:
            raise ReplayFileError(f"expected at most {MAP_BYTES_MAX} bytes in {path}")
        found = tomllib.loads(data.decode())
        mapping = decode(ReplayMap, found)
        _require_known_keys(found, encode(mapping), "$")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ShapeError) as error:
        raise ReplayFileError(f"expected a MAP file at {path}: {error}") from error
    return mapping


def _require_known_keys(found: object, understood: object, path: str) -> None:
    """A misspelt key would otherwise be passed over, and its value's default played."""
    if isinstance(found, dict) and isinstance(understood, dict):
        unknown = sorted(set(found) - set(understood))
        if unknown:
            raise ShapeError(
                f"expected one of {sorted(understood)}, got unknown {unknown[0]} at {path}"
            )
        for key, inner in found.items():
            _require_known_keys(inner, understood[key], f"{path}.{key}")
    elif isinstance(found, list) and isinstance(understood, list):
        for i, (inner, known) in enumerate(zip(found, understood, strict=True)):
            _require_known_keys(inner, known, f"{path}[{i}]")
