"""Sets a page as a PDF, in any of the console's languages, on a machine without fonts.

Latin and Cyrillic are of the fonts that Typst carries; Devanagari and Chinese, names included,
are of those in ``print/``. Fonts of the machine are left out: the same facts are drawn alike
at every centre.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

from server.console.render import FOLDER
from server.console.words import TAGS, language
from server.services.centre import RequestError

FONTS = FOLDER / "print"
FAMILIES = ("Libertinus Serif", "Noto Sans Devanagari", "Droid Sans Fallback", "DejaVu Sans Mono")


def typeset(template: str, told: Mapping[str, Any], folder: Path) -> bytes:
    """The PDF of a template with what it tells, in the language that is spoken now.

    Raises
    ------
    RequestError
        If it cannot be set.
    """
    words = (FOLDER / "templates" / template).read_text(encoding="utf-8")
    (folder / template).write_text(words, encoding="utf-8")
    spoken = {"lang": TAGS[language()].split("-")[0], "fonts": FAMILIES}
    whole = json.dumps({**told, **spoken}, ensure_ascii=False)
    (folder / "told.json").write_text(whole, encoding="utf-8")
    try:
        return bytes(
            typst.compile(
                folder / template, root=folder, font_paths=[FONTS], ignore_system_fonts=True
            )
        )
    except RuntimeError as error:
        raise RequestError(f"expected to set {template}: {error}") from error
