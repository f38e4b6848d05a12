"""What the doctor finds: one finding a thing, with what was expected and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from core.errors import HarvestlineError


class Verdict(Enum):
    """How grave it is, least first."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``do`` is empty if nothing needs doing."""

    name: str
    verdict: Verdict
    expected: str
    found: str
    do: str = ""


def good(name: str, expected: str, found: str) -> Finding:
    """All is well."""
    return Finding(name, Verdict.GOOD, expected, found)


def judged(
    name: str, expected: str, found: str, faults: Iterable[tuple[bool, Verdict, str]]
) -> Finding:
    """The first fault that holds decides; none is good.

    Parameters
    ----------
    faults
        Whether it holds, how grave it is, what to do; the gravest first.
    """
    for holds, verdict, to_do in faults:
        if holds:
            return Finding(name, verdict, expected, found, to_do)
    return good(name, expected, found)


def looked_at(name: str, look: Callable[[], Finding]) -> Finding:
    """A finding, also if looking failed by one of our own errors."""
    try:
        return look()
    except HarvestlineError as error:
        return Finding(
            name, Verdict.BAD, "that it can be looked at", f"{error.code}: {error}",
            f"see docs/errors.md, {error.code}",
        )  # fmt: skip
    except OSError as error:
        return Finding(
            name, Verdict.BAD, "that it can be looked at", f"{type(error).__name__}: {error}",
            "run the doctor as the station's user, and look at the disk",
        )  # fmt: skip
