"""Exports how each language writes numbers, money and days, from Babel's copy of CLDR.

``python -m tools.formats`` writes ``edge_node/faces/formats.json``, which the station and
the tablet read. Run it after a change of Babel's version or of ``LOCALES``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from babel import Locale

REPOSITORY = Path(__file__).resolve().parents[1]
TARGET = REPOSITORY / "edge_node" / "faces" / "formats.json"
# The same for a browser: Chromium's Intl knows no traditional Mongolian.
TABLET = REPOSITORY / "edge_node" / "faces" / "tablet" / "static" / "formats.js"
# The locale of CLDR that a language of ours takes its patterns from.
LOCALES = {"en": "en_001", "sw": "sw_KE", "zh": "zh_Hans_CN", "hi": "hi_IN", "mn": "mn"}
CURRENCIES = ("KES", "TZS", "UGX", "INR", "CNY", "MNT")
# CLDR writes Mongolian's patterns in Cyrillic; the same order in the traditional script.
DAYS = {"mn": "y ᠣᠨ MMMM ᠢᠢᠨ d"}
NARROW = {"\u00a0": " ", "\u202f": " "}


def exported(language: str) -> dict[str, Any]:
    """What a language's formats are, as ``edge_node.faces.formats`` reads them."""
    locale = Locale.parse(LOCALES[language])
    system = locale.default_numbering_system
    signs = locale.number_symbols[system]
    grouping = locale.decimal_formats[None].grouping
    return {
        "decimal": signs["decimal"],
        "group": _plain(signs["group"]),
        "minus": signs["minusSign"],
        "group_digits": grouping[0],
        "groups_digits": grouping[1],
        "digits": "0123456789",
        "money": _plain(_places(locale.currency_formats["standard"].pattern)),
        "percent": _plain(re.sub(r"[#,0.]+", "{number}", locale.percent_formats[None].pattern)),
        "day": DAYS.get(language) or locale.date_formats["long"].pattern,
        "symbols": {c: s for c in CURRENCIES if (s := locale.currency_symbols.get(c)) and s != c},
    }


def _places(pattern: str) -> str:
    positive = pattern.split(";", maxsplit=1)[0]
    return re.sub(r"[#,0.]+", "{number}", positive).replace("¤", "{symbol}")


def _plain(text: str) -> str:
    """Spaces that do not break as plain ones: the screens' styles hold amounts together."""
    return "".join(NARROW.get(letter, letter) for letter in text)


def text() -> str:
    """The file's whole text."""
    found = {language: exported(language) for language in LOCALES}
    return json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def script() -> str:
    """The same as a module of the tablet's page."""
    told = "// Numbers, money and days by language: CLDR's, written by python -m tools.formats.\n"
    return f"{told}export const FORMATS = {text().rstrip()};\n"


def main() -> None:
    """Write the files."""
    for target, told in ((TARGET, text()), (TABLET, script())):
        target.write_text(told, encoding="utf-8")
        sys.stdout.write(f"{target.relative_to(REPOSITORY)}: {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
