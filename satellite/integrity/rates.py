"""What a flag is worth: its expected precision where frauds are as rare as they are.

Nearly every farmer is honest, so even a good test is mostly wrong when it flags: with
a base rate of 0.18 %, sensitivity 0.9 and specificity 0.99 make a flag true one time in
seven. That number goes with every flag, and an officer looks before anybody acts.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.units import PPM

RATES_FILE = Path(__file__).parent.parent / "data" / "integrity.toml"
Z_90 = 1.6449


@dataclass(frozen=True, slots=True)
class Counted:
    """Frauds that were planted and found, honest plots and false flags on them [count]."""

    planted: int
    found: int
    honest: int
    false: int

    @property
    def sensitivity(self) -> float:
        """Share of frauds that are found; the mean under Jeffreys' prior, never 0 or 1."""
        return (self.found + 0.5) / (self.planted + 1)

    @property
    def false_rate(self) -> float:
        """Share of honest plots that are flagged; so estimated that none seen is not none."""
        return (self.false + 0.5) / (self.honest + 1)

    def precision(self, base_rate: float) -> float:
        """The share of flags that are true (Bayes), where ``base_rate`` of plots have the fault."""
        true, untrue = self.sensitivity * base_rate, self.false_rate * (1 - base_rate)
        return true / (true + untrue)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 90 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    if of == 0:
        return 0.0, 1.0
    share, z2 = hits / of, Z_90**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_90 / (1 + z2 / of) * (share * (1 - share) / of + z2 / (4 * of**2)) ** 0.5
    return max(middle - half, 0.0), min(middle + half, 1.0)


@cache
def base_rate_ppm() -> int:
    """How many plots of a million have the fault, for want of better."""
    return int(tomllib.loads(RATES_FILE.read_text(encoding="utf-8"))["base_rate_ppm"])


@cache
def counted(code: str) -> Counted:
    """What was counted of a flag's code."""
    raw = tomllib.loads(RATES_FILE.read_text(encoding="utf-8"))["flag"][code]
    return Counted(raw["planted"], raw["found"], raw["honest"], raw["false"])


def precision_ppm(code: str) -> int:
    """A flag's expected precision at the base rate [ppm]."""
    return round(counted(code).precision(base_rate_ppm() / PPM) * PPM)
