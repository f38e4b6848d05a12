"""Compiles the station's gettext catalogues, so that a station needs no tool for them.

Run as ``python -m tools.catalogues`` after a change of a ``.po`` file. It knows the
part of the format that our files use: comments, ``msgid``, ``msgstr``, continued
strings. The GNU gettext manual, "The Format of GNU MO Files", is followed.
"""

from __future__ import annotations

import ast
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LOCALES = REPOSITORY / "edge_node" / "faces" / "kiosk" / "locale"
FACES = REPOSITORY / "edge_node" / "faces"
_MAGIC = 0x950412DE


def catalogues(language: str = "*") -> list[Path]:
    """The sources of the faces' catalogues, of one language or of all."""
    return sorted(FACES.glob(f"*/locale/{language}/LC_MESSAGES/*.po"))


def entries(text: str) -> dict[str, str]:
    """Message id to translation, of a ``.po`` file; the empty id holds the header."""
    found: dict[str, str] = {}
    for msgid, msgstr in _pairs(text):
        if msgid in found:
            raise ValueError(f"message stands twice: {msgid!r}")
        found[msgid] = msgstr
    return found


def compiled(messages: dict[str, str]) -> bytes:
    """The bytes of a ``.mo`` file; untranslated messages are left out."""
    pairs = sorted((k.encode(), v.encode()) for k, v in messages.items() if v)
    header, table = 28, 8 * len(pairs)
    ids = b"".join(k + b"\0" for k, _ in pairs)
    strings = b"".join(v + b"\0" for _, v in pairs)
    id_rows, string_rows = [], []
    id_at, string_at = header + 2 * table, header + 2 * table + len(ids)
    for key, value in pairs:
        id_rows.append(struct.pack("<II", len(key), id_at))
        string_rows.append(struct.pack("<II", len(value), string_at))
        id_at, string_at = id_at + len(key) + 1, string_at + len(value) + 1
    head = struct.pack("<7I", _MAGIC, 0, len(pairs), header, header + table, 0, 0)
    return head + b"".join(id_rows) + b"".join(string_rows) + ids + strings


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    parts: dict[str, str] = {}
    current = ""
    for line in (*text.splitlines(), 'msgid ""'):
        keyword, _, rest = line.strip().partition(" ")
        if keyword in ("msgid", "msgstr"):
            if keyword == "msgid" and "msgstr" in parts:
                yield parts["msgid"], parts["msgstr"]
                parts = {}
            current = keyword
            parts[current] = str(ast.literal_eval(rest))
        elif line.strip().startswith('"'):
            parts[current] += str(ast.literal_eval(line.strip()))


def main() -> None:
    """Compile every catalogue beside its source."""
    for source in catalogues():
        data = compiled(entries(source.read_text(encoding="utf-8")))
        source.with_suffix(".mo").write_bytes(data)
        sys.stdout.write(f"{source.relative_to(REPOSITORY)}: {len(data)} bytes\n")


if __name__ == "__main__":
    main()
