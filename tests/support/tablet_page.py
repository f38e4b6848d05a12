"""A tablet's page in a browser: where it goes, what its outbox holds, when it is done."""

from __future__ import annotations

ASKED_MAX = 600


def go(page, path):
    page.evaluate("path => { location.hash = path; }", path)


def rows(page):
    """The outbox as it is kept: state by kind, in order."""
    return page.evaluate(
        """async () => {
          const { vault } = await import("/tablet/vault.js");
          const rows = await (await vault()).getAll("operations");
          return rows.map((row) => [row.kind, row.state]);
        }"""
    )


def until(page, asked, arg=None):
    """Ask the page again and again until it says yes; a promise is waited for."""
    for _ in range(ASKED_MAX):
        if page.evaluate(asked, arg):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"expected a yes to: {asked}")


def until_kept(page):
    """Wait until the page's parts are all here, so that it opens without a station."""
    page.evaluate("() => navigator.serviceWorker.ready.then(() => 1)")
    until(page, "async () => Boolean(await caches.match('/tablet/shell.json'))")


def sync(page):
    return page.evaluate("async () => (await import('/tablet/outbox.js')).sync()")


def until_rows(page, wanted):
    """Speak with the station until the outbox says so, as the page does by itself."""
    until(
        page,
        """async wanted => {
          const { sync } = await import("/tablet/outbox.js");
          const { vault } = await import("/tablet/vault.js");
          await sync();
          const rows = await (await vault()).getAll("operations");
          const found = rows.map((row) => [row.kind, row.state]);
          return JSON.stringify(found) === JSON.stringify(wanted);
        }""",
        wanted,
    )


def until_handed_in(page):
    """Until nothing is on the tablet alone."""
    until(
        page,
        """async () => {
          const { sync, unsafe } = await import("/tablet/outbox.js");
          const { reached } = await sync();
          const left = await unsafe();
          return reached && !left.operations && !left.photos;
        }""",
    )
