"""Chance that does not depend on order: a number for a seed, a name and labels.

A reading must come out the same whether a device was restarted in between or not,
so nothing here has a state; each draw hashes what it is for (BLAKE2b, RFC 7693).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

_HALF_BITS = 64


@dataclass(frozen=True, slots=True)
class Draws:
    """A source of draws for one name, e.g. a device, under one seed."""

    seed: int
    name: str

    def uniform(self, *labels: str | int) -> float:
        """A number in [0, 1) for the labels."""
        return self._pair(labels)[0]

    def normal(self, *labels: str | int) -> float:
        """A standard normal number for the labels (Box and Muller 1958)."""
        first, second = self._pair(labels)
        return math.sqrt(-2 * math.log(1 - first)) * math.cos(2 * math.pi * second)

    def between(self, low: float, high: float, *labels: str | int) -> float:
        """A number in [low, high) for the labels."""
        return low + (high - low) * self.uniform(*labels)

    def _pair(self, labels: tuple[str | int, ...]) -> tuple[float, float]:
        text = "/".join(map(str, (self.seed, self.name, *labels)))
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        whole = int.from_bytes(digest, "big")
        # 53 of each half's 64 bits fit a float exactly, so 1.0 cannot come out.
        high, low = whole >> _HALF_BITS, whole & (2**_HALF_BITS - 1)
        return (high >> 11) / 2**53, (low >> 11) / 2**53
