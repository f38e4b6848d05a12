"""Who may act for a farmer at the kiosk, and how people were known there.

Up, in the station's ``money`` log: helper, kiosk_event. A helper has pictures of their own;
what they may do is bounded, and each draw that they make names them. Pictures themselves
never leave the station. Statements K4–K6 of docs/wire.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from core.errors import ShapeError
from core.units import require_date

HELPERS_MAX = 3  # of one farmer at a time
HELPER_DAYS_MAX = 180  # after which a helper is named anew
NAME_CHARACTERS_MAX = 60


class Relation(Enum):
    """Who a helper is to the farmer."""

    CHILD = "child"
    SPOUSE = "spouse"
    RELATIVE = "relative"
    NEIGHBOUR = "neighbour"
    OTHER = "other"


class HelperAct(Enum):
    """Named, or not any more."""

    GRANT = "grant"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Helper:
    """A farmer lets someone act for them, or ends it.

    ``draw_day_minor`` is how much the helper may draw on a day at this station [minor
    units]; 0 lets them look and ask for a person, no more.
    """

    helper_id: str
    farmer_id: str
    act: HelperAct
    name: str
    relation: Relation
    draw_day_minor: int
    currency: str
    until_on: str

    def __post_init__(self) -> None:
        require_date(self.until_on, "until_on")
        if not 0 < len(self.name.strip()) <= NAME_CHARACTERS_MAX:
            raise ShapeError(
                f"expected a helper's name of 1 to {NAME_CHARACTERS_MAX} characters, "
                f"got {len(self.name)}"
            )
        if self.draw_day_minor < 0:
            raise ShapeError(f"expected no negative amount a day, got {self.draw_day_minor}")


class KioskAct(Enum):
    """What happened at the kiosk that a lender must be able to look up."""

    CODE_CHOSEN = "code_chosen"
    CODE_RESET = "code_reset"  # an agent was there; the farmer chose anew
    CODE_LOCKED = "code_locked"  # too many wrong pictures: only with an agent
    AGENT_KNEW = "agent_knew"  # an agent said who the farmer is


@dataclass(frozen=True, slots=True)
class KioskEvent:
    """One such event; ``agent_id`` is who said so, ``helper_id`` whose pictures they are."""

    event_id: str
    farmer_id: str
    act: KioskAct
    agent_id: str | None = None
    helper_id: str | None = None
