"""What one transaction has read, and what it will write in bulk.

A review asks some forty questions of the store, and a scene brings ten thousand
reviews. A transaction that remembers answers a question again without the database,
and keeps new rows back until many can be written at once. It changes no answer:

- what is kept back is written before the database is asked or changed in any other
  way, so a question always sees it;
- a write that does not say what a row has become makes its whole table forgotten.

Whatever is remembered must be held (a line that is locked) or never change (evidence,
movements), as it would be when read twice in one transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any

from sqlalchemy import Table

Row = dict[str, Any]


class Memory:
    """Answers by table and key; new rows and changes that wait, by table."""

    def __init__(self, write_out: Callable[[Any], None] | None = None) -> None:
        self.write_out = write_out  # of what was kept back, other than row by row
        self._answers: defaultdict[Table, dict[Hashable, Any]] = defaultdict(dict)
        self._rows: dict[Table, list[Row]] = {}
        self._changes: dict[Table, dict[tuple[tuple[str, Any], ...], Row]] = {}

    def answers(self, table: Table) -> dict[Hashable, Any]:
        """What is remembered of a table, by key."""
        return self._answers[table]

    def forget(self, table: Table) -> None:
        """Know nothing of a table any more."""
        self._answers.pop(table, None)

    def clear(self) -> None:
        """Know nothing of any table, and drop what waits: it was undone."""
        self._answers.clear()
        self._rows, self._changes = {}, {}

    def keep(self, table: Table, row: Row) -> None:
        """Keep a new row back."""
        self._rows.setdefault(table, []).append(row)

    def keep_change(self, table: Table, key: Row, values: Row) -> None:
        """Keep a row's new values back; the last word on a row counts."""
        self._changes.setdefault(table, {}).setdefault(tuple(key.items()), {}).update(values)

    @property
    def waits(self) -> bool:
        """Whether anything was kept back."""
        return bool(self._rows or self._changes)

    def take(self) -> tuple[dict[Table, list[Row]], dict[Table, list[tuple[Row, Row]]]]:
        """What was kept back: new rows, and changes as key and values; nothing waits then."""
        rows, self._rows = self._rows, {}
        changes = {
            table: [(dict(key), values) for key, values in kept.items()]
            for table, kept in self._changes.items()
        }
        self._changes = {}
        return rows, changes
