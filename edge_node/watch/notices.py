"""Notices: what kinds there are, in which words, and when one begins and ends.

A rule looks at one thing on one closed day and judges: it is as it should be, it is not,
or it cannot be seen. A notice begins after so many bad days in a row and ends after so
many good ones, by two different bounds, so that it does not flap. The English sentence
is the message id of the catalogues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

EVIDENCE_ROWS_MAX = 40


class NoticeKind(Enum):
    """Every kind of notice; the values are in databases and never change."""

    DRY_SOIL = "dry_soil"
    FEVER_LIKE = "fever_like"
    DAMP_GRAIN = "damp_grain"
    PROBE_DISAGREES = "probe_disagrees"
    TAG_ON_TWO_FARMS = "tag_on_two_farms"
    ENGINE_STANDS = "engine_stands"
    COUNTER_REPEATED = "counter_repeated"
    READINGS_REPEATED = "readings_repeated"


FOR_FARMERS = frozenset({NoticeKind.DRY_SOIL, NoticeKind.FEVER_LIKE, NoticeKind.DAMP_GRAIN})


class Level(Enum):
    """How a thing is on a day."""

    CLEAR = "clear"
    HOLD = "hold"  # between the bounds: what is open stays, what is closed stays closed
    RAISE = "raise"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A rule's word on one thing on one day.

    ``params`` are what the sentence names; ``evidence`` are rows that somebody can look
    up: what was measured, when, by which device, with which hash.
    """

    level: Level
    params: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patience:
    """How many days in a row begin and end a notice, and how long silence keeps it [days]."""

    raise_days: int
    clear_days: int
    silent_days_max: int


PATIENCE: Mapping[NoticeKind, Patience] = {
    NoticeKind.DRY_SOIL: Patience(2, 4, 7),
    NoticeKind.FEVER_LIKE: Patience(2, 2, 5),
    NoticeKind.DAMP_GRAIN: Patience(2, 3, 10),
    NoticeKind.PROBE_DISAGREES: Patience(3, 5, 20),
    NoticeKind.TAG_ON_TWO_FARMS: Patience(1, 7, 14),
    NoticeKind.ENGINE_STANDS: Patience(1, 7, 20),
    NoticeKind.COUNTER_REPEATED: Patience(1, 7, 14),
    NoticeKind.READINGS_REPEATED: Patience(1, 7, 14),
}

SENTENCES: Mapping[NoticeKind, str] = {
    NoticeKind.DRY_SOIL: (
        "{name}: the soil is drying. Without rain the crop suffers in about {days} days."
    ),
    NoticeKind.FEVER_LIKE: (
        "{name}: an animal walks much less than usual, {percent}% of its steps. It may be ill."
    ),
    NoticeKind.DAMP_GRAIN: (
        "{name}: the air in the store is too damp. The grain goes to {moisture}% water; "
        "{safe}% keeps."
    ),
    NoticeKind.PROBE_DISAGREES: (
        "{name}: the probe {device} does not follow the rain and its neighbours."
    ),
    NoticeKind.TAG_ON_TWO_FARMS: (
        "{name}: tag {tag} was read on two farms within {minutes} minutes."
    ),
    NoticeKind.ENGINE_STANDS: (
        "{name}: the engine ran {hours} hours in {days} days and worked no land."
    ),
    NoticeKind.COUNTER_REPEATED: "{name}: two devices seem to speak as {device}.",
    NoticeKind.READINGS_REPEATED: "{name}: {device} said again what {other} had said on {day}.",
}

# What to do (for a farmer), what to look at (for an officer).
ADVICE: Mapping[NoticeKind, str] = {
    NoticeKind.DRY_SOIL: (
        "If you can, water the plot in the evening. Pull weeds and cover the soil with straw. "
        "Wait with fertiliser until rain comes."
    ),
    NoticeKind.FEVER_LIKE: (
        "Look at the animals today: does one not eat, feel hot, limp or stand apart? Give it "
        "shade and water, keep it away from the others, and call the animal health worker."
    ),
    NoticeKind.DAMP_GRAIN: (
        "On a dry day open the store and spread the grain in the sun. Look for leaks in the roof. "
        "Do not eat or sell grain that smells of mould."
    ),
    NoticeKind.PROBE_DISAGREES: (
        "Visit the plot: is the probe in the ground where it is registered? Is the plot watered? "
        "Compare with a spade."
    ),
    NoticeKind.TAG_ON_TWO_FARMS: (
        "Count both herds on the same day. A shared gate, dip or market explains it too."
    ),
    NoticeKind.ENGINE_STANDS: (
        "Look at the machine and its hour meter. A pump or thresher that it drives explains it."
    ),
    NoticeKind.COUNTER_REPEATED: (
        "Look at the device's number and seal. Hold it (devices quarantine), enrol it anew, and "
        "look for a second one."
    ),
    NoticeKind.READINGS_REPEATED: (
        "Look at the device and read it on the spot. Hold it (devices quarantine) if it goes on."
    ),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it is kept; days are civil days of the site, ``ended_on`` empty while open."""

    notice_id: int
    kind: NoticeKind
    about: str
    began_on: str
    seen_on: str
    ended_on: str
    params: Mapping[str, str]
    evidence: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether it still holds."""
        return not self.ended_on

    def sentence(self) -> str:
        """What was noticed, in English."""
        return SENTENCES[self.kind].format(**self.params)

    def advice(self) -> str:
        """What to do about it, in English."""
        return ADVICE[self.kind]


class Turn(Enum):
    """What a day does to a notice."""

    NONE = "none"
    BEGINS = "begins"
    GOES_ON = "goes_on"
    ENDS = "ends"


def turn(kind: NoticeKind, levels: Sequence[Level | None], *, is_open: bool) -> Turn:
    """What the newest day does to a notice of a kind about one thing.

    Parameters
    ----------
    kind
        The kind.
    levels
        How it was on the last days, newest last; None for a day that was not seen. As
        many as :func:`days_needed` suffice.
    is_open
        Whether one is open now.
    """
    patience = PATIENCE[kind]
    if not is_open:
        begins = _all(levels[-patience.raise_days :], Level.RAISE, patience.raise_days)
        return Turn.BEGINS if begins else Turn.NONE
    silent = levels[-patience.silent_days_max :]
    if _all(silent, None, patience.silent_days_max):
        return Turn.ENDS
    over = _all(levels[-patience.clear_days :], Level.CLEAR, patience.clear_days)
    return Turn.ENDS if over else Turn.GOES_ON


def days_needed(kind: NoticeKind) -> int:
    """How many days :func:`turn` looks at [days]."""
    patience = PATIENCE[kind]
    return max(patience.raise_days, patience.clear_days, patience.silent_days_max)


def _all(levels: Sequence[Level | None], wanted: Level | None, count: int) -> bool:
    return len(levels) >= count and all(level is wanted for level in levels)
