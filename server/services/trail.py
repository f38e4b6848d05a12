"""The trail, searched by who did what to whom and when, and checked link by link.

A check goes on from where the last one ended; from the first line on it goes when somebody
asks for it. Whoever may see a part of the book is shown the lines about that part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.units import MS_PER_DAY, civil_date, day_start_ms
from server.services.centre import RequestError
from server.store import people
from server.store.engine import Tx
from server.store.people import AuditRow, Wanted

ROWS_A_PAGE = 50
TEXT_CHARACTERS_MAX = 120
CHECKED_AT_ONCE_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; an empty text looks for everything. Days are civil days in UTC."""

    actor: str = ""
    action: str = ""
    kind: str = ""
    subject: str = ""
    from_on: str = ""
    to_on: str = ""
    before: int = 0  # lines below this number; 0 from the newest on

    def wanted(self) -> Wanted:
        """The search as the store asks it.

        Raises
        ------
        RequestError
            If a day cannot be read.
        """
        from_ms = day_start_ms(_day(self.from_on)) if self.from_on else 0
        until_ms = day_start_ms(_day(self.to_on)) + MS_PER_DAY if self.to_on else None
        return Wanted(
            self.actor, self.action, self.kind, self.subject, from_ms, until_ms, self.before
        )

    def named(self) -> dict[str, str]:
        """What is looked for by name, as it stands in a file."""
        named = {"actor": self.actor, "act": self.action, "kind": self.kind,
                 "subject": self.subject, "from": self.from_on, "to": self.to_on}  # fmt: skip
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Checked:
    """How far the chain was followed: the last line that holds, and what is wrong after it."""

    seq: int
    hash: str
    fault: str = ""


BEGINNING = Checked(0, people.GENESIS)


def search(tx: Tx, asked: Search) -> tuple[AuditRow, ...]:
    """A page of what is looked for, the newest first."""
    return people.find_in_trail(tx, asked.wanted(), ROWS_A_PAGE)


def stream(tx: Tx, asked: Search) -> Iterator[AuditRow]:
    """All of it, one by one."""
    return people.stream_found(tx, asked.wanted())


def check(tx: Tx, since: Checked, rows_max: int = CHECKED_AT_ONCE_MAX) -> Checked:
    """Follow the chain from where it was followed to, at most so many lines."""
    seq, known = since.seq, since.hash
    for row in people.stream_links(tx, seq, rows_max):
        fault = _fault(row, seq, known)
        if fault:
            return Checked(seq, known, fault)
        seq, known = row["seq"], row["hash"]
    return Checked(seq, known)


def _fault(row: dict[str, Any], seq: int, known: str) -> str:
    if row["seq"] != seq + 1:
        return f"expected line {seq + 1}, got {row['seq']}: a line is gone"
    if row["previous"] != known:
        return f"line {row['seq']} does not follow line {seq}"
    facts = {name: row[name] for name in people.TRAIL_FACTS}
    if people.audit_hash(row["seq"], row["previous"], facts) != row["hash"]:
        return f"line {row['seq']} was changed"
    return ""


def _day(text: str) -> date:
    found = civil_date(text)
    if found is None:
        raise RequestError(f"expected a day as YYYY-MM-DD, got {text[:40]!r}")
    return found
