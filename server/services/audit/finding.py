"""What a check gives: one look a record, with a finding where something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.errors import HarvestlineError
from server.services.centre import Centre
from server.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Look:
    """One record that was looked at; ``expected`` is empty where all is well."""

    table: str
    record_id: str
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that does not hold, at which record, and what was expected there."""

    check: str
    table: str
    record_id: str
    expected: str
    found: str


Looks = Iterator[Look]
Check = Callable[[Centre, Tx], Looks]


def well(table: str, record_id: str) -> Look:
    """A record with which all is well."""
    return Look(table, record_id)


def first_fault(table: str, record_id: str, *faults: tuple[bool, str, str]) -> Look:
    """The first of some faults (whether, what was expected, what was found), or a good look."""
    for is_wrong, expected, found in faults:
        if is_wrong:
            return Look(table, record_id, expected, found)
    return Look(table, record_id)


def readable(table: str, check: Check) -> Check:
    """A check whose own failure to read is a finding, not the end of the others."""

    def guarded(centre: Centre, tx: Tx) -> Looks:
        last = "(the first)"
        try:
            for look in check(centre, tx):
                last = look.record_id
                yield look
        except (HarvestlineError, ValueError) as error:
            yield Look(table, f"after {last}", "a record that can be read", str(error))

    return guarded
