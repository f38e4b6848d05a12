"""Which foreign device is which of ours, and how its quantities become our metrics (TOML).

A file of ``[[device]]`` tables; docs/devices.md shows one. Everything is checked at the
start of the station, so that a misspelt metric is an error and not a silent gap.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from core.errors import HarvestlineError, ShapeError
from core.wire.telemetry import METRICS, SAMPLE_METRICS_MAX, require_name
from edge_node.intake.broker.access import FORMATS

FILE_BYTES_MAX = 1024 * 1024
SLICE_BYTES_MAX = 8
PAYLOAD_BYTES_MAX = 242  # LoRaWAN's largest application payload
BIND_KEY_BYTES = 16
_PORT_MAX = 255


class MappingError(HarvestlineError):
    """The mapping of foreign devices contradicts itself or leaves something out."""

    code = "HL-EDGE-019"


@dataclass(frozen=True, slots=True)
class Slice:
    """An integer within a binary payload: ``length`` bytes from ``at``; ``port`` 0 for any."""

    name: str
    port: int
    at: int
    length: int
    signed: bool
    little: bool


@dataclass(frozen=True, slots=True)
class MetricRule:
    """``metric`` = ``quantity`` × ``scale`` + ``offset``, rounded half to even."""

    quantity: str
    metric: str
    scale: Decimal
    offset: Decimal


@dataclass(frozen=True, slots=True)
class ForeignDevice:
    """A foreign device and what it is here.

    Parameters
    ----------
    foreign_id, format
        Its own name in its own world.
    device
        The id under which it is registered at this station.
    gateways
        Who may speak for it; any gateway if empty.
    rules
        How its quantities become metrics.
    slices
        How its binary payload is cut, where the network server does not decode it.
    bind_key
        Its BTHome key, or empty.
    bits_reversed
        A tag reader that tells codes in the order of transmission.
    """

    foreign_id: str
    format: str
    device: str
    gateways: tuple[str, ...]
    rules: tuple[MetricRule, ...]
    slices: tuple[Slice, ...] = ()
    bind_key: bytes = b""
    bits_reversed: bool = False


# Format to foreign id to device.
ForeignDevices = Mapping[str, Mapping[str, ForeignDevice]]


def read_mapping(path: Path) -> ForeignDevices:
    """The foreign devices in a mapping file.

    Raises
    ------
    MappingError
        If it cannot be read, or a table in it is not valid.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise MappingError(f"expected at most {FILE_BYTES_MAX} bytes in {path}")
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"expected a TOML file of foreign devices at {path}: {error}") from error
    _no_others(found, {"device"}, str(path))
    return parse_mapping(found.get("device", []), path.parent)


def parse_mapping(tables: Any, folder: Path) -> ForeignDevices:
    """Foreign devices from parsed ``[[device]]`` tables; key files are beside the mapping.

    Raises
    ------
    MappingError
        If a table is not valid, or two name the same foreign device.
    """
    mapping: dict[str, dict[str, ForeignDevice]] = {name: {} for name in FORMATS}
    if not isinstance(tables, list):
        raise MappingError("expected [[device]] tables")
    for number, table in enumerate(tables, start=1):
        device = _device(table, f"device {number}", folder)
        known = mapping[device.format]
        if device.foreign_id in known:
            raise MappingError(f"expected {device.foreign_id} once, device {number} repeats it")
        known[device.foreign_id] = device
    return mapping


_DEVICE_KEYS = {
    "foreign_id", "format", "device", "gateways", "metric", "slice", "bind_key_file", "bit_order",
}  # fmt: skip


