"""A language that nobody speaks: accents, brackets and two fifths more length.

What stands on a screen outside its brackets was never given to a translator; what is cut
off at its end has no room for longer languages.
"""

from __future__ import annotations

import gettext
import re

from edge_node.faces.kiosk.teller import Teller
from edge_node.faces.kiosk.words import Words

OPEN, CLOSE = "⟦", "⟧"
_ACCENTS = str.maketrans("aceinosuyACEINOSUYz", "àçéîñöšüýÀÇÉÎÑÖŠÜÝž")
_PARAMETER = re.compile(r"({\w+})")
_LONGER_PERCENT = 40


def pseudo(message: str) -> str:
    """A message in the pseudo-locale; its parameters stay."""
    parts = _PARAMETER.split(message)
    text = "".join(p if p.startswith("{") else p.translate(_ACCENTS) for p in parts)
    return f"{OPEN}{text}{'~' * (len(message) * _LONGER_PERCENT // 100)}{CLOSE}"


class PseudoCatalogue(gettext.NullTranslations):
    """Every sentence in the pseudo-locale."""

    def gettext(self, message: str) -> str:
        """A sentence in the pseudo-locale."""
        return pseudo(message)


class PseudoTeller(Teller):
    """A kiosk's teller that speaks the pseudo-locale, whatever is asked for."""

    def words(self, language: str) -> Words:
        """The pseudo-locale's words, for any language."""
        del language
        return Words("en", PseudoCatalogue())
