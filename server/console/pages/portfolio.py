"""The portfolio: search, filter, sort, page; and the way to each line."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.wire.evidence import Stage
from core.wire.personal_data import DataClass
from server.console.desk import Desk
from server.console.figures.limit import split_bar
from server.console.render import PREFIX
from server.console.views.book import Query, read_book, read_query
from server.services.collected import collected_after


def routes(desk: Desk) -> list[Route]:
    """The portfolio's address."""

    def portfolio(request: Request) -> Response:
        visitor = desk.visitor(request)
        query = read_query(request.query_params)
        with collected_after(), desk.reading(visitor) as tx:
            book = read_book(tx, query, desk.today(tx))
        seen = [row.farmer_id for row in book.rows]
        desk.saw(visitor, "portfolio", (DataClass.IDENTITY, DataClass.MONEY), *seen, "")
        context = {
            "book": book,
            "bars": {
                row.line_id: split_bar(row.limit_minor, row.drawn_minor, row.leased_minor)
                for row in book.rows
            },
            "stages": [stage.value for stage in Stage],
            "query": urlencode(book.query.link()),
            "link": lambda **changes: _link(book.query, **changes),
        }
        part = request.headers.get("hx-request") == "true"
        return desk.page(request, "book.html" if part else "portfolio.html", context, visitor)

    return [Route("/portfolio", portfolio, methods=["GET"])]


def _link(query: Query, **changes: object) -> str:
    """A link to the same portfolio, asked otherwise."""
    given = query.link(**changes)
    return f"{PREFIX}/portfolio" + (f"?{urlencode(given)}" if given else "")
