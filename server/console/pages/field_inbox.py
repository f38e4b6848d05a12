"""What agents say is otherwise than registered: laid side by side, and chosen with a reason."""

from __future__ import annotations

from functools import partial

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.wire.personal_data import DataClass
from server.console.desk import DECIDERS, Desk, Visitor
from server.console.pages.stepping import passed
from server.console.render import PREFIX
from server.console.views.field_inbox import shown
from server.services.field_inbox import (
    REASON_CHARACTERS_MAX,
    VersionsChangedError,
    choose,
    inbox,
)

_SHOWN = (DataClass.IDENTITY, DataClass.REGISTERED, DataClass.VISITS)
STANDS = "registered"


def routes(desk: Desk) -> list[Route]:
    """The addresses of the inbox."""

    def page(request: Request, visitor: Visitor) -> Response:
        with desk.reading(visitor) as tx:
            matters = inbox(tx)
        desk.saw(visitor, "field_inbox", _SHOWN, *(one.farmer.farmer_id for one in matters), "")
        context = {
            "rows": [shown(one) for one in matters], "may": visitor.role in DECIDERS,
            "stands": STANDS, "reason_max": REASON_CHARACTERS_MAX,
        }  # fmt: skip
        return desk.page(request, "field_inbox.html", context, visitor)

    return desk.routes("/versions", page, partial(_choose, desk))


def _choose(desk: Desk, request: Request, form: FormData) -> Response:
    visitor = desk.permit(request, form, *DECIDERS)
    seen = [one for one in str(form.get("seen", "")).split(",") if one]
    picked = str(form.get("chosen", ""))
    with desk.reading(visitor) as tx:  # nobody chooses of farmers whom they may not see
        mine = {version.operation_id for one in inbox(tx) for version in one.versions}
    if not seen or not set(seen) <= mine:
        raise VersionsChangedError("expected the versions as they were shown: look again")
    reason = str(form.get("reason", ""))

    def done() -> Response:
        choose(desk.centre, seen, "" if picked == STANDS else picked, reason, visitor.actor)
        return RedirectResponse(f"{PREFIX}/versions", 303)

    return passed(desk, request, form, visitor, done)
