"""A farmer asks for a person, complains, or appeals a decision; and what is answered.

Up, in the station's ``money`` log: appeal. Down, in the centre's log for a station:
appeal_answer. The day by which it is answered is told when it is asked, by the product's
terms or these; the centre answers by that day or an earlier one, never a later. Statements
K1–K3 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from core.errors import ShapeError
from core.units import require_date

WORDS_CHARACTERS_MAX = 600  # of an answer: what a person can read out
ID_CHARACTERS_MAX = 100


class AppealKind(Enum):
    """What the farmer asks for."""

    PERSON = "person"  # to talk with someone
    COMPLAINT = "complaint"
    APPEAL = "appeal"  # that a person looks at a decision


class AppealTopic(Enum):
    """What it is about."""

    DECISION = "decision"
    LIMIT = "limit"
    PRICE = "price"
    MONEY = "money"
    PEOPLE = "people"
    DATA = "data"
    OTHER = "other"


# Civil days until the answer, where the product says nothing.
ANSWER_DAYS: Mapping[AppealKind, int] = {
    AppealKind.PERSON: 3,
    AppealKind.COMPLAINT: 15,
    AppealKind.APPEAL: 10,
}


@dataclass(frozen=True, slots=True)
class Appeal:
    """What a farmer asked on a civil day, and by which day it is answered.

    ``about`` is the card, line or draw that it is about; empty if it is about none.
    ``helped_by`` names the helper or agent who was with the farmer, if one was named.
    """

    appeal_id: str
    farmer_id: str
    kind: AppealKind
    topic: AppealTopic
    about: str
    language: str
    opened_on: str
    answer_by: str
    helped: bool
    product_id: str | None = None
    helped_by: str | None = None

    def __post_init__(self) -> None:
        require_date(self.opened_on, "opened_on")
        require_date(self.answer_by, "answer_by")
        longest = max(len(self.appeal_id), len(self.about))
        if not self.appeal_id or longest > ID_CHARACTERS_MAX:
            raise ShapeError(f"expected ids of 1 to {ID_CHARACTERS_MAX} characters, got {longest}")


class AppealOutcome(Enum):
    """How a person answered."""

    EXPLAINED = "explained"
    STANDS = "stands"  # the decision stays
    CHANGED = "changed"  # it is put right


@dataclass(frozen=True, slots=True)
class AppealAnswer:
    """A person's answer, in words that can be read out in the farmer's language."""

    appeal_id: str
    farmer_id: str
    outcome: AppealOutcome
    answered_on: str
    answered_by: str
    words: str

    def __post_init__(self) -> None:
        require_date(self.answered_on, "answered_on")
        if not 0 < len(self.words.strip()) <= WORDS_CHARACTERS_MAX:
            raise ShapeError(
                f"expected an answer of 1 to {WORDS_CHARACTERS_MAX} characters, "
                f"got {len(self.words)}"
            )


def answer_by(kind: AppealKind, opened_on: date, product_days: int | None = None) -> date:
    """The last day for an answer: by the product's terms, else by the rule of the kind."""
    days = ANSWER_DAYS[kind] if product_days is None else product_days
    return opened_on + min(timedelta(days=days), date.max - opened_on)
