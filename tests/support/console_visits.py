"""Visits to the console in a browser; whatever the browser complains of fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.console_book import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = {"phone": (390, 844), "tablet": (820, 1180), "desk": (1440, 900)}


@contextmanager
def visits(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """How somebody comes in: by name, on a screen, with scripts or without."""
    complaints: list[str] = []
    contexts = []

    def come(name: str = "supervisor", size: str = "desk", *, scripts: bool = True) -> Page:
        width, height = WIDTHS[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(url) else complaints.append(r.url))
        page.goto(f"{url}/login")
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(f"{url}/")
        return page

    yield come
    for context in contexts:
        context.close()
    assert complaints == []
