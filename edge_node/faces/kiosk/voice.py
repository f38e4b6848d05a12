"""The kiosk's voice: which clips say a sentence, and the bytes of a clip.

A sentence is named by its message id, as in the catalogues; its clips are made of the
sentence's translation (``python -m tools.voice``) and may be replaced, one by one, by
recordings in a folder ``{locale}/{key}.ogg`` (docs/languages.md). A sentence with
parameters is cut where they stand: each piece has a clip, and numbers, money, days and
rates are said by clips of their words. A name is not spoken: it stands on the screen.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import re
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from edge_node.faces.kiosk.number_words import NUMBERS, Rate, Spoken, spoken_words
from edge_node.faces.kiosk.words import STAGES, words_in

CLIP_BYTES_MAX = 256 * 1024  # a recording that is larger is not a prompt
CLIP_NAME = re.compile(r"[a-z0-9][A-Za-z0-9-]{0,79}(\.[0-9]{1,2})?")
LOCALE_NAME = re.compile(r"[a-z]{2,3}")
_PARAMETER = re.compile(r"{(\w+)}")
_PERCENTAGE = re.compile(r"(\d{1,7})(?:\.(\d{1,6}))?")
_SLUG_WORDS = 5
# An abbreviation in brackets is for the eye: the words before it say what it means.
_ABBREVIATION = re.compile(r"\s*[(（][A-Z]{2,5}[)）]")


class Voice:
    """What can be said at this station.

    Parameters
    ----------
    recordings
        A folder of recordings, ``{locale}/{key}.ogg``; None if there is none. A recording
        speaks before the release's own clip.
    """

    def __init__(self, recordings: Path | None = None) -> None:
        self._recordings = recordings

    def clips_for(
        self, locale: str, key: str, params: Mapping[str, Spoken] | None = None
    ) -> list[str] | None:
        """Addresses of the clips that say a sentence, in order.

        Parameters
        ----------
        locale
            The language.
        key
            The sentence as it stands in the code: its message id.
        params
            What stands in its parameters: ``Money``, ``Rate``, a day or a number is
            spoken; text of digits too; any other text is a name, and left out.

        Returns
        -------
        list of str or None
            Addresses such as ``/voice/sw/you-receive-1a2b3c.ogg``; None if the language
            has no voice for it, so that the screen can say so.
        """
        names = list(self._names(locale, key, params or {}))
        found = [name for name in names if self._has(locale, name)]
        if not names or len(found) < len(names):
            return None
        return [f"/voice/{locale}/{name}.ogg" for name in names]

    def clip(self, locale: str, name: str) -> bytes | None:
        """A clip's bytes; None if there is no such clip."""
        if not CLIP_NAME.fullmatch(name) or not LOCALE_NAME.fullmatch(locale):
            return None
        own = self._recording(locale, name)
        if own is not None:
            return own.read_bytes()
        return _shipped(locale).get(name)

    def _names(self, locale: str, key: str, params: Mapping[str, Spoken]) -> Iterator[str]:
        for piece in pieces(locale, key):
            if isinstance(piece, Parameter):
                value = params.get(piece.removesuffix("%"), "")
                yield from _value_names(locale, _rate(value) if piece.endswith("%") else value)
            else:
                yield piece

    def _has(self, locale: str, name: str) -> bool:
        return self._recording(locale, name) is not None or name in _shipped(locale)

    def _recording(self, locale: str, name: str) -> Path | None:
        if self._recordings is None:
            return None
        path = self._recordings / locale / f"{name}.ogg"
        return path if path.is_file() and path.stat().st_size <= CLIP_BYTES_MAX else None


class Parameter(str):
    """A place in a sentence where a value is said; its text is the parameter's name.

    Where a percent sign follows, it ends with one: the value is said as a rate.
    """

    __slots__ = ()


def clips_for(
    locale: str, key: str, params: Mapping[str, Spoken] | None = None
) -> list[str] | None:
    """Addresses of the release's own clips; see :meth:`Voice.clips_for`."""
    return Voice().clips_for(locale, key, params)


def clip_key(message: str) -> str:
    """The name of a sentence's clip: its first words, and what makes it unique."""
    words = re.findall(r"[a-z0-9]+", _PARAMETER.sub("", message).lower())
    digest = hashlib.sha256(message.encode()).hexdigest()[:6]
    return "-".join([*words[:_SLUG_WORDS], digest])


def pieces(locale: str, key: str) -> list[str | Parameter]:
    """Names of a sentence's clips, and the parameters between them, as the language orders."""
    return [name for name, _ in spoken_pieces(key, words_in(locale).say(key))]


def spoken_pieces(key: str, text: str) -> list[tuple[str | Parameter, str]]:
    """Each piece of a translated sentence: its clip's name, or the parameter; and its text."""
    parts = _PARAMETER.split(_ABBREVIATION.sub("", text))
    base = clip_key(key)
    if len(parts) == 1:
        return [(base, parts[0])]
    found: list[tuple[str | Parameter, str]] = []
    for index, part in enumerate(parts):
        if index % 2:
            rate = "%" if parts[index + 1].lstrip().startswith("%") else ""
            found.append((Parameter(part + rate), ""))
        elif any(letter.isalpha() for letter in part):
            found.append((f"{base}.{index // 2}", part.strip(" %")))
    return found


def _rate(value: Spoken) -> Spoken:
    """A percentage as it is written, as a rate; anything else as it is."""
    number = _PERCENTAGE.fullmatch(str(value))
    if number is None:
        return value
    return Rate(int(number[1]) * 10_000 + int((number[2] or "").ljust(4, "0")[:4]))


def _value_names(locale: str, value: Spoken) -> Iterator[str]:
    fraction = ""
    if isinstance(value, str):
        if value in STAGES:
            yield clip_key(STAGES[value])
            return
        number = re.fullmatch(r"(\d{1,12})(?:\.(\d{1,3}))?", value)
        if not number:
            return  # a name: it stands on the screen
        value, fraction = int(number[1]), number[2] or ""
    if locale not in NUMBERS:
        yield "w-unsaid"
        return
    words = spoken_words(locale, value)
    words = (*words, "point", *fraction) if fraction else words
    yield from (f"w-{word}" for word in words)


@cache
def _shipped(locale: str) -> Mapping[str, bytes]:
    """The release's clips of a language, by name; none where it has no voice."""
    pack = resources.files("edge_node.faces.kiosk") / "voice_packs" / f"{locale}.zip.xz"
    if not pack.is_file():
        return {}
    # As a whole: clips begin alike, so a station keeps a quarter less than one by one.
    with lzma.open(io.BytesIO(pack.read_bytes())) as file, zipfile.ZipFile(file) as archive:
        return {name.removesuffix(".ogg"): archive.read(name) for name in archive.namelist()}
