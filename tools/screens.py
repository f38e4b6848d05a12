"""Renews the pictures that key screens are held against: ``make screens``.

Look at what it says is otherwise before it is committed: ``git diff`` shows pictures, and
``make shots`` the screens in full.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.support.chromium import chromium
from tests.support.screens import FACES, KEPT, MADE_WITH, major_of, otherwise_ppm, small


def main() -> None:
    """Write every picture anew, and say how far each is from the one before."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as scratch:
        for face, take in FACES.items():
            folder = Path(scratch) / face
            folder.mkdir()
            for name, png in take(browser, folder):
                sys.stdout.write(f"{name}: {_renewed(name, small(png))}\n")
        MADE_WITH.write_text(f"{major_of(browser)}\n", encoding="utf-8")


def _renewed(name: str, picture: Image.Image) -> str:
    path, told = KEPT / f"{name}.png", "new"
    if path.is_file():
        with Image.open(path) as before:
            told = f"{otherwise_ppm(picture, before.convert('L'))} ppm of its points are otherwise"
    picture.quantize(16).save(path, optimize=True)
    return told


if __name__ == "__main__":
    main()
