"""Cuts the Chinese font down to the characters that the screens' own sentences use.

``python -m tools.fonts [FONT]`` writes ``assets/vendor/droid-sans-fallback-…/words-zh.woff``
from Debian's ``fonts-droid-fallback`` (Apache-2.0), then ``python -m tools.copy_assets``
hands it to the rooms. Run it after a change of a Chinese catalogue; a test says when.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fontTools import subset

from tools.catalogues import REPOSITORY, catalogues, entries

SOURCE = Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf")
TARGET = REPOSITORY / "assets" / "vendor" / "droid-sans-fallback-6.0.1r16" / "words-zh.woff"
# What dates, money and the names of languages are written with, in any catalogue.
ALWAYS = "年月日元中文角分百之，。、；：？！（）《》“”％零一二三四五六七八九十"
FIRST_CJK = 0x2E80


def characters() -> str:
    """Every Chinese character and sign of the catalogues, in order."""
    found = set(ALWAYS)
    for path in catalogues("zh"):
        found |= set("".join(entries(path.read_text(encoding="utf-8")).values()))
    return "".join(sorted(letter for letter in found if ord(letter) >= FIRST_CJK))


def cut(source: Path, target: Path) -> int:
    """Write the font with these characters alone; its size [bytes]."""
    options = subset.Options(flavor="woff", hinting=False, desubroutinize=True)
    options.name_IDs, options.layout_features = ["*"], []
    font = subset.load_font(str(source), options)
    chosen = subset.Subsetter(options)
    chosen.populate(text=characters() + "“”")
    chosen.subset(font)
    target.parent.mkdir(parents=True, exist_ok=True)
    subset.save_font(font, str(target), options)
    return target.stat().st_size


def main() -> None:
    """Write the font and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("font", type=Path, nargs="?", default=SOURCE, help="the whole font")
    chosen = parser.parse_args().font
    if not chosen.is_file():
        sys.exit(f"expected a font at {chosen}: apt-get install fonts-droid-fallback")
    sys.stdout.write(
        f"{TARGET.name}: {len(characters())} characters, {cut(chosen, TARGET)} bytes\n"
    )


if __name__ == "__main__":
    main()
