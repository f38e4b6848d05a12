"""What farmers ask a person at the kiosk: read, and answered in words that can be read out."""

from __future__ import annotations

from functools import partial

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.wire.appeals import WORDS_CHARACTERS_MAX, AppealOutcome
from core.wire.personal_data import DataClass
from server.console.desk import DECIDERS, Desk, Visitor
from server.console.pages.stepping import passed
from server.console.render import PREFIX
from server.console.words import message
from server.services import appeals
from server.services.appeals import Reply
from server.services.centre import RequestError
from server.store import appeals as store
from server.store.engine import NotKnownError
from server.store.people import Role

_SHOWN = (DataClass.IDENTITY, DataClass.DECISIONS)
OUTCOMES = {
    "appeal": (("stands", message("The decision stands")), ("changed", message("It is put right"))),
    "complaint": (("explained", message("Explained")),),
    "person": (("explained", message("Talked with")),),
}


def routes(desk: Desk) -> list[Route]:
    """The addresses of appeals."""

    def page(request: Request, visitor: Visitor) -> Response:
        with desk.reading(visitor) as tx:
            rows = appeals.waiting(desk.centre.work(tx, desk.centre.now_ms()))
        seen = [row.kept.appeal.farmer_id for row in rows]
        desk.saw(visitor, "appeals", _SHOWN, *seen, "")
        context = {
            "rows": rows, "outcomes": OUTCOMES, "may": visitor.role in DECIDERS,
            "may_change": visitor.role is Role.SUPERVISOR, "words_max": WORDS_CHARACTERS_MAX,
        }  # fmt: skip
        return desk.page(request, "appeals.html", context, visitor)

    return desk.routes("/appeals", page, partial(_answer, desk))


def _answer(desk: Desk, request: Request, form: FormData) -> Response:
    visitor = desk.permit(request, form, *DECIDERS)
    appeal_id, given = str(form.get("appeal_id", "")), str(form.get("outcome", ""))
    outcome = next((each for each in AppealOutcome if each.value == given), None)
    if outcome is None:
        raise RequestError(f"expected an outcome, got {given[:40]!r}")
    with desk.reading(visitor) as tx:
        known = store.find(tx, appeal_id)
    if known is None or known.answer is not None:
        raise NotKnownError(f"expected something that waits, got {appeal_id[:64]!r}")
    reply = Reply(outcome, str(form.get("words", "")))

    def done() -> Response:
        appeals.answer(desk.centre, appeal_id, reply, visitor.actor)
        return RedirectResponse(f"{PREFIX}/appeals", 303)

    return passed(desk, request, form, visitor, done)
