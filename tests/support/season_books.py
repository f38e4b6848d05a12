"""Reading the books of a finished story: the centre's and the station's databases.

The checker opens both files as an auditor would, and holds one against the other.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATION = "station-1"


def rows(path: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """The rows of a query on a database file, read only."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as found:
        found.row_factory = sqlite3.Row
        return [dict(row) for row in found.execute(query, values)]


@dataclass(frozen=True)
class Books:
    """The folder of a story that has been told."""

    root: Path
    outcome: dict[str, Any]

    def centre(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Ask the centre's database."""
        return rows(self.root / "centre" / "centre.sqlite", query, *values)

    def station(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Ask the station's database."""
        return rows(self.root / "station" / "station.db", query, *values)

    def cards(self) -> Iterator[dict[str, Any]]:
        """The bodies of the decision cards that the centre holds, by whoever decided."""
        for row in self.centre("SELECT writer, document FROM decisions"):
            yield {"writer": row["writer"], **json.loads(row["document"])["body"]}

    def movements(self) -> list[dict[str, Any]]:
        """Every review of every line, in order, with the subjects that the line rests on."""
        subjects: dict[str, list[str]] = {}
        for row in self.centre("SELECT line_id, subject_id FROM line_subjects"):
            subjects.setdefault(row["line_id"], []).append(row["subject_id"])
        return [
            {**row, "subjects": subjects.get(row["line_id"], []), "views": json.loads(row["views"])}
            for row in self.centre("SELECT * FROM movements ORDER BY line_id, seq")
        ]

    def pasture_of(self) -> dict[str, str]:
        """The pasture that each herd grazes."""
        found = self.centre("SELECT subject_id, pasture_id FROM subjects WHERE kind = 'herd'")
        return {row["subject_id"]: row["pasture_id"] for row in found}

    def twice(self, query: str) -> list[str]:
        """Values of a one-column query on the centre that occur more than once."""
        counts = Counter(str(next(iter(row.values()))) for row in self.centre(query))
        return [value for value, count in counts.items() if count > 1]
