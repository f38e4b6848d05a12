"""The tablet's words and its copies: every sentence in Swahili, exported files as their source."""

from __future__ import annotations

import json
import re

from tests.support.tree import REPOSITORY
from tools.catalogues import entries
from tools.tablet_words import FACE, LANGUAGES, WORDS, exported, source, used


def test_every_sentence_of_the_tablet_has_its_swahili():
    messages = entries(source("sw").read_text(encoding="utf-8"))
    assert len(used()) > 100
    assert {said for said in used() if not messages.get(said)} == set()
    for said, told in messages.items():
        if said:
            assert set(re.findall(r"{\w+}", said)) == set(re.findall(r"{\w+}", told)), said


def test_what_a_browser_reads_is_what_the_catalogues_say():
    for language in LANGUAGES:
        text = (WORDS / f"{language}.json").read_text(encoding="utf-8")
        assert text == exported(language), "run: python -m tools.tablet_words"
        assert all(isinstance(told, str) for told in json.loads(text).values())


def test_the_tablet_scores_with_the_points_of_core():
    copied = (FACE / "static" / "points.js").read_bytes()
    assert copied == (REPOSITORY / "core" / "scoring" / "points.js").read_bytes()


def test_what_the_centre_says_of_operations_is_what_the_tablet_knows():
    """The station's own words are held in a browser; the centre is no part of a station."""
    needs = (FACE / "static" / "needs.js").read_text(encoding="utf-8")
    for file, words in (
        ("field_inbox.py", "another version counts: "),
        ("field_inbox.py", "this person was erased "),
        ("fieldwork.py", " is not registered for "),
    ):  # fmt: skip
        source = (REPOSITORY / "server" / "services" / file).read_text(encoding="utf-8")
        assert words in source, words
        assert words in needs, words
