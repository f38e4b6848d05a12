"""Latin letters to the traditional Mongolian script, for whoever has no keyboard for it.

``python -m tools.mongolian "jegeli-yin kemjiy_e"`` prints ᠵᠡᠭᠡᠯᠢ ᠶᠢᠨ ᠬᠡᠮᠵᠢᠶ᠎ᠡ. One
letter stands for one of Unicode's; shapes are the font's business. ``-`` joins a suffix
(U+202F), ``_`` sets off a last vowel (U+180E). What stands in ``<…>`` and ``{…}`` is kept.
Follows the usual romanisation of the script (Poppe) with ASCII where it has no letter:
``c`` for č, ``j`` for ǰ, ``x`` for š, ``q`` and ``k`` for the one letter QA, ``K`` for the
foreign KA, ``E`` and ``ē`` for the foreign EE.
"""

from __future__ import annotations

import re
import sys

_LATIN = "aeiouöüEēnbpqkgmlsxtdcjyrwfKzhv-_.,;:"
_MONGOLIAN = "ᠠᠡᠢᠣᠤᠥᠦᠧᠧᠨᠪᠫᠬᠬᠭᠮᠯᠰᠱᠲᠳᠴᠵᠶᠷᠸᠹᠺᠽᠾᠸ\u202f\u180e᠃᠂᠂᠄"
_LETTERS = dict(zip(_LATIN, _MONGOLIAN, strict=True))
_PIECE = re.compile(r"<([^>]*)>|({\w+}%?)|(m²)|(ng(?![aeiouöü]))|(\d+)|(.)", re.DOTALL)


def traditional(latin: str) -> str:
    """A text in the traditional script.

    Raises
    ------
    ValueError
        If a letter is not in the table.
    """
    return "".join(_piece(found) for found in _PIECE.finditer(latin))


def _piece(found: re.Match[str]) -> str:
    kept, place, area, velar, digits, letter = found.groups()
    if velar is not None:
        return "ᠩ"
    if letter is None:
        return str(next(part for part in (kept, place, area, digits) if part is not None))
    if letter not in _LETTERS and letter.isalpha():
        raise ValueError(f"expected a letter of {''.join(_LETTERS)}, got {letter!r}")
    return _LETTERS.get(letter, letter)


if __name__ == "__main__":
    sys.stdout.write(traditional(" ".join(sys.argv[1:])) + "\n")
