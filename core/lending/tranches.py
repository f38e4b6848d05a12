"""Principal by the rate that it bears: what is drawn first is repaid first."""

from __future__ import annotations

from core.errors import LedgerImbalanceError


class Tranches:
    """What is owed of drawdowns that each keep their own rate; lives within one replay.

    ``rated`` is the sum of principal × rate [minor units × ppm], on which interest runs.
    """

    __slots__ = ("_parts", "rated")

    def __init__(self) -> None:
        self._parts: list[list[int]] = []  # rate, what is left of it; the oldest first
        self.rated = 0

    def add(self, rate_ppm: int, amount_minor: int) -> None:
        """Let an amount bear a rate."""
        self.rated += rate_ppm * amount_minor
        if self._parts and self._parts[-1][0] == rate_ppm:
            self._parts[-1][1] += amount_minor
        else:
            self._parts.append([rate_ppm, amount_minor])

    def take(self, amount_minor: int) -> None:
        """Let an amount be repaid, of the oldest first.

        Raises
        ------
        LedgerImbalanceError
            If more is repaid than is owed.
        """
        left = amount_minor
        while left:
            if not self._parts:
                raise LedgerImbalanceError(f"expected at most what is owed, got {left} above it")
            part = self._parts[0]
            paid = min(left, part[1])
            part[1] -= paid
            left -= paid
            self.rated -= part[0] * paid
            if not part[1]:
                del self._parts[0]
