"""Visits of the console: who logged in when, and which visits were ended."""

from __future__ import annotations

from dataclasses import dataclass

from core.shape import encode
from server.store.desk_tables import console_visits
from server.store.engine import NotKnownError, Tx
from server.store.rows import read_as


@dataclass(frozen=True, slots=True)
class Visit:
    """One log-in and what follows it, by the hash of its secret; ``browser`` is its own word."""

    visit_sha256: str
    username: str
    browser: str
    began_at_ms: int
    ended_at_ms: int | None = None
    ended_by: str = ""


def begin(tx: Tx, visit: Visit) -> None:
    """Keep a visit that has just begun."""
    tx.insert(console_visits, **{**encode(visit), "ended_at_ms": None})


def is_open(tx: Tx, visit_sha256: str) -> bool:
    """Whether a visit was begun here and goes on."""
    row = tx.find_row(console_visits, visit_sha256=visit_sha256)
    return row is not None and row["ended_at_ms"] is None


def of_user(tx: Tx, username: str, since_ms: int) -> tuple[Visit, ...]:
    """A user's visits that go on and began after an instant, the newest first."""
    rows = tx.find_rows(console_visits, "-began_at_ms", username=username)
    found = (read_as(Visit, row) for row in rows)
    return tuple(one for one in found if one.ended_at_ms is None and one.began_at_ms > since_ms)


def end(tx: Tx, visit_sha256: str, when: tuple[int, str]) -> str:
    """End a visit at an instant, by somebody; whose it was.

    Raises
    ------
    NotKnownError
        If no such visit goes on.
    """
    row = tx.find_row(console_visits, visit_sha256=visit_sha256)
    if row is None or row["ended_at_ms"] is not None:
        raise NotKnownError(f"expected a visit that goes on, got {visit_sha256[:12]!r}")
    key = {"visit_sha256": visit_sha256}
    tx.change_row(console_visits, key, {"ended_at_ms": when[0], "ended_by": when[1]})
    return str(row["username"])


def end_all(tx: Tx, username: str, when: tuple[int, str], but: str = "") -> int:
    """End every visit of a user, perhaps but one; how many went on."""
    c = console_visits.c
    where = (
        c.tenant_id == tx.tenant_id,
        c.username == username,
        c.ended_at_ms.is_(None),
        c.visit_sha256 != but,
    )
    values = {"ended_at_ms": when[0], "ended_by": when[1]}
    return tx.run(console_visits.update().where(*where).values(**values))
