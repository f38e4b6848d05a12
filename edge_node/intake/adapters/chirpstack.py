"""ChirpStack v4 uplink events (JSON marshaler, event ``up``).

Field names as in ``integration.proto`` of ChirpStack v4 under the JSON mapping of
Protocol Buffers: a default value is absent, so no ``fCnt`` means 0. One uplink is
(DevEUI, DevAddr, fCnt): the address changes with every join, after which the counter
begins again. Several gateways that hear one uplink, and an event that ChirpStack sends
twice, are one reading.

Time: the gateways' own (``gwTime``, the earliest of those that have one) is best, then
the network server's (``nsTime``, ``time``); without any, the station's at arrival. Each
has its own error bound. Which of them is plausible is judged by quality control.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from edge_node.intake.adapters.mapping import ForeignDevice, Slice
from edge_node.intake.adapters.reading import (
    ForeignMessageError,
    ForeignReading,
    instant_ms,
    text_of,
    whole_of,
)

FORMAT = "chirpstack-up"
GATEWAY_ERROR_MS = 2_000  # gwTime: kept by NTP or GPS at the gateway
SERVER_ERROR_MS = 10_000  # nsTime, time: after the way over the backhaul
_COUNT_MAX = 2**32 - 1
_PORT_MAX = 255
_DEPTH_MAX = 8  # of a decoded object
_QUANTITIES_MAX = 64


def read_uplink(body: Any, device_of: Mapping[str, ForeignDevice]) -> ForeignReading:
    """The reading in an uplink event.

    Parameters
    ----------
    body
        The parsed event.
    device_of
        The mapped devices by DevEUI; their slices say how a payload is cut.

    Raises
    ------
    ForeignMessageError
        If it is not an uplink event, or its payload is too short for its slices.
    """
    if not isinstance(body, dict) or not isinstance(body.get("deviceInfo"), dict):
        raise ForeignMessageError("expected a ChirpStack v4 uplink event with deviceInfo")
    eui = text_of(body["deviceInfo"], "devEui", 16).lower()
    address = text_of(body, "devAddr", 8).lower()
    count = whole_of(body, "fCnt", _COUNT_MAX, 0)
    at_ms, error_ms = _time(body)
    device = device_of.get(eui)
    return ForeignReading(
        foreign_id=eui,
        key=f"{address}/{count}",
        window_ms=0,
        at_ms=at_ms,
        error_ms=error_ms,
        quantities=_quantities(body, device.slices if device else ()),
    )


def _quantities(body: Mapping[str, Any], slices: Sequence[Slice]) -> dict[str, Decimal]:
    """What the network server's codec has decoded, and what is cut out of the payload."""
    found: dict[str, Decimal] = {}
    _flatten("", body.get("object"), found, 0)
    if slices:
        port, payload = whole_of(body, "fPort", _PORT_MAX, 0), _payload(body)
        for each in slices:
            if each.port in (0, port):
                found[each.name] = Decimal(cut(payload, each))
    return found


def cut(payload: bytes, where: Slice) -> int:
    """The integer at a place of a payload.

    Raises
    ------
    ForeignMessageError
        If the payload ends before it.
    """
    part = payload[where.at : where.at + where.length]
    if len(part) < where.length:
        wanted = where.at + where.length
        raise ForeignMessageError(
            f"expected {wanted} bytes of payload for {where.name}, got {len(payload)}"
        )
    order = "little" if where.little else "big"
    return int.from_bytes(part, order, signed=where.signed)  # type: ignore[arg-type]


def _payload(body: Mapping[str, Any]) -> bytes:
    text = body.get("data", "")
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ForeignMessageError("expected base64 in data") from error


def _flatten(path: str, value: Any, found: dict[str, Decimal], depth: int) -> None:
    """Numbers and truth values of a decoded object under dotted names."""
    if depth > _DEPTH_MAX or len(found) >= _QUANTITIES_MAX:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            _flatten(f"{path}.{name}" if path else name, inner, found, depth + 1)
    elif isinstance(value, bool):
        found[path] = Decimal(int(value))
    elif isinstance(value, Decimal):
        found[path] = value


def _time(body: Mapping[str, Any]) -> tuple[int | None, int]:
    """The best instant that the event states, and how far it may be off [ms UTC, ms]."""
    received = body.get("rxInfo", [])
    if not isinstance(received, list):
        raise ForeignMessageError("expected a list for rxInfo")
    heard = [each for each in received if isinstance(each, dict)]
    choices = (
        ([each.get("gwTime") for each in heard], GATEWAY_ERROR_MS),
        ([each.get("nsTime") for each in heard], SERVER_ERROR_MS),
        ([body.get("time")], SERVER_ERROR_MS),
    )
    for texts, error_ms in choices:
        instants = [instant_ms(text) for text in texts if isinstance(text, str)]
        if instants:
            return min(instants), error_ms
    return None, 0
