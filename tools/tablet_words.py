"""Exports the tablet's gettext catalogues (domain ``tablet``) as JSON, for a browser to read.

Run as ``python -m tools.tablet_words`` after a change of a ``.po`` file or of a sentence.
A language without a catalogue gets an empty file: its tablet speaks English.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tools.catalogues import REPOSITORY, entries

FACE = REPOSITORY / "edge_node" / "faces" / "tablet"
WORDS = FACE / "static" / "words"
LANGUAGES = ("sw", "hi", "zh", "mn")
_SAID = re.compile(r"""\bt\(\s*"((?:[^"\\]|\\.)*)\"""")
# What stands in these maps and lists is said by t(…) of its values.
_TABLES = re.compile(
    r"const (?:PURPOSES|STATE_WORDS|STAGES|MONTHS|GROWN) = [{\[](.*?)[}\]];", re.DOTALL
)
_VALUE = re.compile(r"""(?:^|[:,\[])\s*"([^"]+)\"""")


def used() -> set[str]:
    """Every sentence that the tablet's screens may say."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((FACE / "static").glob("*.js"))]
    found = {said for text in texts for said in _SAID.findall(text)}
    tables = [table for text in texts for table in _TABLES.findall(text)]
    return found | {value for table in tables for value in _VALUE.findall(table)}


def source(language: str) -> Path:
    """Where a language's catalogue is written."""
    return FACE / "locale" / language / "LC_MESSAGES" / "tablet.po"


def exported(language: str) -> str:
    """A language's sentences as JSON; those that are not said any more are left out."""
    path = source(language)
    known = entries(path.read_text(encoding="utf-8")) if path.is_file() else {}
    told = {said: known[said] for said in sorted(used()) if known.get(said)}
    return json.dumps(told, ensure_ascii=False, indent=0) + "\n"


def main() -> None:
    """Write every language's file."""
    WORDS.mkdir(exist_ok=True)
    for language in LANGUAGES:
        (WORDS / f"{language}.json").write_text(exported(language), encoding="utf-8")
        sys.stdout.write(f"{language}.json\n")


if __name__ == "__main__":
    main()
