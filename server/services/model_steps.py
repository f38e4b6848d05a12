"""The life of a model as one open table: who may take it from where to where, and why.

A model is registered, is tried in the shade of the one in use, is proposed by one person
and approved by another, goes to some stations and then to all, and retires. Two persons,
and that nothing unapproved comes into force, are kept by the database as well
(migration 0023); which steps there are stands here and nowhere else. ``docs/model-life.md``
shows the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from core.errors import HarvestlineError
from core.lending.steps import Life


class ModelLifeError(HarvestlineError):
    """A model's life does not permit this step."""

    code = "HL-SRV-026"


class Stand(Enum):
    """Where a model stands."""

    CANDIDATE = "candidate"
    CHALLENGER = "challenger"  # scores every card that comes, and decides nothing
    PROPOSED = "proposed"  # one person wants it out; another is to look
    APPROVED = "approved"
    ROLLING = "rolling"  # some stations decide by it
    HALTED = "halted"  # those go on, no further ones
    CHAMPION = "champion"
    RETIRED = "retired"


class Event(Enum):
    """What takes a model from one stand to the next."""

    REGISTERED = "registered"
    CHALLENGED = "challenged"
    PROPOSED = "proposed"
    REFUSED = "refused"
    APPROVED = "approved"
    STAGED = "staged"
    HALTED = "halted"
    RESUMED = "resumed"
    PROMOTED = "promoted"
    REPLACED = "replaced"
    ROLLED_BACK = "rolled_back"
    RESTORED = "restored"
    WITHDRAWN = "withdrawn"


class Party(Enum):
    """Who brings a step about."""

    OPERATOR = "operator"  # who runs the machine: may bring a model, may not send it out
    LENDER = "lender"
    SUPERVISOR = "supervisor"
    RULE = "rule"  # the centre, by a rule that is open


class Why(Enum):
    """Why, as a code; what a person adds in words stands beside it."""

    NEW_MODEL = "new_model"
    TO_COMPARE = "to_compare"
    COMPARED = "compared"
    NOT_CONVINCING = "not_convincing"
    REVIEWED = "reviewed"
    GROWING = "growing"
    DRIFT = "drift"
    REFUSALS = "refusals"
    OFFICER = "officer"  # a person, for what stands in words
    LOOKED_INTO = "looked_into"
    ALL_STATIONS = "all_stations"
    NEWER_MODEL = "newer_model"
    CHAMPION_BEFORE = "champion_before"


@dataclass(frozen=True, slots=True)
class ModelStep:
    """One permitted step."""

    state: Stand | None
    event: Event
    after: Stand
    parties: tuple[Party, ...]
    reasons: tuple[Why, ...]


_BRINGS = (Party.OPERATOR, Party.LENDER, Party.SUPERVISOR)
_OFFICERS = (Party.LENDER, Party.SUPERVISOR)
_SUPERVISOR = (Party.SUPERVISOR,)
_RULE = (Party.RULE,)
_ALARMS = (Why.DRIFT, Why.REFUSALS, Why.OFFICER)

STEPS: tuple[ModelStep, ...] = (
    ModelStep(None, Event.REGISTERED, Stand.CANDIDATE, _BRINGS, (Why.NEW_MODEL,)),
    ModelStep(
        Stand.CANDIDATE, Event.CHALLENGED, Stand.CHALLENGER, _OFFICERS, (Why.TO_COMPARE,)
    ),
    ModelStep(Stand.CHALLENGER, Event.PROPOSED, Stand.PROPOSED, _OFFICERS, (Why.COMPARED,)),
    ModelStep(
        Stand.PROPOSED, Event.REFUSED, Stand.CHALLENGER, _SUPERVISOR, (Why.NOT_CONVINCING,)
    ),
    ModelStep(Stand.PROPOSED, Event.APPROVED, Stand.APPROVED, _SUPERVISOR, (Why.REVIEWED,)),
    ModelStep(Stand.APPROVED, Event.STAGED, Stand.ROLLING, _SUPERVISOR, (Why.GROWING,)),
    ModelStep(Stand.ROLLING, Event.STAGED, Stand.ROLLING, _SUPERVISOR, (Why.GROWING,)),
    ModelStep(
        Stand.ROLLING, Event.HALTED, Stand.HALTED, (Party.SUPERVISOR, Party.RULE), _ALARMS
    ),
    ModelStep(Stand.HALTED, Event.RESUMED, Stand.ROLLING, _SUPERVISOR, (Why.LOOKED_INTO,)),
    ModelStep(Stand.APPROVED, Event.PROMOTED, Stand.CHAMPION, _SUPERVISOR, (Why.ALL_STATIONS,)),
    ModelStep(Stand.ROLLING, Event.PROMOTED, Stand.CHAMPION, _SUPERVISOR, (Why.ALL_STATIONS,)),
    ModelStep(Stand.CHAMPION, Event.REPLACED, Stand.RETIRED, _RULE, (Why.NEWER_MODEL,)),
    ModelStep(Stand.CHAMPION, Event.ROLLED_BACK, Stand.RETIRED, _SUPERVISOR, _ALARMS),
    ModelStep(Stand.ROLLING, Event.ROLLED_BACK, Stand.RETIRED, _SUPERVISOR, _ALARMS),
    ModelStep(Stand.HALTED, Event.ROLLED_BACK, Stand.RETIRED, _SUPERVISOR, _ALARMS),
    ModelStep(Stand.RETIRED, Event.RESTORED, Stand.CHAMPION, _RULE, (Why.CHAMPION_BEFORE,)),
    *(
        ModelStep(stand, Event.WITHDRAWN, Stand.RETIRED, _OFFICERS, (Why.OFFICER,))
        for stand in (Stand.CANDIDATE, Stand.CHALLENGER, Stand.PROPOSED, Stand.APPROVED)
    ),
)  # fmt: skip

LIFE = Life("a model", STEPS, ModelLifeError)

# What stations may be given; before, nobody but the centre reads a model.
RELEASED = (Stand.APPROVED, Stand.ROLLING, Stand.HALTED, Stand.CHAMPION)
OUT_THERE = (Stand.ROLLING, Stand.HALTED)


def party_of(role: str) -> Party:
    """In whose place somebody with a role acts.

    Raises
    ------
    ModelLifeError
        If models are none of the role's affairs.
    """
    try:
        return Party(role)
    except ValueError:
        raise ModelLifeError(f"expected a lender or a supervisor, got the role {role!r}") from None
