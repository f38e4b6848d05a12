"""The verifier's short answer: every promise with how much was looked at, and all faults.

The looking is the audit's (:mod:`server.services.audit`); this names each fault by the
statement that broke and the record at which it broke.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.services.audit.run import audit
from server.services.centre import Centre


@dataclass(frozen=True, slots=True)
class Fault:
    """A statement that does not hold, and where."""

    statement: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was looked at, by statement, and what was wrong."""

    checked: dict[str, int]
    faults: tuple[Fault, ...]


def verify(centre: Centre) -> Verified:
    """Check everything that the centre promises of its books."""
    found = audit(centre)
    return Verified(
        {each.about: each.looked_count for each in found.checks},
        tuple(
            Fault(
                checked.about,
                f"{one.table} {one.record_id}",
                f"expected {one.expected}, found {one.found}",
            )
            for checked in found.checks
            for one in checked.findings
        ),
    )
