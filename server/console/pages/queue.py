"""The review queue: what waits for a second person, answered one by one or many at once.

An answer carries the mark of what was shown with each thing, one reason for all, and a
password that was given a short while ago; without one the same form comes back and asks.
"""

from __future__ import annotations

from functools import partial

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.wire.personal_data import DataClass
from server.console.desk import DECIDERS, Desk, Visitor
from server.console.pages.stepping import passed
from server.console.views.queue import KIND_NAMES, read_queue
from server.services.centre import RequestError
from server.services.review_queue.answering import REASON_CHARS_MAX, Pick, Said, answer
from server.services.review_queue.waiting import Kind

_SEEN = (DataClass.IDENTITY, DataClass.MONEY, DataClass.DECISIONS)


def routes(desk: Desk) -> list[Route]:
    """The queue's addresses."""
    return desk.routes("/queue", partial(_page, desk), partial(_answer, desk))


def _page(desk: Desk, request: Request, visitor: Visitor) -> Response:
    kind = kind_of(request.query_params.get("kind", ""))
    with desk.reading(visitor) as tx:
        work = desk.centre.work(tx, desk.centre.now_ms())
        shown = read_queue(work, kind, visitor.actor)
    desk.saw(visitor, "queue", _SEEN, *(row.waits.farmer_id for row in shown.rows), "")
    context = {
        "shown": shown, "names": KIND_NAMES, "reason_max": REASON_CHARS_MAX, "outcomes": (),
        "may": visitor.role in DECIDERS,
    }  # fmt: skip
    return desk.page(request, "queue.html", context, visitor)


def kind_of(text: str) -> Kind | None:
    """The kind of that name, if there is one."""
    return next((each for each in Kind if each.value == text), None)


def _answer(desk: Desk, request: Request, form: FormData) -> Response:
    visitor = desk.permit(request, form, *DECIDERS)
    picks = [_pick(str(each)) for each in form.getlist("pick")]
    said = Said(visitor.actor, _verdict(form), str(form.get("reason", "")).strip())
    return passed(desk, request, form, visitor, lambda: _told(desk, request, visitor, picks, said))


def _told(
    desk: Desk, request: Request, visitor: Visitor, picks: list[Pick], said: Said
) -> Response:
    outcomes = answer(desk.centre, visitor.scope, picks, said)
    with desk.reading(visitor) as tx:
        work = desk.centre.work(tx, desk.centre.now_ms())
        shown = read_queue(work, picks[0].kind, visitor.actor)
    context = {
        "shown": shown, "names": KIND_NAMES, "reason_max": REASON_CHARS_MAX,
        "outcomes": outcomes, "may": True,
    }  # fmt: skip
    status = 200 if all(not each.fault for each in outcomes) else 409
    return desk.page(request, "queue.html", context, visitor, status)


def _verdict(form: FormData) -> bool:
    given = form.get("answer")
    if given not in ("approve", "refuse"):
        raise RequestError(f"expected approve or refuse, got {str(given)[:40]!r}")
    return given == "approve"


def _pick(text: str) -> Pick:
    kind, _, rest = text.partition("/")
    item_id, _, seen = rest.rpartition("/")
    found = kind_of(kind)
    if found is None or not item_id or not seen:
        raise RequestError(f"expected something that waits, got {text[:80]!r}")
    return Pick(found, item_id, seen)
