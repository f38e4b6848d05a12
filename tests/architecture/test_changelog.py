"""The changelog speaks in whole sentences under dated headings."""

from __future__ import annotations

import re

from tests.support.tree import REPOSITORY

TEXT = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
HEADING = re.compile(r"## (?:Unreleased|\d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\))")


def items() -> list[str]:
    """Each list item with its continuation lines joined."""
    return [
        " ".join(item.split()) for item in re.findall(r"^- (.+(?:\n  .+)*)", TEXT, re.MULTILINE)
    ]


def test_headings_are_versions_with_dates():
    headings = re.findall(r"^## .*", TEXT, re.MULTILINE)
    assert headings
    assert [heading for heading in headings if not HEADING.fullmatch(heading)] == []


def test_every_item_is_a_sentence():
    assert items()
    fragments = [
        item
        for item in items()
        if not (item[0].isupper() or item[0] == "`")
        or not item.endswith((".", "!", "?"))
        or len(item.split()) < 5
    ]
    assert fragments == []
