"""By what plots are coloured: each measure's classes, in words, in order, with their tones.

A class is told by an upper bound of the measure; the map's script gets the same bounds, so that
the legend, a plot and a hexagon cannot differ. Of many plots a measured value is told by its
median and a movement by the one that most of them had: a movement has no middle.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from core.units import PPM
from core.wire.evidence import Stage
from server.console.words import message

NONE = "none"  # as a filter: what has no such value
PPM_PER_PERCENT = PPM // 100
PPM_PER_MILLE = PPM // 1_000


@dataclass(frozen=True, slots=True)
class Tone:
    """A class of a measure; ``below`` is the first value that is past it, in the measure's unit."""

    name: str
    words: str
    below: int | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of plots, its classes from low to high, and what a hexagon tells of many."""

    name: str
    words: str
    about: str
    tones: tuple[Tone, ...]
    unknown: str
    is_median: bool = True


GREENNESS_TONES = (
    Tone("low3", message("25 % or more below normal"), -25),
    Tone("low2", message("12 to 25 % below"), -12),
    Tone("low1", message("4 to 12 % below"), -4),
    Tone("mid", message("as normal"), 4),
    Tone("high1", message("4 to 12 % above"), 12),
    Tone("high2", message("12 % or more above")),
)
RISK_TONES = (
    Tone("risk-0", message("under 5 %"), 50),
    Tone("risk-1", message("5 to 10 %"), 100),
    Tone("risk-2", message("10 to 20 %"), 200),
    Tone("risk-3", message("20 % or more")),
)
STAGE_WORDS = {
    "sowing": message("Sowing"),
    "emergence": message("Emergence"),
    "vegetative": message("Vegetative"),
    "heading": message("Heading"),
    "ripening": message("Ripening"),
    "harvested": message("Harvested"),
}
STAGE_TONES = tuple(
    Tone(f"stage-{stage.rank}", STAGE_WORDS[stage.value], stage.rank + 1) for stage in Stage
)
MOVEMENT_TONES = (
    Tone("raised", message("Raised"), 1),
    Tone("held", message("Held, or just opened"), 2),
    Tone("cut", message("Cut"), 3),
    Tone("frozen", message("Frozen"), 4),
)
MOVEMENT_TONE = {"raised": 0, "held": 1, "opened": 1, "cut": 2, "frozen": 3}
RISKS = (*(tone.name for tone in RISK_TONES), NONE)
MEASURES: Mapping[str, Measure] = {
    "greenness": Measure(
        "greenness",
        message("Greenness"),
        message("how green a plot is against what is normal for its crop, place and date"),
        GREENNESS_TONES,
        message("not known"),
    ),
    "movement": Measure(
        "movement",
        message("Last movement"),
        message("how the limit of the line that rests on a plot last moved"),
        MOVEMENT_TONES,
        message("no line rests on it"),
        is_median=False,
    ),
    "stage": Measure(
        "stage",
        message("Stage seen"),
        message("the stage of the crop that was last seen from space"),
        STAGE_TONES,
        message("not seen"),
    ),
    "risk": Measure(
        "risk",
        message("Risk"),
        message("the probability of default on the decision card of the line"),
        RISK_TONES,
        message("not scored"),
    ),
}


def risk_of(pd_ppm: int | None) -> str:
    """The band of a probability of default."""
    if pd_ppm is None:
        return NONE
    return RISK_TONES[tone_at(RISK_TONES, pd_ppm // PPM_PER_MILLE)].name


def tone_at(tones: tuple[Tone, ...], value: int) -> int:
    """The place of the class that a value lies in."""
    return bisect_right([tone.below for tone in tones if tone.below is not None], value)


def greenness_percent(anomaly_ppm: int | None) -> int | None:
    """An anomaly rounded down to whole percent, so that its class stays what it was."""
    return None if anomaly_ppm is None else anomaly_ppm // PPM_PER_PERCENT
