"""Canonical bytes: one value, one spelling, one hash.

JSON as RFC 8785, restricted so that no two runtimes can differ: integers of at
most 53 bits, strings in NFC without lone surrogates, ASCII keys, no floats and
no null (an absent value is an absent key). See docs/wire.md, statements W1–W4.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from typing import Any

from core.errors import CanonicalError
from core.units import SAFE_INTEGER_MAX

DEPTH_MAX = 16
JsonValue = bool | int | str | list[Any] | dict[str, Any]
# A value that holds itself nests too deep and is refused before it is written.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)


def canonical_bytes(value: object) -> bytes:
    """The canonical UTF-8 bytes of a value.

    Raises
    ------
    CanonicalError
        If the value holds a float, null, an unsafe integer, a non-ASCII key, a
        string that is not NFC, or nests deeper than ``DEPTH_MAX``.
    """
    if not _is_plain(value, DEPTH_MAX):
        _check(value, "$", DEPTH_MAX)
        return _ENCODER.encode(value).encode()
    text = _ENCODER.encode(value)
    if not text.isascii():  # whether strings are NFC and keys ASCII is asked one by one
        _check(value, "$", DEPTH_MAX)
    return text.encode()


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_hash(value: object) -> str:
    """SHA-256 of a value's canonical bytes, in hexadecimal."""
    return sha256_hex(canonical_bytes(value))


def parse_canonical(data: bytes, bytes_max: int) -> dict[str, Any]:
    """Read an object back and insist that the bytes were canonical.

    Parameters
    ----------
    data
        What came over the wire.
    bytes_max
        Upper bound on its size [bytes]; checked before anything is parsed.

    Raises
    ------
    CanonicalError
        If it is too large, not JSON, not an object, or spelt in another way.
    """
    if len(data) > bytes_max:
        raise CanonicalError(f"expected at most {bytes_max} bytes, got {len(data)}")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"expected canonical JSON, got something else: {error}") from error
    if not isinstance(value, dict):
        raise CanonicalError(f"expected a JSON object, got {type(value).__name__}")
    if canonical_bytes(value) != data:
        raise CanonicalError(
            "expected canonical JSON (sorted keys, no spaces, no repeats), got another spelling"
        )
    return value


def _is_plain(value: Any, depth_left: int) -> bool:
    """Whether a list or map certainly passes :func:`_check`, if its text is ASCII throughout.

    The check itself names the path and is slower.
    """
    members = value if type(value) is list else _members(value)
    if members is None or depth_left <= 1:
        return False
    for inner in members:
        kind = type(inner)
        if kind is str or kind is bool:
            continue
        if kind is int:
            if not -SAFE_INTEGER_MAX <= inner <= SAFE_INTEGER_MAX:
                return False
        elif not _is_plain(inner, depth_left - 1):
            return False
    return True


def _members(value: Any) -> Iterable[Any] | None:
    """The values of a map whose keys are strings; None of anything else."""
    if type(value) is not dict:
        return None
    try:
        "".join(value)
    except TypeError:
        return None
    return value.values()


def _check(value: object, path: str, depth_left: int) -> None:
    if depth_left == 0:
        raise CanonicalError(f"expected at most {DEPTH_MAX} levels, got more at {path}")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise CanonicalError(f"expected ASCII keys, got {key!r} at {path}")
            _check(inner, f"{path}.{key}", depth_left - 1)
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            _check(inner, f"{path}[{i}]", depth_left - 1)
    else:
        _check_scalar(value, path)


def _check_scalar(value: object, path: str) -> None:
    if isinstance(value, str):
        if not value.isascii() and (
            not unicodedata.is_normalized("NFC", value)
            or any("\ud800" <= c <= "\udfff" for c in value)
        ):
            raise CanonicalError(f"expected an NFC string without surrogates at {path}")
    elif isinstance(value, int):
        if abs(value) > SAFE_INTEGER_MAX:
            raise CanonicalError(f"expected an integer within 53 bits at {path}, got {value}")
    else:
        raise CanonicalError(
            f"expected an integer, string, boolean, list or object at {path}, "
            f"got {type(value).__name__}"
        )
