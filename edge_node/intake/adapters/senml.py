"""SenML packs in JSON (RFC 8428): records resolved, then one reading a name's head and time.

A record's full name is split at its last ``/``, ``:`` or ``.``: what stands before names
the device, what follows the quantity, as in ``urn:dev:ow:10e2073a0108006:voltage``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.canonical import sha256_hex
from edge_node.intake.adapters.reading import (
    READINGS_MAX,
    ForeignMessageError,
    ForeignReading,
    exact_int,
)

FORMAT = "senml"
VERSION = 10  # RFC 8428, 4.4
ABSOLUTE_FROM_S = 2**28  # smaller times are relative to now (RFC 8428, 4.5.3)
STATED_ERROR_MS = 10_000
REPEAT_MS = 60_000  # of records without a time
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")  # RFC 8428, 4.5.1
_NUMBERS = ("bt", "bv", "bs", "bver", "v", "s", "t", "ut")
_TEXTS = ("bn", "bu", "n", "u", "vs", "vd")
_VALUES = ("v", "vb", "vs", "vd")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A record with everything that its pack's base fields say of it.

    ``time_s`` is UTC, or relative to now where it is below 2^28; ``value`` is None for
    texts and data, which are no measurements.
    """

    name: str
    unit: str
    time_s: Decimal
    value: Decimal | None
    sum: Decimal | None


def resolve(pack: Any) -> tuple[Resolved, ...]:
    """The records of a pack, resolved (RFC 8428, 4.6).

    Raises
    ------
    ForeignMessageError
        If it is not a pack of version 10 or lower, or a record is malformed or carries
        a mandatory field that is not known (``…_``).
    """
    if not isinstance(pack, list) or not 1 <= len(pack) <= READINGS_MAX:
        raise ForeignMessageError(f"expected a SenML pack of 1 to {READINGS_MAX} records")
    base: dict[str, Any] = {"bn": "", "bt": Decimal(0), "bu": "", "bv": None, "bs": None}
    found: list[Resolved] = []
    for record in pack:
        _check(record)
        base.update({name: record[name] for name in base if name in record})
        if any(name in record for name in (*_VALUES, "s")):
            found.append(_resolved(record, base))
    return tuple(found)


def read_pack(pack: Any) -> tuple[ForeignReading, ...]:
    """The readings of a pack, one for each device and instant.

    Raises
    ------
    ForeignMessageError
        As :func:`resolve`; also for a value that is neither finite nor a number.
    """
    grouped: dict[tuple[str, Decimal], dict[str, Decimal]] = {}
    for record in resolve(pack):
        device, quantity = _split(record.name)
        value = record.value if record.value is not None else record.sum
        if value is not None:
            grouped.setdefault((device, record.time_s), {})[quantity] = value
    return tuple(_reading(*key, values) for key, values in grouped.items())


def _reading(device: str, time_s: Decimal, quantities: Mapping[str, Decimal]) -> ForeignReading:
    said = sha256_hex(repr(sorted(quantities.items())).encode())[:32]
    if time_s >= ABSOLUTE_FROM_S:
        at_ms = exact_int(time_s * 1000)
        # An instant of a device is one reading: other values for it are a contradiction.
        names = ",".join(sorted(quantities))
        key = f"{at_ms}/{sha256_hex(names.encode())[:16]}"
        return ForeignReading(device, key, 0, at_ms, STATED_ERROR_MS, quantities)
    # Relative to now, which only the station knows: the offset widens the error.
    error_ms = exact_int(abs(time_s) * 1000)
    return ForeignReading(device, f"{time_s}/{said}", REPEAT_MS, None, error_ms, quantities)


def _resolved(record: Mapping[str, Any], base: Mapping[str, Any]) -> Resolved:
    name = base["bn"] + record.get("n", "")
    if not _NAME.fullmatch(name):
        raise ForeignMessageError(f"expected a SenML name, got {name[:80]!r}")
    value: Decimal | None = None
    if "v" in record:
        value = record["v"] + (base["bv"] or 0)
    elif "vb" in record:
        value = Decimal(int(record["vb"]))
    total = record.get("s")
    if total is not None and base["bs"] is not None:
        total += base["bs"]
    time_s = base["bt"] + record.get("t", Decimal(0))
    return Resolved(name, record.get("u", base["bu"]), time_s, value, total)


def _check(record: Any) -> None:
    if not isinstance(record, dict):
        raise ForeignMessageError("expected SenML records as objects")
    for name, value in record.items():
        if name in _NUMBERS and not isinstance(value, Decimal):
            raise ForeignMessageError(f"expected a number for {name}")
        if name in _TEXTS and not isinstance(value, str):
            raise ForeignMessageError(f"expected text for {name}")
        if name == "vb" and not isinstance(value, bool):
            raise ForeignMessageError("expected a truth value for vb")
        if name.endswith("_"):
            raise ForeignMessageError(f"the field {name!r} must be understood and is not known")
    if record.get("bver", 0) > VERSION:
        raise ForeignMessageError(f"expected SenML version {VERSION} at most")
    if sum(name in record for name in _VALUES) > 1:
        raise ForeignMessageError("expected one value in a record")


def _split(name: str) -> tuple[str, str]:
    """The device's and the quantity's part of a full name."""
    place = max(name.rfind(mark) for mark in "/:.")
    return (name[:place], name[place + 1 :]) if place > 0 else (name, "value")
