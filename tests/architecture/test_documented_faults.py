"""Every test and file of tests that a page names exists, so that no fault is shown by nothing."""

from __future__ import annotations

import re

import pytest

from tests.support.tree import REPOSITORY

PAGES = sorted((REPOSITORY / "docs").glob("*.md"))
DEFINED = re.compile(r"^def (test_\w+)", re.MULTILINE)
NAMES = re.compile(r"`(?:(tests/[\w/]+(?:\.py)?)(?:::)?)?(test_\w+)?`")


@pytest.fixture(scope="module")
def known() -> frozenset[str]:
    """The names of all test functions."""
    texts = (path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests").rglob("*.py"))
    return frozenset(name for text in texts for name in DEFINED.findall(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page, known: frozenset[str]) -> None:
    for file, name in NAMES.findall(page.read_text(encoding="utf-8")):
        assert not file or (REPOSITORY / file).exists(), f"{page.name} names {file}"
        assert not name or name in known or f"{name}.py" in file, f"{page.name} names {name}"
