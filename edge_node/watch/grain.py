"""Damp grain: the moisture to which a store's air brings what lies in it.

Equilibrium by the modified Henderson equation with the constants of ASAE D245.5; what
keeps at up to 27 °C by the table of India's grain institute (IGMRI): maize, wheat and
sorghum 13.5 %, cowpeas and beans 15 %; paddy 14 % for some months (IRRI). A grain that
is not named is held to the air alone: moulds grow above 70 % of humidity. The grain
follows its air in days to weeks, so the air's damp comes before the grain's. Pure
functions, decimal digits, rounded half to even once.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.units import PPM, divide_half_even
from edge_node.features.trigonometry import exact
from edge_node.watch.notices import Judgement, Level

MARGIN_PPM = 5_000  # half a percent of moisture below what keeps ends an alert
TREND_MARGIN_PPM = 10_000  # within one percent of it a rise counts
TREND_DAYS = 7
AHEAD_DAYS = 10
_TREND_DAYS_MIN = 5
_AIR_RAISE_PPM, _AIR_CLEAR_PPM = 700_000, 670_000
_HUMIDITY_MAX = Decimal("0.995")


@dataclass(frozen=True, slots=True)
class Grain:
    """Constants A, N and C of the modified Henderson equation, and what keeps [ppm wet basis]."""

    a: Decimal
    n: Decimal
    c: Decimal
    safe_ppm: int


GRAINS: Mapping[str, Grain] = {
    "maize": Grain(Decimal("8.6541e-5"), Decimal("1.8634"), Decimal("49.810"), 135_000),
    "wheat": Grain(Decimal("2.3007e-5"), Decimal("2.2857"), Decimal("55.815"), 135_000),
    "sorghum": Grain(Decimal("0.8532e-5"), Decimal("2.4757"), Decimal("113.725"), 135_000),
    "rice": Grain(Decimal("1.9187e-5"), Decimal("2.4451"), Decimal("51.161"), 140_000),
    "beans": Grain(Decimal("2.0899e-5"), Decimal("1.8812"), Decimal("254.230"), 150_000),
}


def equilibrium_ppm(grain: Grain, humidity_ppm: int, temperature_mdeg_c: int) -> int:
    """Moisture at which a grain neither takes up nor gives off water [ppm, wet basis].

    ``1 - rh = exp(-A (T + C) M^N)``, M in percent of the dry matter.
    """
    with exact():
        humidity = min(Decimal(max(humidity_ppm, 0)) / PPM, _HUMIDITY_MAX)
        if humidity == 0:
            return 0
        warmth = Decimal(temperature_mdeg_c) / 1000 + grain.c
        power = -(1 - humidity).ln() / (grain.a * warmth)
        dry_basis = (power.ln() / grain.n).exp() / 100
        return int((dry_basis / (1 + dry_basis) * PPM).to_integral_value())


def trend_ppm(days: Sequence[int | None]) -> int | None:
    """How much a level rises each day: the median of the slopes of all pairs (Theil–Sen)."""
    known = [(i, value) for i, value in enumerate(days) if value is not None]
    if len(known) < _TREND_DAYS_MIN:
        return None
    slopes = [
        divide_half_even(later - earlier, j - i)
        for n, (i, earlier) in enumerate(known)
        for j, later in known[n + 1 :]
    ]
    return statistics.median_low(slopes)


def judge(
    crop: str, air: Sequence[tuple[int, int] | None], name: str, evidence: tuple[str, ...]
) -> Judgement | None:
    """Whether a store's air is an alert; None if the day was not seen.

    Parameters
    ----------
    crop
        What lies in it.
    air
        Daily mean humidity and temperature, the day itself last [ppm, thousandths of °C].
    name
        The store's name.
    evidence
        What the air is known from.
    """
    today = air[-1]
    if today is None:
        return None
    grain = GRAINS.get(crop)
    levels = [
        None if day is None else (equilibrium_ppm(grain, *day) if grain else day[0])
        for day in air[-TREND_DAYS:]
    ]
    safe = grain.safe_ppm if grain else _AIR_RAISE_PPM
    clear = safe - MARGIN_PPM if grain else _AIR_CLEAR_PPM
    now = levels[-1] or 0
    rise = trend_ppm(levels)
    then = now if rise is None else now + max(rise, 0) * AHEAD_DAYS
    shown = equilibrium_ppm(grain or GRAINS["maize"], *today)
    params = {
        "name": name,
        "moisture": _percent(max(shown, then if grain else shown)),
        "safe": _percent(grain.safe_ppm if grain else GRAINS["maize"].safe_ppm),
    }
    if now >= safe or (then >= safe and now >= safe - TREND_MARGIN_PPM):
        return Judgement(Level.RAISE, params, evidence)
    return Judgement(Level.CLEAR if now < clear else Level.HOLD, params, evidence)


def _percent(ppm: int) -> str:
    tenths = divide_half_even(ppm, 1000)
    return f"{tenths // 10}.{tenths % 10}"
