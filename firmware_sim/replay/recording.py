"""A recording as samples of devices, and an account of what could not be used.

Bad rows are named by line and counted by reason; the rest plays. Values that no
field could have (240 °C on the day of installation) are not bad rows: a real device
sent them, and to catch them is the station's work. Two readings of one metric at one
instant become two samples, never one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from core.units import SAFE_INTEGER_MAX
from firmware_sim.replay.mapping import Form, ReadingMap, ReplayFileError, ReplayMap
from firmware_sim.replay.rows import parse_time, rows_of, wanted_columns

BAD_ROWS_NAMED_MAX = 10_000
READINGS_MAX = 5_000_000
_NEVER_MS = 253_402_300_800_000  # the year 10000
_Reading = tuple[int, str, int]  # instant [ms UTC], metric, value in the metric's unit


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row, or one column of it, that cannot be played."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a recording that is wanted, from ``from_ms`` until before ``until_ms``."""

    from_ms: int = 0
    until_ms: int = _NEVER_MS


@dataclass(frozen=True, slots=True)
class Moment:
    """What a recorded device said at one instant [ms UTC]."""

    at_ms: int
    values: Mapping[str, int]


@dataclass(slots=True)
class Account:
    """What became of the rows.

    ``elsewhere`` counts rows that the MAP gives to nobody, ``outside`` those beyond
    the wanted window; neither is a fault.
    """

    rows: int = 0
    readings: int = 0
    elsewhere: int = 0
    outside: int = 0
    bad: list[BadRow] = field(default_factory=list)
    bad_by_reason: Counter[str] = field(default_factory=Counter)

    def blame(self, line: int, reason: str, what: str = "") -> None:
        """Count a bad row, and name it while there is room."""
        self.bad_by_reason[reason] += 1
        if len(self.bad) < BAD_ROWS_NAMED_MAX:
            self.bad.append(BadRow(line, f"{reason}{what}"))


@dataclass(frozen=True, slots=True)
class Recording:
    """Each device's moments in order of time, and the account."""

    moments: Mapping[str, Sequence[Moment]]
    account: Account


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a value goes: a device's metric, and how it becomes an integer."""

    device: str
    metric: str
    shift_ms: int
    convert: Callable[[object], int]


def read_recording(path: Path, mapping: ReplayMap, window: Window | None = None) -> Recording:
    """Read a recording whole.

    Raises
    ------
    ReplayFileError
        If the file cannot be read, lacks a column, or is too large.
    """
    account = Account()
    found: dict[str, list[_Reading]] = defaultdict(list)
    wide = mapping.file.form is Form.WIDE
    readings = (_wide if wide else _long)(path, mapping, account)
    limits = window or Window()
    for device, reading in readings:
        if not limits.from_ms <= reading[0] < limits.until_ms:
            account.outside += 1
            continue
        account.readings += 1
        if account.readings > READINGS_MAX:
            raise ReplayFileError(
                f"expected at most {READINGS_MAX} readings in {path}: choose a part by --from"
            )
        found[device].append(reading)
    return Recording({device: _moments(part) for device, part in found.items()}, account)


def _long(path: Path, mapping: ReplayMap, account: Account) -> Iterator[tuple[str, _Reading]]:
    columns = wanted_columns(mapping)
    keys = columns[1:-1]
    targets: dict[tuple[str, ...], _Target] = {}
    for device in mapping.device:
        for reading in device.reading:
            wanted = mapping.keys_of(device, reading)
            if set(wanted) != set(keys):
                raise ReplayFileError(
                    f"expected {device.id} {reading.metric} to name all of {sorted(keys)}, "
                    f"got {sorted(wanted)}"
                )
            targets[tuple(wanted[key] for key in keys)] = _target(device.id, reading, mapping)
    for line, values in _counted(path, mapping, account):
        target = targets.get(tuple(str(value) for value in values[1:-1]))
        if target is None:
            account.elsewhere += 1
            continue
        at_ms = _instant(line, values[0], mapping, account)
        if at_ms is not None:
            yield from _value(line, at_ms, values[-1], target, account)


def _wide(path: Path, mapping: ReplayMap, account: Account) -> Iterator[tuple[str, _Reading]]:
    columns = wanted_columns(mapping)
    targets = [
        (columns.index(reading.column), _target(device.id, reading, mapping))
        for device in mapping.device
        for reading in device.reading
    ]
    for line, values in _counted(path, mapping, account):
        at_ms = _instant(line, values[0], mapping, account)
        if at_ms is not None:
            for place, target in targets:
                yield from _value(line, at_ms, values[place], target, account)


def _counted(
    path: Path, mapping: ReplayMap, account: Account
) -> Iterator[tuple[int, Sequence[object]]]:
    for line, values in rows_of(path, mapping):
        account.rows += 1
        if values:
            yield line, values
        else:
            account.blame(line, "wrong number of fields")


def _instant(line: int, value: object, mapping: ReplayMap, account: Account) -> int | None:
    try:
        return parse_time(value, mapping.file)
    except (ValueError, OverflowError):
        account.blame(line, "no such time", f": {str(value)[:40]!r}")
        return None


def _value(
    line: int, at_ms: int, value: object, target: _Target, account: Account
) -> Iterator[tuple[str, _Reading]]:
    try:
        reading = target.convert(value)
    except _NoValueError:
        account.blame(line, "no value", f" of {target.device} {target.metric}")
    except (ValueError, ArithmeticError):
        shown = str(value)[:40]
        account.blame(line, "no number", f": {shown!r} of {target.device} {target.metric}")
    else:
        yield target.device, (at_ms + target.shift_ms, target.metric, reading)


class _NoValueError(Exception):
    """The recording says that nothing was measured."""


def _target(device: str, reading: ReadingMap, mapping: ReplayMap) -> _Target:
    multiply, add = Decimal(reading.multiply), Decimal(reading.add)
    missing = frozenset(mapping.file.missing)

    def convert(value: object) -> int:
        if value is None or value in missing or value != value:  # noqa: PLR0124 - NaN
            raise _NoValueError
        exact = Decimal(str(value)) * multiply + add
        whole = int(exact.to_integral_value())
        if abs(whole) > SAFE_INTEGER_MAX:
            raise ValueError(f"beyond 53 bits: {whole}")
        return whole

    return _Target(device, reading.metric, reading.shift_minutes * 60_000, convert)


def _moments(readings: list[_Reading]) -> tuple[Moment, ...]:
    """Readings of one instant together; a metric's second value there is a second moment."""
    readings.sort(key=lambda reading: reading[0])
    repeats: Counter[tuple[int, str]] = Counter()
    grouped: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for at_ms, metric, value in readings:
        grouped[at_ms, repeats[at_ms, metric]][metric] = value
        repeats[at_ms, metric] += 1
    return tuple(Moment(at_ms, grouped[at_ms, turn]) for at_ms, turn in sorted(grouped))
