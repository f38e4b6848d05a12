"""What a bureau is to the rest of the house: it is asked by a blind index and answers.

One that answers over a line would keep the same protocol; here is the one that answers from
the files it delivered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from server.store import bureau
from server.store.bureau import BureauRow
from server.store.engine import Tx

FOUND, NOT_LISTED, NO_FILE = "found", "not_listed", "no_file"


@dataclass(frozen=True, slots=True)
class Word:
    """A bureau's answer: how it came out, of which day and from which file it is."""

    outcome: str
    as_of: str = ""
    file_sha256: str = ""
    row: BureauRow | None = None


class Bureau(Protocol):
    """Whoever knows what people owe elsewhere."""

    @property
    def name(self) -> str:
        """The bureau's name, as products state it."""

    def ask(self, subject_index: str, currency: str) -> Word:
        """What is known of a person in a currency."""


@dataclass(frozen=True, slots=True)
class FileBureau:
    """A bureau that delivers extracts: its newest one answers."""

    tx: Tx
    name: str

    def ask(self, subject_index: str, currency: str) -> Word:
        """What the newest extract says of a person; one that is not listed owes nothing known."""
        delivered = bureau.files_of(self.tx, self.name)
        if not delivered:
            return Word(NO_FILE)
        newest = delivered[-1]
        row = bureau.row_of(self.tx, newest.file_sha256, subject_index, currency)
        return Word(FOUND if row else NOT_LISTED, newest.as_of, newest.file_sha256, row)
