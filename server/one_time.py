"""One-time codes by the time (RFC 6238), as every authenticator on a phone makes them.

SHA-1, six digits, steps of 30 seconds: what all of them know. The `cryptography` library
reckons the codes; here is only which step of the time a code belongs to.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

SECRET_BYTES = 20  # as long as the hash (RFC 4226, section 4, R6)
CODE_DIGITS = 6
STEP_S = 30
DRIFT_STEPS = 1  # how far a phone's clock may be off, either way
SPARE_BYTES = 10  # 80 bits: nobody guesses one, so a fast hash keeps it
SPARE_CHARS = 16
_SPARE_DOMAIN = b"harvestline/recovery-code/v1\0"


def step_of(now_ms: int) -> int:
    """The step of the time that an instant [ms UTC] lies in."""
    return now_ms // 1000 // STEP_S


def code_at(secret: bytes, step: int) -> str:
    """The code of a step."""
    return _totp(secret).generate(step * STEP_S).decode()


def matching_step(secret: bytes, code: str, now_step: int, after: int) -> int | None:
    """The step whose code was given, among those near now and after one that was used."""
    if len(code) != CODE_DIGITS or not (code.isascii() and code.isdigit()):
        return None
    made = _totp(secret)
    for step in range(now_step - DRIFT_STEPS, now_step + DRIFT_STEPS + 1):
        if step <= after:
            continue
        try:
            made.verify(code.encode(), step * STEP_S)
        except InvalidToken:
            continue
        return step
    return None


def address(secret: bytes, username: str, lender: str) -> str:
    """What a phone reads from the picture (``otpauth://…``)."""
    return _totp(secret).get_provisioning_uri(username, lender)


def secret_text(secret: bytes) -> str:
    """A secret to be typed where no camera is, in groups of four."""
    return _grouped(base64.b32encode(secret).decode(), " ")


def spare_text(chance: bytes) -> str:
    """A spare code, from 80 bits of chance."""
    return _grouped(base64.b32encode(chance[-SPARE_BYTES:]).decode().lower(), "-")


def spare_hash(username: str, given: str) -> str:
    """What is kept of a spare code, however it is spaced; empty if it can be none."""
    plain = "".join(each for each in given.lower() if each not in " -")
    if len(plain) != SPARE_CHARS or not plain.isascii():
        return ""
    return hashlib.sha256(_SPARE_DOMAIN + f"{username}\0{plain}".encode()).hexdigest()


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, CODE_DIGITS, SHA1(), STEP_S)  # noqa: S303 - RFC 6238's own, as HMAC


def _grouped(text: str, between: str) -> str:
    return between.join(text[at : at + 4] for at in range(0, len(text), 4))
