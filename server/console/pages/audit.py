"""The trail: searched by who, what, to whom and when, and whether its chain holds."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.console.desk import READERS, Desk
from server.console.render import PREFIX
from server.services.trail import (
    BEGINNING,
    ROWS_A_PAGE,
    TEXT_CHARACTERS_MAX,
    Checked,
    Search,
    check,
    search,
)
from server.store import people
from server.store.engine import Tx

NUMBER_DIGITS_MAX = 15


class ChainCheck:
    """How far this process has followed the chain; each look goes on from there."""

    def __init__(self) -> None:
        self._known = BEGINNING
        self._lock = Lock()

    def go_on(self, tx: Tx) -> Checked:
        """Follow the chain a bounded way further."""
        with self._lock:
            if not self._known.fault:
                self._known = check(tx, self._known)
            return self._known

    def forget(self) -> None:
        """Begin at the first line again."""
        with self._lock:
            self._known = BEGINNING


def routes(desk: Desk) -> list[Route]:
    """The trail's addresses."""
    chain = ChainCheck()

    def trail(request: Request) -> Response:
        visitor = desk.visitor(request)
        asked = read_search(request.query_params)
        with desk.reading(visitor) as tx:
            rows = search(tx, asked)
            known = people.actions(tx)
        context = {
            "asked": asked, "rows": rows, "actions": known, "state": None, "length": 0,
            "query": _query(asked), "older": _older(asked, rows),
        }  # fmt: skip
        if visitor.scope.is_whole:
            with desk.centre.store.reading() as tx:
                context |= {"state": chain.go_on(tx), "length": people.trail_length(tx)}
        return desk.page(request, "audit.html", context, visitor)

    def again(request: Request, form: FormData) -> Response:
        desk.permit(request, form, *READERS)
        chain.forget()
        return RedirectResponse(f"{PREFIX}/audit", 303)

    async def check_again(request: Request) -> Response:
        return await run_in_threadpool(again, request, await request.form())

    return [
        Route("/audit", trail, methods=["GET"]),
        Route("/audit/check", check_again, methods=["POST"]),
    ]


def read_search(given: Mapping[str, str]) -> Search:
    """The search in an address."""
    before = given.get("before", "")
    texts = {
        name: given.get(name, "").strip()[:TEXT_CHARACTERS_MAX]
        for name in ("actor", "action", "kind", "subject", "from_on", "to_on")
    }
    is_number = before.isdecimal() and len(before) <= NUMBER_DIGITS_MAX
    return Search(**texts, before=int(before) if is_number else 0)


def _query(asked: Search, before: int = 0) -> str:
    named = {
        "actor": asked.actor, "action": asked.action, "kind": asked.kind,
        "subject": asked.subject, "from_on": asked.from_on, "to_on": asked.to_on,
        "before": str(before) if before else "",
    }  # fmt: skip
    return urlencode({name: value for name, value in named.items() if value})


def _older(asked: Search, rows: tuple[people.AuditRow, ...]) -> str:
    return _query(asked, rows[-1].seq) if len(rows) == ROWS_A_PAGE else ""