def _device(table: Any, where: str, folder: Path) -> ForeignDevice:
    _no_others(table, _DEVICE_KEYS, where)
    kind = _text(table, "format", where)
    if kind not in FORMATS:
        raise MappingError(f"expected format of {where} among {FORMATS}, got {kind!r}")
    order = table.get("bit_order", "msb")
    if order not in ("msb", "sent"):
        raise MappingError(f"expected bit_order of {where} msb or sent, got {order!r}")
    rules = tuple(_rule(each, where) for each in table.get("metric", []))
    if not 1 <= len(rules) <= SAMPLE_METRICS_MAX or len({r.metric for r in rules}) < len(rules):
        raise MappingError(f"expected 1 to {SAMPLE_METRICS_MAX} different metrics of {where}")
    return ForeignDevice(
        foreign_id=_foreign_id(kind, _text(table, "foreign_id", where)),
        format=kind,
        device=_name(_text(table, "device", where), where),
        gateways=tuple(_name(each, where) for each in table.get("gateways", [])),
        rules=rules,
        slices=tuple(_slice(each, where) for each in table.get("slice", [])),
        bind_key=_bind_key(table, folder, where),
        bits_reversed=order == "sent",
    )


def _foreign_id(kind: str, text: str) -> str:
    """The id as adapters spell it: DevEUI in lower case, MAC in upper case with colons."""
    if kind == "chirpstack-up":
        return text.lower()
    return text.upper().replace("-", ":") if kind == "bthome" else text


def _rule(table: Any, where: str) -> MetricRule:
    _no_others(table, {"from", "to", "scale", "offset"}, f"a metric of {where}")
    metric = _text(table, "to", where)
    if metric not in METRICS:
        raise MappingError(f"expected a metric among {sorted(METRICS)}, {where} has {metric!r}")
    scale = _decimal(table.get("scale", "1"), where)
    return MetricRule(
        _text(table, "from", where), metric, scale, _decimal(table.get("offset", "0"), where)
    )


def _slice(table: Any, where: str) -> Slice:
    _no_others(table, {"name", "port", "at", "bytes", "signed", "order"}, f"a slice of {where}")
    order = table.get("order", "big")
    if order not in ("big", "little") or not isinstance(table.get("signed", False), bool):
        raise MappingError(f"expected order big or little and signed true or false in {where}")
    return Slice(
        name=_text(table, "name", where),
        port=_whole(table.get("port", 0), _PORT_MAX, where),
        at=_whole(table.get("at", 0), PAYLOAD_BYTES_MAX, where),
        length=_whole(table.get("bytes", 0), SLICE_BYTES_MAX, where, low=1),
        signed=table.get("signed", False),
        little=order == "little",
    )


def _bind_key(table: Mapping[str, Any], folder: Path, where: str) -> bytes:
    if "bind_key_file" not in table:
        return b""
    path = folder / _text(table, "bind_key_file", where)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise MappingError(f"expected a bind key in hexadecimal at {path}: {error}") from error
    if len(key) != BIND_KEY_BYTES:
        raise MappingError(f"expected a bind key of {BIND_KEY_BYTES} bytes at {path}")
    return key


def _no_others(table: Any, keys: set[str], where: str) -> None:
    if not isinstance(table, dict):
        raise MappingError(f"expected {where} as a table")
    unknown = sorted(set(table) - keys)
    if unknown:
        raise MappingError(f"expected {sorted(keys)} in {where}, got {unknown}: remove them")


def _text(table: Mapping[str, Any], name: str, where: str) -> str:
    found = table.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= 128:
        raise MappingError(f"expected text for {name} in {where}, got {found!r}")
    return found


def _name(text: Any, where: str) -> str:
    try:
        return require_name(str(text), "a name")
    except ShapeError as error:
        raise MappingError(f"{error} in {where}") from error


def _whole(value: Any, high: int, where: str, low: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise MappingError(f"expected a whole number from {low} to {high} in {where}")
    return value


def _decimal(value: Any, where: str) -> Decimal:
    """An exact factor: text or a whole number, for TOML's floats are binary."""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            found = Decimal(value)
        except InvalidOperation:
            found = Decimal("NaN")
        if found.is_finite():
            return found
    raise MappingError(f'expected a factor as text ("0.01") in {where}, got {value!r}')
