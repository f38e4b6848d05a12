"""What every adapter gives: readings in the station's own metrics, and what tells a repeat.

Also the reading of strangers' JSON: exact decimals, bounded, never a float.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from core.errors import HarvestlineError
from core.units import SAFE_INTEGER_MAX

READINGS_MAX = 256  # of one message
NUMBER_DIGITS_MAX = 40  # of one number in a stranger's message
NUMBER_EXPONENT_MAX = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class ForeignMessageError(HarvestlineError):
    """A gateway's message is not what its format says."""

    code = "HL-EDGE-020"


@dataclass(frozen=True, slots=True)
class Sighting:
    """An animal's tag as a reader saw it; ``checked`` if its checksum was there and right."""

    tag: str
    retagged: int
    checked: bool


@dataclass(frozen=True, slots=True)
class ForeignReading:
    """What one foreign device said at one moment.

    Parameters
    ----------
    foreign_id
        The device as its own world calls it (DevEUI, MAC, SenML name, reader).
    key, window_ms
        The same key within so long around ``at_ms`` is a repeat; 0 for ever [ms].
    at_ms, error_ms
        When it was said and how far that may be off [ms UTC, ms]; ``at_ms`` None if
        nobody but the station had a clock.
    quantities
        Name of the quantity in the foreign device's own world to its exact value.
    sealed
        Whether the device itself vouched for it by a key that the station knows.
    sightings
        The tags that a reader saw.
    fault
        Why this one reading of a message cannot be used; empty if it can.
    """

    foreign_id: str
    key: str
    window_ms: int
    at_ms: int | None
    error_ms: int
    quantities: Mapping[str, Decimal]
    sealed: bool = False
    sightings: tuple[Sighting, ...] = ()
    fault: str = ""


def parse_json(payload: bytes) -> Any:
    """A stranger's JSON with exact decimals for numbers.

    Raises
    ------
    ForeignMessageError
        If it is not JSON, nests too deeply, or holds a number that is none.
    """
    try:
        return json.loads(
            payload, parse_float=_decimal, parse_int=_decimal, parse_constant=_no_number
        )
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise ForeignMessageError(f"expected JSON: {str(error)[:120]}") from error


def exact_int(value: Decimal) -> int:
    """The nearest integer, half to even.

    Raises
    ------
    ForeignMessageError
        If it is beyond ±(2^53 − 1).
    """
    if not value.is_finite() or abs(value) > SAFE_INTEGER_MAX:
        raise ForeignMessageError(f"expected a number within ±(2^53 − 1), got {value}")
    return int(value.to_integral_value(ROUND_HALF_EVEN))


def text_of(body: Mapping[str, Any], name: str, length_max: int = 128) -> str:
    """A required text of a message.

    Raises
    ------
    ForeignMessageError
        If it is missing, empty, too long or no text.
    """
    found = body.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= length_max:
        raise ForeignMessageError(f"expected text of 1 to {length_max} characters for {name}")
    return found


def whole_of(body: Mapping[str, Any], name: str, high: int, missing: int | None = None) -> int:
    """A whole number from 0 to ``high``; ``missing`` if there is none.

    Raises
    ------
    ForeignMessageError
        If it is missing without a substitute, or something else.
    """
    found = body.get(name, missing if missing is None else Decimal(missing))
    if not isinstance(found, Decimal) or not 0 <= found <= high or found != int(found):
        raise ForeignMessageError(f"expected a whole number from 0 to {high} for {name}")
    return int(found)


def instant_ms(text: str) -> int:
    """An RFC 3339 instant as [ms UTC]; what is finer than a millisecond is cut off.

    Raises
    ------
    ForeignMessageError
        If it is none, or has no zone.
    """
    try:
        found = datetime.fromisoformat(_micro(text))
    except ValueError as error:
        raise ForeignMessageError(f"expected an RFC 3339 instant, got {text[:40]!r}") from error
    if found.tzinfo is None:
        raise ForeignMessageError(f"expected an instant with its zone, got {text[:40]!r}")
    return (found - _EPOCH) // _MS


def _micro(text: str) -> str:
    """The text with no more than six digits of a second: Python reads no nanoseconds."""
    head, dot, tail = text.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}" if dot and digits else text


def _decimal(text: str) -> Decimal:
    if len(text) > NUMBER_DIGITS_MAX:
        raise ValueError(f"expected numbers of at most {NUMBER_DIGITS_MAX} characters")
    found = Decimal(text)
    if abs(found.adjusted()) > NUMBER_EXPONENT_MAX:
        raise ValueError(f"expected numbers within 10^±{NUMBER_EXPONENT_MAX}, got {text}")
    return found


def _no_number(text: str) -> Decimal:
    raise ValueError(f"expected numbers, got {text}")
