"""The kiosk's words: every sentence has its translation, and is compiled from its source."""

from __future__ import annotations

import re

from core.reasons import SENTENCES, ReasonCode
from edge_node.faces.kiosk.changing import SENTENCES as CHANGES
from edge_node.faces.kiosk.data_words import (
    CLASSES,
    OTHER_ROLE,
    PURPOSES,
    ROLES,
    UNASKED,
    WITHOUT,
)
from edge_node.faces.kiosk.words import MONTHS, MOVEMENTS, STAGES
from edge_node.watch import notices
from server.training.catalogue import read_catalogue
from server.training.command import CATALOGUE
from tests.conftest import REPOSITORY
from tools.catalogues import LOCALES, compiled, entries

CATALOGUE_FEATURES = read_catalogue(CATALOGUE).feature
TEMPLATES = REPOSITORY / "edge_node" / "faces" / "kiosk" / "templates"


def test_every_sentence_has_its_swahili():
    messages = entries((LOCALES / "sw" / "LC_MESSAGES" / "kiosk.po").read_text(encoding="utf-8"))
    templates = "".join(t.read_text(encoding="utf-8") for t in TEMPLATES.glob("*.html"))
    used = {a or b for a, b in re.findall(r"""_\(\s*(?:"([^"]+)"|'([^']+)')""", templates)}
    used |= {s for code, s in SENTENCES.items() if code is not ReasonCode.FEATURE}
    used |= {*notices.SENTENCES.values(), *notices.ADVICE.values()}
    used |= {*STAGES.values(), *PURPOSES.values(), *MOVEMENTS.values(), *MONTHS}
    used |= {*WITHOUT.values(), *UNASKED.values(), *CLASSES.values(), *ROLES.values(), OTHER_ROLE}
    used |= {*CHANGES.values(), *(one.change for one in CATALOGUE_FEATURES if one.change)}
    assert {one for one in used if not messages.get(one)} == set()
    for source, translated in messages.items():
        assert set(re.findall(r"{\w+}", source)) == set(re.findall(r"{\w+}", translated)), source


def test_the_compiled_catalogue_is_that_of_its_source():
    source = LOCALES / "sw" / "LC_MESSAGES" / "kiosk.po"
    text = source.read_text(encoding="utf-8")
    assert source.with_suffix(".mo").read_bytes() == compiled(entries(text))
