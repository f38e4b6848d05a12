"""A life as one open table: which events a state knows, who brings one about, and why.

Agreements and suppliers' orders live by such a table. What a step asks beyond that, its
condition, is judged by whose life it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Generic, Protocol, TypeVar

from core.errors import HarvestlineError


class Step(Protocol):
    """One permitted step of a life."""

    @property
    def state(self) -> Enum | None:
        """Where it begins; None before there is anything."""

    @property
    def event(self) -> Enum:
        """What brings it about."""

    @property
    def parties(self) -> Sequence[Enum]:
        """Who may."""

    @property
    def reasons(self) -> Sequence[Enum]:
        """Why, as codes."""


S = TypeVar("S", bound=Step)


class Life(Generic[S]):
    """A table of steps, and how what it does not permit is refused.

    Parameters
    ----------
    what
        What lives by it, with its article, as in "an order".
    error
        What is raised.
    """

    __slots__ = ("_by_step", "_error", "_steps", "_what")

    def __init__(self, what: str, steps: Sequence[S], error: type[HarvestlineError]) -> None:
        self._what, self._steps, self._error = what, steps, error
        self._by_step = {(each.state, each.event): each for each in steps}

    def find(self, state: Enum | None, event: Enum) -> S | None:
        """The step that an event is in a state, if the state knows it."""
        return self._by_step.get((state, event))

    def permitted(self, state: Enum | None) -> tuple[Enum, ...]:
        """The events that a state knows, in the table's order."""
        return tuple(each.event for each in self._steps if each.state is state)

    def step(self, state: Enum | None, event: Enum, party: Enum, reason: Enum) -> S:
        """The step that an event is, its condition not yet judged.

        Raises
        ------
        HarvestlineError
            The life's own error, if the state does not know the event, the party may not
            bring it about, or the reason is not one of the event's.
        """
        step = self.find(state, event)
        if step is None:
            events = _words(self.permitted(state)) or "nothing more"
            bare = self._what.split(" ", 1)[-1]
            where = f"{self._what} that is {state.value}" if state else f"no {bare} yet"
            raise self._error(f"{event.value}: {where} knows {events}")
        if party not in step.parties:
            raise self._error(
                f"{event.value}: expected it of {_words(step.parties)}, got {party.value}"
            )
        if reason not in step.reasons:
            raise self._error(
                f"{event.value}: expected a reason of {_words(step.reasons)}, got {reason.value}"
            )
        return step


def _words(found: Sequence[Enum]) -> str:
    return ", ".join(each.value for each in found)
