"""A line's page shows every lease that is out, and folds away what was given back long ago."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from core.wire import records as rec
from server.app import create_app
from server.console.views.line import LinePage, read_line
from server.store import lines
from tests.support.centre import Served
from tests.support.console_book import PASSWORD, Book, build_book
from tests.support.factor_door import token_in

TODAY = date(2026, 7, 12)
FIRST = 8  # so many are shown, or all that are out


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    found = build_book(tmp_path_factory.mktemp("leases"), farmers=6, every_days=10)
    yield found
    found.centre.store.close()


@pytest.fixture(scope="module")
def lender(book: Book) -> Iterator[httpx.Client]:
    served = Served(create_app(book.centre))
    with httpx.Client(base_url=f"{served.url}/console", timeout=30) as client:
        form = {"name": "lender", "password": PASSWORD, "next": ""}
        form["token"] = token_in(client.get("/login").text)
        assert client.post("/login", data=form).status_code == 303
        yield client
    served.close()


def most_leased(book: Book) -> LinePage:
    with book.centre.store.reading() as tx:
        pages = [read_line(tx, one.line_id, TODAY, book.at_ms[0]) for one in lines.every(tx)]
    return max(pages, key=lambda page: len(page.leases))


def folded(client: httpx.Client, line_id: str) -> tuple[int, int]:
    """Rows of leases that are seen at once, and rows behind the fold."""
    text = client.get(f"/lines/{line_id}").text
    section = text[text.index('id="leases-title"') :].partition("</section>")[0]
    seen, _, behind = section.partition("<details")
    return tuple(len(re.findall('<th scope="row">', part)) for part in (seen, behind))


def test_what_is_out_is_never_folded_away_and_what_was_given_back_is(book, lender):
    page = most_leased(book)
    line_id, all_ = page.line.line_id, len(page.leases)
    assert all_ > FIRST
    assert not any(row.closed for row in page.leases)
    assert folded(lender, line_id) == (all_, 0)
    newest, *older = [row for row in page.leases if row.lease.line_id == line_id]
    for row in (newest, *older[:2]):
        back = rec.LeaseClosed(row.lease.lease_id, row.used_minor)
        book.send((rec.Up.LEASE_CLOSED, back))
    again = most_leased(book).leases  # for each given back the centre signed a new one
    assert [row.closed for row in again] == [False] * all_ + [True] * 3
    assert again[-3].lease == newest.lease, "of those given back the newest first"
    assert folded(lender, line_id) == (all_, 3)
    assert "3 older ones" in lender.get(f"/lines/{line_id}").text
