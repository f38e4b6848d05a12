"""Signatures of webhooks, by the Standard Webhooks specification 1.0 (symmetric, ``v1``).

Signed is ``ID.TIMESTAMP.BODY`` with HMAC-SHA256; a secret is ``whsec_`` and Base64 of 24
to 64 bytes. The published library of that specification brings three packages of its
own for these lines, so they stand here; its test vector is among the tests.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256

from core.errors import SignatureError
from server.services.centre import RequestError

ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = (
    "webhook-id", "webhook-timestamp", "webhook-signature",
)  # fmt: skip
SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins, no secret
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
TOLERANCE_S = 300  # how far a sender's clock may be off
ID_CHARS_MAX = 128


def read_secret(text: str) -> bytes:
    """A secret's bytes.

    Raises
    ------
    RequestError
        If it is none; the message does not show it.
    """
    encoded = text.strip().removeprefix(SECRET_PREFIX)
    try:
        found = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(f"expected a secret as {SECRET_PREFIX} and Base64") from error
    if not SECRET_BYTES_MIN <= len(found) <= SECRET_BYTES_MAX:
        raise RequestError(
            f"expected a secret of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, got {len(found)}"
        )
    return found


def secret_text(secret: bytes) -> str:
    """A secret as it stands in a file."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signed_headers(
    secret: bytes, message_id: str, at_ms: int, body: bytes, also: Iterable[bytes] = ()
) -> dict[str, str]:
    """The three headers that a message carries; signed by other secrets ``also``."""
    timestamp = str(at_ms // 1000)
    signed = (_mac(each, message_id, timestamp, body) for each in (secret, *also))
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: " ".join(f"v1,{each}" for each in signed),
    }


def require_signed(
    secrets: Iterable[bytes], headers: Mapping[str, str], body: bytes, at_ms: int
) -> str:
    """The id of a message whose signature holds and whose time is now.

    Raises
    ------
    SignatureError
        If a header is missing, the time is off by more than ``TOLERANCE_S``, or no
        signature is by one of the secrets.
    """
    message_id = headers.get(ID_HEADER, "")
    timestamp = headers.get(TIMESTAMP_HEADER, "")
    if not 0 < len(message_id) <= ID_CHARS_MAX or not message_id.isprintable():
        raise SignatureError(f"expected a {ID_HEADER} of 1 to {ID_CHARS_MAX} characters")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise SignatureError(f"expected a {TIMESTAMP_HEADER} in seconds")
    if abs(at_ms // 1000 - int(timestamp)) > TOLERANCE_S:
        raise SignatureError(f"expected a {TIMESTAMP_HEADER} within {TOLERANCE_S} s of now")
    given = [
        each.removeprefix("v1,").encode()
        for each in headers.get(SIGNATURE_HEADER, "").split(" ")
        if each.startswith("v1,")
    ]
    for secret in secrets:
        wanted = _mac(secret, message_id, timestamp, body).encode()
        if any(hmac.compare_digest(wanted, each) for each in given):
            return message_id
    raise SignatureError(f"expected a {SIGNATURE_HEADER} by the shared secret")


def _mac(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(secret, signed, sha256)).decode()
