"""What a page of figures is made of: a picture with its sentence, and its numbers in words."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Table:
    """The same numbers as a picture's, in words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A picture with its sentence and its numbers."""

    key: str
    title: str
    words: str
    picture: Markup
    table: Table
