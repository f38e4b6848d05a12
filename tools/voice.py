"""Renders the kiosk's prompts: ``python -m tools.voice`` (needs espeak-ng and opus-tools).

Every sentence of ``edge_node.faces.kiosk.spoken`` and every word of numbers gets a clip in
each language that espeak-ng speaks. One archive a language lies in the station's wheel, and
``assets/voice-lock.json`` says what each clip is: key, locale, text, source, bytes, SHA-256.
``python -m tools.voice --list mn`` prints what a person would record, key and text.
"""

from __future__ import annotations

import argparse
import array
import hashlib
import io
import json
import lzma
import subprocess
import sys
import tempfile
import tomllib
import wave
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_node.faces.kiosk.number_words import word_names
from edge_node.faces.kiosk.spoken import spoken_sentences
from edge_node.faces.kiosk.voice import Parameter, spoken_pieces
from edge_node.faces.kiosk.words import MONTHS, words_in
from tools.catalogues import REPOSITORY

PACKS = REPOSITORY / "edge_node" / "faces" / "kiosk" / "voice_packs"
LOCK = REPOSITORY / "assets" / "voice-lock.json"
WORDS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    (REPOSITORY / "tools" / "voice_words.toml").read_text(encoding="utf-8")
)


@dataclass(frozen=True, slots=True)
class Speech:
    """A voice of espeak-ng, and what its speed is set to for sentences and for words of numbers.

    The setting is English's words a minute; what is heard is measured and held to a most in
    ``tests/architecture/test_voice_lock.py``. A word by itself is drawn out, so those of numbers
    are set faster: a number is then said at the pace of a sentence.
    """

    voice: str
    sentences: int
    numbers: int


VOICES: Mapping[str, Speech] = {
    "en": Speech("en-gb", 137, 215),
    "sw": Speech("sw", 214, 232),
    "hi": Speech("hi", 160, 200),
    "zh": Speech("cmn-latn-pinyin", 198, 210),
}
BITRATE_KBIT_S = 6
SILENCE = 220  # of 32767: what is quieter at either end is cut off
# What is left of the silence at either end [s]: words of a number follow one another at once.
_SENTENCE_EDGE_S, _NUMBER_EDGE_S = 0.04, 0.012
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def texts(locale: str) -> dict[str, str]:
    """Clip key to what it says, of every clip that a language can have."""
    words = words_in(locale)
    said = (spoken_pieces(message, words.say(message)) for message in spoken_sentences())
    found: dict[str, str] = {
        name: text for found in said for name, text in found if not isinstance(name, Parameter)
    }
    for name in word_names(locale):
        month = name.removeprefix("month-")
        known = words.say(MONTHS[int(month) - 1]) if month != name else WORDS[locale].get(name)
        found[f"w-{name}"] = known or name
    return found


def render(locale: str) -> dict[str, bytes]:
    """Every clip of a language, by key."""
    wanted = texts(locale)
    with ThreadPoolExecutor(2) as pool:
        clips = pool.map(lambda each: clip(locale, *each), wanted.items())
    return dict(zip(wanted, clips, strict=True))


def clip(locale: str, key: str, text: str) -> bytes:
    """One clip: speech without silence around it, as Opus."""
    speech, of_number = VOICES[locale], key.startswith("w-")
    speed = speech.numbers if of_number else speech.sentences
    said = _syllables(text) if locale == "zh" else text
    spoken = _run("espeak-ng", "-v", speech.voice, "-s", str(speed), "--stdout", said)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "a.wav", Path(folder) / "a.ogg"
        source.write_bytes(_trimmed(spoken, _NUMBER_EDGE_S if of_number else _SENTENCE_EDGE_S))
        _run(
            "opusenc", "--quiet", "--speech", "--framesize", "60", "--padding", "0",
            "--discard-comments", "--serial", "1", "--bitrate", str(BITRATE_KBIT_S),
            str(source), str(target),
        )  # fmt: skip
        return _untagged(target.read_bytes())


def _untagged(ogg: bytes) -> bytes:
    """A clip without the comments that its encoder wrote about itself, a third of a short one.

    RFC 7845, section 5.2: the second page holds them alone. RFC 3533, section 6: a page is a
    header of 27 bytes, a table of segments, the segments; bytes 22 to 25 are its checksum.
    """
    at = ogg.index(b"OggS", 1)
    lengths = ogg[at + 27 : at + 27 + ogg[at + 26]]
    tags = b"OpusTags" + bytes(8)  # no vendor, no comments
    page = ogg[at : at + 22] + bytes(4) + bytes((1, len(tags))) + tags
    checksum = _ogg_checksum(page).to_bytes(4, "little")
    rest = ogg[at + 27 + len(lengths) + sum(lengths) :]
    return ogg[:at] + page[:22] + checksum + page[26:] + rest


def _ogg_checksum(page: bytes) -> int:
    found = 0
    for byte in page:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1 ^ (0x04C11DB7 if found >> 31 else 0)) & 0xFFFFFFFF
    return found


def write(locale: str, clips: Mapping[str, bytes]) -> Path:
    """The language's archive; the same clips give the same bytes.

    Stored, then compressed as a whole, with what clips have in common.
    """
    path, packed = PACKS / f"{locale}.zip.xz", io.BytesIO()
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for key, data in sorted(clips.items()):
            entry = zipfile.ZipInfo(f"{key}.ogg", _ZIP_EPOCH)
            archive.writestr(entry, data)
    path.write_bytes(lzma.compress(packed.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    return path


def rows(locale: str, clips: Mapping[str, bytes], source: str) -> Iterator[dict[str, Any]]:
    """The lock's rows of a language."""
    said = texts(locale)
    for key, data in sorted(clips.items()):
        yield {
            "key": key, "locale": locale, "text": said[key], "source": source,
            "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
        }  # fmt: skip


def _syllables(text: str) -> str:
    # Chinese characters are spelt out as syllables, for espeak-ng knows few of them.
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415

    return " ".join(lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True))


def _trimmed(wav: bytes, edge_s: float) -> bytes:
    # What comes from a pipe has no length in its header: the samples say where it ends.
    with wave.open(io.BytesIO(wav)) as file:
        rate = file.getframerate()
    samples = array.array("h", wav[44 : 44 + (len(wav) - 44) // 2 * 2])
    loud = [n for n, value in enumerate(samples) if abs(value) > SILENCE]
    edge = int(edge_s * rate)
    kept = samples[max(0, loud[0] - edge) : loud[-1] + edge] if loud else samples
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(kept.tobytes())
    return target.getvalue()


def _run(*command: str) -> bytes:
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError:
        sys.exit(f"expected {command[0]}: apt-get install espeak-ng opus-tools")


def main() -> None:
    """Render every language, or list what one of them says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", metavar="LOCALE", choices=sorted(WORDS), help="key and text")
    asked = parser.parse_args()
    if asked.list:
        for key, text in texts(asked.list).items():
            sys.stdout.write(f"{key}\t{text}\n")
        return
    version = _run("espeak-ng", "--version").decode().split()[3]
    locked: list[dict[str, Any]] = []
    for locale, speech in VOICES.items():
        clips = render(locale)
        path = write(locale, clips)
        locked += rows(locale, clips, f"espeak-ng {version} {speech.voice}")
        sys.stdout.write(f"{locale}: {len(clips)} clips, {path.stat().st_size} bytes\n")
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in locked)
    LOCK.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
