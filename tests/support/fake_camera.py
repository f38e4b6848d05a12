"""A camera that sees a square: what Chromium plays instead of a lens, as a y4m file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WIDE, HIGH, DOT, FRAMES = 640, 480, 9, 2
_MATRIX = """async ([text, face]) => {
  const {default: qrcode} = await import(face + '/shared/vendor/qrcode-generator-2.0.4/qrcode.mjs');
  const made = qrcode(0, 'M'); made.addData(text); made.make();
  const count = made.getModuleCount();
  return [...Array(count).keys()].map(r => [...Array(count).keys()].map(c => made.isDark(r, c)));
}"""


def arguments(film: Path) -> tuple[str, ...]:
    """Chromium's arguments for a camera that plays a film, which nobody is asked about."""
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )


def film_of(page: Any, text: str, path: Path, face: str = "/static") -> Path:
    """Film a square that says a text; ``page`` is one of a face's, which draws it."""
    matrix = page.evaluate(_MATRIX, [text, face])
    left = (WIDE - DOT * len(matrix)) // 2
    top = (HIGH - DOT * len(matrix)) // 2
    light = bytearray(b"\xeb" * (WIDE * HIGH))
    for row, dark in enumerate(matrix):
        line = b"".join((b"\x10" if each else b"\xeb") * DOT for each in dark)
        for n in range(DOT):
            at = (top + row * DOT + n) * WIDE + left
            light[at : at + len(line)] = line
    grey = b"\x80" * (WIDE * HIGH // 2)
    frame = b"FRAME\n" + bytes(light) + grey
    path.write_bytes(f"YUV4MPEG2 W{WIDE} H{HIGH} F10:1 Ip A1:1 C420\n".encode() + frame * FRAMES)
    return path
