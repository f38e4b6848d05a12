"""A station asks the centre for the time: a signed question with a nonce, a signed answer.

The nonce makes the answer belong to this question: an old one cannot be played again, so
it may even take a station's trusted time down (statement K3 of docs/wire.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.signing import DocumentType

TIME_REQUEST = DocumentType("time-request", 1)
TIME = DocumentType("time", 1)
NONCE_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class TimeRequest:
    """A station's question; the nonce is 16 unpredictable bytes in hexadecimal."""

    station: str
    nonce: str


@dataclass(frozen=True, slots=True)
class TimeAnswer:
    """The centre's word on the time [ms UTC], for one question."""

    station: str
    nonce: str
    at_ms: int
