"""Which documents were made, and which of them the centre has taken.

A document is written to the store before it is sent, so a run that is cut off
sends the rest next time. A newer document on the same plot replaces one that is
still waiting: the centre needs the present, and limits move only on fresh evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from satellite.statistics.plots import Problem
from satellite.statistics.store import Store

DETAIL_CHARS_MAX = 500


class Status(Enum):
    """Where a document stands."""

    KEPT = "kept"  # no address to deliver to was given
    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Document:
    """A document as made: id, plot, key that signed it (empty if none), date, bytes."""

    evidence_id: str
    plot_id: str
    key_id: str
    as_of: str
    data: bytes


class Outbox:
    """The documents of one store."""

    def __init__(self, store: Store) -> None:
        self._db = store.connection

    def latest(self) -> dict[str, tuple[str, str]]:
        """The id and the key of each plot's newest document."""
        rows = self._db.execute(
            "SELECT plot_id, evidence_id, key_id FROM document"
            " WHERE sequence IN (SELECT max(sequence) FROM document GROUP BY plot_id)"
        )
        return {plot_id: (evidence_id, key_id) for plot_id, evidence_id, key_id in rows}

    def add(self, documents: list[Document], *, deliver: bool) -> None:
        """Keep new documents, all or none."""
        status = Status.PENDING if deliver else Status.KEPT
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for document in documents:
                self._db.execute(
                    "UPDATE document SET status = ? WHERE plot_id = ? AND status IN (?, ?)",
                    (
                        Status.REPLACED.value,
                        document.plot_id,
                        Status.PENDING.value,
                        Status.KEPT.value,
                    ),
                )
                self._db.execute(
                    "DELETE FROM document WHERE evidence_id = ?", (document.evidence_id,)
                )
                self._db.execute(
                    "INSERT INTO document"
                    " (plot_id, evidence_id, key_id, as_of, bytes, status, detail)"
                    " VALUES (?, ?, ?, ?, ?, ?, '')",
                    (
                        document.plot_id,
                        document.evidence_id,
                        document.key_id,
                        document.as_of,
                        document.data,
                        status.value,
                    ),
                )

    def release_kept(self) -> None:
        """Put signed documents that were made without an address into the queue."""
        with self._db:
            self._db.execute(
                "UPDATE document SET status = ? WHERE status = ? AND key_id <> ''",
                (Status.PENDING.value, Status.KEPT.value),
            )

    def pending(self, documents_max: int) -> list[Document]:
        """What waits to be sent, oldest first, at most so many."""
        rows = self._db.execute(
            "SELECT evidence_id, plot_id, key_id, as_of, bytes FROM document WHERE status = ?"
            " ORDER BY sequence LIMIT ?",
            (Status.PENDING.value, documents_max),
        )
        return [Document(*row) for row in rows]

    def mark(self, marks: list[tuple[str, Status, str]]) -> None:
        """Record what became of documents: (id, status, detail) each.

        The bytes of what was delivered are let go; the file in the output folder stays.
        """
        rows = [
            (status.value, detail[:DETAIL_CHARS_MAX], status is Status.DELIVERED, evidence_id)
            for evidence_id, status, detail in marks
        ]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "UPDATE document SET status = ?, detail = ?,"
                " bytes = CASE WHEN ? THEN x'' ELSE bytes END WHERE evidence_id = ?",
                rows,
            )

    def refused(self) -> list[Problem]:
        """What the centre refused, with its words."""
        rows = self._db.execute(
            "SELECT plot_id, evidence_id, detail FROM document WHERE status = ? ORDER BY sequence",
            (Status.REFUSED.value,),
        )
        return [Problem(plot_id, evidence_id, detail) for plot_id, evidence_id, detail in rows]

    def count(self, status: Status) -> int:
        """How many documents stand so."""
        (found,) = self._db.execute(
            "SELECT count(*) FROM document WHERE status = ?", (status.value,)
        ).fetchone()
        return int(found)
