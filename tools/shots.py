"""Writes a picture of every screen of every face: ``make shots``.

It plays a small demonstration to the end of its season (or looks once more at the last one, or
at one that runs), lets models, policies and orders come as far as their pages can show, walks
kiosk, agent's tablet and console in headless Chromium, some looks at once, and writes PNG files
to a folder that git does not keep: one look a screen, or those that are asked for. The tablet is
invited and let in, and takes money along: the demonstration keeps all of it.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from edge_node.faces.kiosk.words import LANGUAGES
from server.words import PSEUDO
from tests.support.chromium import chromium
from tools.catalogues import REPOSITORY
from tools.shot_acts import Made, logged_in, made
from tools.shot_demo import DAYS, FARMERS, Demonstration, demonstration
from tools.shot_walks import SIZES, THEMES, Gallery, Look, console, kiosk, tablet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TARGET = REPOSITORY / ".harvestline" / "shots"
README = REPOSITORY / "docs" / "pictures" / "line.png"
README_WIDE = 1180
PICTURED = "crop-season"  # the product of the line in README's picture, repaid or not
AT_ONCE = 3  # walks: a page waits for its network half of the time
# As each face is mostly met: at a desk, at a counter, in a field.
USUAL = {
    "console": Look("desktop", "light", "en"),
    "kiosk": Look("tablet", "light", "en"),
    "tablet": Look("phone", "sun", "en"),
}


def looks(face: str, asked: argparse.Namespace) -> list[Look]:
    """Every look that was asked for; where nothing was, the usual one or, by --whole, all.

    The language that nobody speaks is the console's alone.
    """
    usual = USUAL[face]
    languages = asked.language or (list(LANGUAGES) if asked.whole else [usual.language])
    return [
        Look(*each)
        for each in product(
            asked.size or (list(SIZES) if asked.whole else [usual.size]),
            asked.theme or (list(THEMES) if asked.whole else [usual.theme]),
            [each for each in languages if face == "console" or each != PSEUDO],
        )
    ]


def walked(demo: Demonstration, shown: Made, gallery: Gallery, asked: argparse.Namespace) -> None:
    """Each face in its looks, some at once; a walk that fails is told, and others go on."""
    pool = ThreadPoolExecutor(AT_ONCE)
    under_way = [
        pool.submit(_walked, demo, shown, gallery, (face, some))
        for face in asked.face or USUAL
        for some in walks(face, looks(face, asked))
    ]
    try:
        for each in under_way:
            each.result()
    finally:  # those that are under way end with the demonstration
        pool.shutdown(wait=False, cancel_futures=True)


def walks(face: str, every: list[Look]) -> list[list[Look]]:
    """Looks that are of one walk: a tablet is let in once, and all its looks are of that one."""
    return [every] if face == "tablet" and every else [[look] for look in every]


def _walked(
    demo: Demonstration, shown: Made, gallery: Gallery, walk: tuple[str, list[Look]]
) -> None:
    face, every = walk
    with chromium() as browser, gallery.missing(f"{face} in {every[0]}"):
        if face == "tablet":
            tablet(browser, demo, gallery, every)
        elif face == "kiosk":
            kiosk(browser, demo, gallery, every[0], shown)
        else:
            console(browser, demo, gallery, every[0])


def pictured(browser: Browser, demo: Demonstration, target: Path) -> None:
    """README's picture: the page of a line that rose and fell most, cut below its chart."""
    context = browser.new_context(viewport={"width": README_WIDE, "height": 1400})
    context.add_init_script("localStorage.setItem('harvestline-theme', 'light')")
    page = context.new_page()
    page.goto(f"{demo.console}/console/login")
    logged_in(page, demo, "lender")
    page.goto(f"{demo.console}/console/portfolio?state=all&product={PICTURED}")
    every = page.eval_on_selector_all("a[href*='/lines/']", "e => e.map(x => x.href)")
    moved = {url: _moves(page, url) for url in dict.fromkeys(every)}
    if not moved:
        sys.exit("expected a line in the portfolio, got none: give the demonstration more farmers")
    page.goto(max(moved, key=lambda url: moved[url]))
    page.evaluate("document.fonts.ready")
    top, bottom = page.evaluate(_CUT)
    clip = {"x": 0, "y": top, "width": README_WIDE, "height": bottom - top}
    page.screenshot(path=target, full_page=True, clip=clip)  # type: ignore[arg-type]
    context.close()


_CUT = """() => [
  document.querySelector("main").getBoundingClientRect().top + scrollY,
  document.querySelector("[aria-labelledby=history-title]").getBoundingClientRect().bottom
    + scrollY + 20]"""


def _moves(page: Page, url: str) -> tuple[int, int]:
    """How often a line was both raised and cut, then how often either."""
    page.goto(url)
    raised, cut = (page.locator(f".moves .number.{kind}").count() for kind in ("raised", "cut"))
    return min(raised, cut), raised + cut


def asked_for(words: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for, by words of the command's line."""
    parser = argparse.ArgumentParser(prog="make shots", description=__doc__)
    parser.add_argument("--folder", type=Path, default=TARGET, help="where pictures go")
    parser.add_argument("--demo", type=Path, help="the output of a demonstration that runs")
    kept = REPOSITORY / ".harvestline" / "demo"
    parser.add_argument("--demo-folder", type=Path, default=kept, help="where it keeps all")
    parser.add_argument("--farmers", type=int, default=FARMERS, help="in a demonstration of ours")
    parser.add_argument("--days", type=int, default=DAYS, help="in a demonstration of ours")
    parser.add_argument("--again", action="store_true", help="look at the last one of ours again")
    parser.add_argument("--whole", action="store_true", help="every size × theme × language")
    for name, choices in (
        ("face", USUAL), ("size", SIZES), ("theme", THEMES), ("language", [*LANGUAGES, PSEUDO]),
    ):  # fmt: skip
        parser.add_argument(
            f"--{name}", choices=list(choices), action="append", help="only this one; repeat"
        )
    parser.add_argument("--readme", action="store_true", help="only README's picture, written anew")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Write the pictures, say which are wide or missing and how many there are."""
    asked = asked_for(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a demonstration of ours is then ended
    gallery = Gallery(asked.folder)
    size = (asked.farmers, asked.days)
    with demonstration(asked.demo, asked.demo_folder, size, again=asked.again) as demo:
        with chromium() as browser:
            if asked.readme:
                pictured(browser, demo, README)
                sys.stdout.write(f"README's picture is in {README.relative_to(REPOSITORY)}\n")
                return 0
            shown = made(browser, demo)
        walked(demo, shown, gallery, asked)
    sys.stdout.write(gallery.told())
    return 1 if gallery.missed or not gallery.taken else 0


if __name__ == "__main__":
    sys.exit(main())
