"""What an agent says is otherwise than registered, and by which rule it comes to count.

Each field has a policy. Nothing that an agent wrote is lost by it: every version is kept.
A field that no agent may write is not among them: money, leases, consents, cards, homes and
seasons are the centre's alone. The table stands in docs/tablet.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from core.errors import ShapeError
from core.units import require_date
from core.wire.fieldwork import NOTE_CHARACTERS_MAX, require_id

VALUE_CHARACTERS_MAX = 80
HOUSEHOLD_MAX, HEADS_MAX = 60, 100_000
BOUNDARY = "subject.boundary"  # by a walk alone
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_COUNT = re.compile(r"[1-9][0-9]{0,5}")


class FieldPolicy(Enum):
    """By which rule one of several versions of a field counts."""

    LATEST = "latest"  # the one that its station took last
    PERSON = "person"  # the one that a person at the centre chose; the registered one until then


POLICIES: Mapping[str, FieldPolicy] = {
    "farmer.language": FieldPolicy.LATEST,
    "farmer.name": FieldPolicy.PERSON,
    "farmer.household_size": FieldPolicy.PERSON,
    "subject.name": FieldPolicy.LATEST,
    "subject.crop": FieldPolicy.PERSON,
    "subject.sown_on": FieldPolicy.PERSON,
    "subject.heads": FieldPolicy.PERSON,
    BOUNDARY: FieldPolicy.PERSON,
}


@dataclass(frozen=True, slots=True)
class FieldCorrection:
    """An agent's version of one field; ``was`` is what the agent saw registered."""

    correction_id: str
    farmer_id: str
    subject_id: str
    field: str
    was: str
    value: str
    noted_on: str
    note: str = ""

    def __post_init__(self) -> None:
        require_id(self.correction_id, "correction_id")
        require_date(self.noted_on, "noted_on")
        if len(self.note) > NOTE_CHARACTERS_MAX:
            raise ShapeError(f"expected a note of at most {NOTE_CHARACTERS_MAX} characters")
        if self.field == BOUNDARY or self.field not in POLICIES:
            known = ", ".join(name for name in POLICIES if name != BOUNDARY)
            raise ShapeError(
                f"expected a field that an agent may correct ({known}), got {self.field[:40]!r}: "
                "the lender alone writes others"
            )
        if self.field.startswith("subject.") != bool(self.subject_id):
            raise ShapeError(f"expected {self.field} to name what it is of")
        require_value(self.field, self.value)


def require_value(field: str, value: str) -> str:
    """The same value, if the field can hold it.

    Raises
    ------
    ShapeError
        If it cannot.
    """
    fit = 0 < len(value.strip()) == len(value) <= VALUE_CHARACTERS_MAX and value.isprintable()
    if field == "subject.sown_on":
        require_date(value, field)
    elif field == "farmer.language":
        fit = _LANGUAGE.fullmatch(value) is not None
    elif field in ("farmer.household_size", "subject.heads"):
        most = HOUSEHOLD_MAX if field == "farmer.household_size" else HEADS_MAX
        fit = _COUNT.fullmatch(value) is not None and int(value) <= most
    if not fit:
        raise ShapeError(f"expected a value that {field} can hold, got {value[:40]!r}")
    return value
