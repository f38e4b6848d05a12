"""What one transaction has read, and what it will write in bulk.

A review asks some forty questions of the store, and a scene brings ten thousand
reviews. A transaction that remembers answers a question again without the database,
and keeps new rows back until many can be written at once. It changes no answer:

- what is kept back is written before the database is asked or changed in any other
  way, so a question always sees it (one about a table for which nothing waits needs not wait);
- a write that does not say what a row has become makes its whole table forgotten.

Whatever is remembered must be held (a line that is locked) or never change (evidence,
movements), as it would be when read twice in one transaction.

A memory that *defers* also keeps back what single parts of the transaction wrote that may be
refused by themselves: what such a part has learned, and what it would write, is taken back
here, without the database (:meth:`begin`, :meth:`end`, :meth:`undo`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table

Row = dict[str, Any]
Key = tuple[tuple[str, Any], ...]
_ABSENT = object()


@dataclass(slots=True)
class Put:
    """A row under its key that waits; ``is_new`` if nothing stood under the key before."""

    row: Row
    is_new: bool


@dataclass(slots=True)
class Kept:
    """What waits to be written, by table: new rows, rows under their keys, changes."""

    rows: dict[Table, list[Row]] = field(default_factory=dict)
    puts: dict[Table, dict[Key, Put]] = field(default_factory=dict)
    changes: dict[Table, dict[Key, Row]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows or self.puts or self.changes)

    def put(self, table: Table, key: Key, found: Put) -> None:
        """Let a row stand under a key in place of what waits there; new stays new."""
        waiting = self.puts.setdefault(table, {}).get(key)
        is_new = found.is_new if waiting is None else waiting.is_new
        self.puts[table][key] = Put(found.row, is_new)

    def change(self, table: Table, key: Key, values: Row) -> None:
        """Let a row take values; the last word on each column counts."""
        self.changes.setdefault(table, {}).setdefault(key, {}).update(values)

    def add(self, later: Kept) -> None:
        """Let what was kept later wait here too."""
        for table, rows in later.rows.items():
            self.rows.setdefault(table, []).extend(rows)
        for table, puts in later.puts.items():
            for key, found in puts.items():
                self.put(table, key, found)
        for table, changes in later.changes.items():
            for key, values in changes.items():
                self.change(table, key, values)

    def holds(self, table: Table) -> bool:
        """Whether anything waits for a table."""
        return table in self.rows or table in self.puts or table in self.changes


class Memory:
    """Answers by table and key; new rows and changes that wait, by table."""

    def __init__(
        self, write_out: Callable[[Any], None] | None = None, *, defers: bool = False
    ) -> None:
        self.write_out = write_out  # of what was kept back, other than row by row
        self.defers = defers
        self.savepoint: Any = None  # of the part that is under way, once the database saw it
        self._answers: defaultdict[Table, dict[Hashable, Any]] = defaultdict(dict)
        self._kept = Kept()
        self._before: Kept | None = None  # what waited when the part that is under way began
        # Where the part under way wrote what it has learned, and what stood there before.
        self._journal: list[tuple[dict[Any, Any], Any, Any]] = []

    def answers(self, table: Table) -> Mapping[Hashable, Any]:
        """What is remembered of a table, by key."""
        return self._answers[table]

    def learn(self, table: Table, key: Hashable, answer: object) -> None:
        """Remember an answer."""
        answers = self._answers[table]
        if self._before is not None:
            self._journal.append((answers, key, answers.get(key, _ABSENT)))
        answers[key] = answer

    def learn_within(self, table: Table, key: Hashable, place: Hashable, answer: object) -> None:
        """Remember one place anew in a map that is remembered under a key."""
        found = self._answers[table].get(key)
        if isinstance(found, dict):
            if self._before is not None:
                self._journal.append((found, place, found.get(place, _ABSENT)))
            found[place] = answer

    def learn_all(self, table: Table, found: Mapping[Any, object]) -> None:
        """Remember many answers."""
        if self._before is None:
            self._answers[table].update(found)
        else:
            for key, answer in found.items():
                self.learn(table, key, answer)

    def forget(self, table: Table) -> None:
        """Know nothing of a table any more."""
        known = self._answers.pop(table, None)
        if known is not None and self._before is not None:
            self._journal.append((self._answers, table, known))

    def forget_one(self, table: Table, key: Hashable) -> None:
        """Know one answer no more."""
        answers = self._answers[table]
        found = answers.pop(key, _ABSENT)
        if found is not _ABSENT and self._before is not None:
            self._journal.append((answers, key, found))

    def clear(self) -> None:
        """Know nothing of any table, and drop what waits: it was undone."""
        for table in list(self._answers):
            self.forget(table)
        self._kept = Kept()

    @property
    def is_in_part(self) -> bool:
        """Whether a part that may be refused by itself is under way."""
        return self._before is not None

    def begin(self) -> None:
        """Begin a part that may be refused by itself."""
        self._before, self._kept = self._kept, Kept()
        self._journal.clear()

    def end(self) -> None:
        """The part holds: what it would write waits with all else."""
        before, self._before = self._before, None
        if before is not None:
            before.add(self._kept)
            self._kept = before

    def undo(self) -> None:
        """The part was refused: it has learned nothing, and writes nothing."""
        for place, key, known in reversed(self._journal):
            if known is _ABSENT:
                place.pop(key, None)
            else:
                place[key] = known
        before, self._before = self._before, None
        self._kept = Kept() if before is None else before

    def before_part(self) -> Kept | None:
        """Take what waited when the part under way began, to be written ahead of it."""
        before = self._before
        if not before:
            return None
        self._before = Kept()
        return before

    def keep(self, table: Table, row: Row) -> None:
        """Keep a new row back."""
        self._kept.rows.setdefault(table, []).append(row)

    def keep_put(self, table: Table, key: Row, row: Row, *, is_new: bool) -> None:
        """Keep a row back that is added, or renewed under its key."""
        self._kept.put(table, tuple(key.items()), Put(row, is_new))

    def keep_change(self, table: Table, key: Row, values: Row) -> None:
        """Keep a row's new values back; the last word on a row counts."""
        self._kept.change(table, tuple(key.items()), values)

    @property
    def waits(self) -> bool:
        """Whether anything was kept back by what is under way, parts that hold aside."""
        return bool(self._kept)

    def waits_for(self, table: Table) -> bool:
        """Whether anything was kept back for a table."""
        return self._kept.holds(table) or (self._before is not None and self._before.holds(table))

    def take(self) -> Kept:
        """What was kept back; nothing waits then."""
        kept, self._kept = self._kept, Kept()
        return kept

    def give(self, kept: Kept) -> None:
        """Let what was taken wait again, ahead of what waits."""
        kept.add(self._kept)
        self._kept = kept
