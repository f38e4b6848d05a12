"""Sums as whole numbers modulo 2^128, so that masks cancel exactly and order changes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

FRACTION_BITS = 64
MODULUS = 1 << 128
_HALF = MODULUS >> 1
WORD_BYTES = 16


def to_words(values: Iterable[float]) -> tuple[int, ...]:
    """Numbers as words; each is exact to 2^-64 and must be below 2^63 in size.

    Raises
    ------
    ValueError
        If one is not finite, or too large.
    """
    found = []
    for value in values:
        if not math.isfinite(value) or abs(value) >= 2.0**62:
            raise ValueError(f"expected a number below 2^62, got {value}")
        found.append(round(math.ldexp(value, FRACTION_BITS)) % MODULUS)
    return tuple(found)


def from_words(words: Iterable[int]) -> list[float]:
    """The numbers that words stand for."""
    signed = (word - MODULUS if word >= _HALF else word for word in words)
    return [math.ldexp(float(word), -FRACTION_BITS) for word in signed]


def added(vectors: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The sum of vectors of words, place by place."""
    return tuple(sum(column) % MODULUS for column in zip(*vectors, strict=True))


def to_hex(words: Iterable[int]) -> tuple[str, ...]:
    """Words as they are written in a document."""
    return tuple(f"{word:032x}" for word in words)


def from_hex(texts: Iterable[str]) -> tuple[int, ...]:
    """The words of a document.

    Raises
    ------
    ValueError
        If a text is not 32 hexadecimal digits.
    """
    found = []
    for text in texts:
        if len(text) != 2 * WORD_BYTES or not text.isalnum():
            raise ValueError(f"expected 32 hexadecimal digits, got {text[:40]!r}")
        found.append(int(text, 16))
    return tuple(found)
