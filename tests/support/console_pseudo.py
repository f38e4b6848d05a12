"""What a page of the console says outside the brackets of the language that nobody speaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

# Not words of the console: what is quoted, drawn or run, and what data is.
_SKIPPED = frozenset({"script", "style", "code", "kbd", "option", "textarea"})
_SAID = ("aria-label", "alt", "placeholder", "data-label")
_BRACKETS = re.compile(r"⟦[^⟦⟧]*⟧")
_WORD = re.compile(r"[A-Za-z]{3,}")


class _Texts(HTMLParser):
    """The texts of a page, and of the attributes that are read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._skipping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self._skipping.append(tag)
        self.found += [value for name, value in attrs if name in _SAID and value]

    def handle_endtag(self, tag: str) -> None:
        if self._skipping and self._skipping[-1] == tag:
            self._skipping.pop()

    def handle_data(self, data: str) -> None:
        if not self._skipping and data.strip():
            self.found.append(" ".join(data.split()))


def texts_of(page: str) -> list[str]:
    """Every text that a page shows or has read aloud."""
    reader = _Texts()
    reader.feed(page)
    return reader.found


def unsaid(page: str, data: re.Pattern[str]) -> Iterator[str]:
    """Texts with words outside the brackets that are not data either."""
    for text in texts_of(page):
        bare = text
        while _BRACKETS.search(bare):
            bare = _BRACKETS.sub(" ", bare)
        if _WORD.search(data.sub(" ", bare)):
            yield text
