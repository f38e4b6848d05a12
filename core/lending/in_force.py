"""Which plan of a line is in force as days pass, and what it asks by a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from core.lending.schedule import Due
from core.lending.terms import RepaymentTerms
from core.lending.workdays import rolled


class PlanInForce:
    """The dues of a line's plans, one plan after the other; lives within one replay.

    ``is_known`` is whether a plan was given at all: one may ask for nothing.
    ``principal_minor`` says which principal is late enough to bear a penalty from a day on.
    """

    __slots__ = (
        "_due_on", "_ends_on", "_grace", "_lasts", "_made_on", "dues", "is_known",
        "principal_minor",
    )  # fmt: skip

    def __init__(self, terms: RepaymentTerms, dues: Sequence[Due] | None) -> None:
        self.is_known, self.dues = dues is not None, sorted(dues or (), key=lambda due: due.on)
        self._grace = timedelta(days=terms.arrears.grace_days)
        before = [date.fromisoformat(each.before.due_on) for each in terms.restructured]
        lasts = [*before, terms.due_on]  # relief moved those already that it put off
        self._lasts = iter([(each, rolled(each, terms.calendar)) for each in lasts])
        self.begin_next(date.min)

    def begin_next(self, day: date) -> None:
        """Let the next plan be in force, made at the end of a day; older dues count no more."""
        self._made_on, (self._due_on, self._ends_on) = day, next(self._lasts)
        self.principal_minor: dict[date, int] = {}
        for due in self.dues:
            if due.on > day:
                late_on = due.on + self._grace
                sofar = self.principal_minor.get(late_on, 0)
                self.principal_minor[late_on] = sofar + due.principal_minor

    def unpaid(self, day: date, settled_minor: int) -> tuple[int, date | None]:
        """How much that it asked by a day is more than was settled, and since when it is."""
        asked, oldest = 0, None
        for due in self.dues:
            if due.on > day:
                break
            if due.on > self._made_on:
                asked += due.total_minor
                if oldest is None and asked > settled_minor:
                    oldest = due.on
        return max(0, asked - settled_minor), oldest

    def penalised(self, overdue_minor: int, day: date, settled_minor: int) -> int:
        """How much of the principal that is overdue bears a penalty on a day [minor units].

        Never more than is unpaid of the dues whose grace has ended: who pays what was asked is
        not late, though more of it was interest than the plan foresaw. After the last of them
        nothing else is going to ask for the principal, so all of it does.
        """
        graced = day - self._grace
        if graced >= self._ends_on:
            return overdue_minor
        return min(overdue_minor, self.unpaid(graced, settled_minor)[0])

    def over_since(self, day: date) -> date | None:
        """Its last day, if that has passed: then all that is owed is late."""
        is_over = self.dues and day > max(self._due_on, self._ends_on)
        return self._ends_on if is_over else None
