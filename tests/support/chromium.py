"""The real browser of the tests: Debian's Chromium, without a word to the world outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.requirements import require

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet
    from playwright.sync_api import Browser, ConsoleMessage

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip


def narrowest_daily(sizes: Iterable[str]) -> list[ParameterSet]:
    """The first of some screens at every change, the others at night.

    What axe finds differs little by width, and it takes a second a page.
    """
    first, *others = sizes
    return [
        pytest.param(first),
        *(pytest.param(each, marks=pytest.mark.nightly) for each in others),
    ]


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A browser that lives as long as the block, with ``more`` arguments."""
    executable = require("chromium")
    # Here, because a station's own installation has no driver and skips these tests.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=executable, headless=True, args=[*ARGUMENTS, *more]
        )
        yield found
        found.close()


@contextmanager
def beside(browser: Browser, *more: str) -> Iterator[Browser]:
    """Another browser with ``more`` arguments, while one is open: a driver is had once."""
    found = browser.browser_type.launch(
        executable_path=require("chromium"), headless=True, args=[*ARGUMENTS, *more]
    )
    yield found
    found.close()


def complaints_to(found: list[str]) -> Callable[[ConsoleMessage], None]:
    """Gathers what a page's console complains of: errors and warnings, not what it remarks.

    The browser remarks, for one, that a field was focused before the page could focus it.
    """

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(message.text)

    return hear
