"""The kiosk's clips are what their lock says, say today's sentences, and are small."""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import struct
import zipfile

import pytest

from core.units import Money
from edge_node.faces.kiosk.number_words import NUMBERS, spoken_words, word_names
from edge_node.faces.kiosk.spoken import spoken_sentences
from edge_node.faces.kiosk.voice import spoken_pieces
from edge_node.faces.kiosk.words import words_in
from tests.support.tree import REPOSITORY

SPEAKING = ("en", "hi", "sw", "zh")
PACKED_BYTES_MAX = 2_400_000  # of the 100 MB that a whole station may take, docs/languages.md
# As heard: a language's sentences together, and an amount that is put together of its words.
WORDS_A_MINUTE_MAX, SYLLABLES_A_WORD = 175.0, {"zh": 1.5}
OPUS_HZ = 48_000
KIOSK = REPOSITORY / "edge_node" / "faces" / "kiosk"
PACKS = KIOSK / "voice_packs"
LOCK = json.loads((REPOSITORY / "assets" / "voice-lock.json").read_text(encoding="utf-8"))


def test_what_the_screens_say_is_among_the_sentences():
    known, text = set(spoken_sentences()), ""
    for path in sorted(KIOSK.glob("*.py")):
        text += path.read_text(encoding="utf-8")
    asked = set(re.findall(r'(?:says\(|of_read_back\(\s*[\w.]+,)\s*"([^"]+)"', text))
    assert len(asked) > 10
    assert asked - known == set()


def test_the_clips_are_those_of_the_lock_and_of_todays_sentences():
    rows = {(row["locale"], row["key"]): row for row in LOCK}
    assert len(rows) == len(LOCK)
    found = {}
    for locale in SPEAKING:
        for name, data in _pack(locale).items():
            found[locale, name] = data
    assert found.keys() == rows.keys()
    for key, data in found.items():
        digest = hashlib.sha256(data).hexdigest()
        assert (rows[key]["sha256"], rows[key]["bytes"]) == (digest, len(data))
        assert rows[key]["source"].startswith("espeak-ng")
    for locale in SPEAKING:
        for sentence in spoken_sentences():
            for name, text in spoken_pieces(sentence, words_in(locale).say(sentence)):
                if text:
                    assert rows[locale, name]["text"] == text, "run python -m tools.voice"


def test_the_clips_are_small_enough_for_a_station():
    packed = [path.stat().st_size for path in PACKS.iterdir()]
    assert len(packed) == len(SPEAKING)
    assert sum(packed) <= PACKED_BYTES_MAX


def test_every_language_with_a_voice_has_every_word_of_numbers():
    for locale in SPEAKING:
        said_words = {row["key"] for row in LOCK if row["locale"] == locale}
        assert {f"w-{word}" for word in word_names(locale)} <= said_words
    assert set(NUMBERS) == {*SPEAKING, "mn"}


def _pack(locale: str) -> dict[str, bytes]:
    """A language's clips, by key."""
    with lzma.open(PACKS / f"{locale}.zip.xz") as file, zipfile.ZipFile(file) as archive:
        return {name.removesuffix(".ogg"): archive.read(name) for name in archive.namelist()}


def _lasts_s(clip: bytes) -> float:
    """For how long an Ogg Opus clip plays [s]: its last page's position less what is skipped."""
    pages = [found.start() for found in re.finditer(b"OggS", clip)]
    (skipped,) = struct.unpack_from("<H", clip, clip.index(b"OpusHead") + 10)
    return (struct.unpack_from("<q", clip, pages[-1] + 6)[0] - skipped) / OPUS_HZ


def _words(locale: str, text: str) -> float:
    if locale in SYLLABLES_A_WORD:
        return len(re.findall(r"[\u4e00-\u9fff]", text)) / SYLLABLES_A_WORD[locale]
    return len(text.split())


@pytest.mark.parametrize("locale", SPEAKING)
def test_the_voice_is_no_faster_than_people_can_follow(locale):
    lasts = {name: _lasts_s(clip) for name, clip in _pack(locale).items()}
    rows = [row for row in LOCK if row["locale"] == locale and not row["key"].startswith("w-")]
    sentences = sum(_words(locale, row["text"]) for row in rows)
    assert sentences / sum(lasts[row["key"]] for row in rows) * 60 <= WORDS_A_MINUTE_MAX
    texts = {row["key"]: row["text"] for row in LOCK if row["locale"] == locale}
    amount = [f"w-{word}" for word in spoken_words(locale, Money("KES", 653_934))]
    said = sum(_words(locale, texts[word]) for word in amount)
    assert said / sum(lasts[word] for word in amount) * 60 <= WORDS_A_MINUTE_MAX
