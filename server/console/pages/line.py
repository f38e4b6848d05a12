"""A line's page."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.wire.personal_data import DataClass
from server.console.desk import Desk
from server.console.figures.limit import limit_picture, meter
from server.console.pages.stepping import passed
from server.console.render import PREFIX
from server.console.views.flags import read_flags
from server.console.views.line import LinePage, read_line
from server.console.words import long_day, message, money, say
from server.services.centre import Centre, RequestError
from server.services.freezing import FreezeReason, freeze, thaw
from server.store import lines
from server.store.lines import Line
from server.store.people import Actor, Role

Act = Callable[[Centre, str, FreezeReason, Actor], Line]
WORDS = {
    FreezeReason.VISIT_PENDING: message("A visit to the field is pending"),
    FreezeReason.IDENTITY_IN_DOUBT: message("The borrower’s identity is in doubt"),
    FreezeReason.DISPUTE: message("The borrower disputes a draw"),
    FreezeReason.HARDSHIP: message("Illness, death or disaster in the household"),
    FreezeReason.STATION_IN_DOUBT: message("The station is in doubt"),
    FreezeReason.CLEARED: message("Looked into and cleared"),
}

_SHOWN = (
    *(DataClass.IDENTITY, DataClass.REGISTERED, DataClass.MONEY, DataClass.DECISIONS),
    DataClass.IMAGERY,
)


def routes(desk: Desk) -> list[Route]:
    """The address of each line."""

    def line(request: Request) -> Response:
        visitor = desk.visitor(request)
        line_id = request.path_params["line_id"]
        with desk.reading(visitor) as tx:
            shown = read_line(tx, line_id, desk.today(tx), desk.centre.now_ms())
            flags = read_flags(tx, [each.subject_id for each in shown.subjects])
        desk.saw(visitor, "line", _SHOWN, shown.line.farmer_id)
        context = {
            "shown": shown,
            "flags": flags,
            "sentence": sentence(shown),
            "reasons": [(each.value, say(WORDS[each])) for each in FreezeReason],
            "picture": limit_picture(shown.story, sentence(shown)),
            "meters": [
                meter(term.share, "meter-bind" if term.told.binds else "meter-fill")
                for term in shown.terms
            ],
        }
        return desk.page(request, "line.html", context, visitor)

    async def stop(request: Request) -> Response:
        return await run_in_threadpool(_act, desk, request, await request.form(), freeze)

    async def go_on(request: Request) -> Response:
        return await run_in_threadpool(_act, desk, request, await request.form(), thaw)

    return [
        Route("/lines/{line_id}", line, methods=["GET"]),
        Route("/lines/{line_id}/freeze", stop, methods=["POST"]),
        Route("/lines/{line_id}/thaw", go_on, methods=["POST"]),
    ]


def _act(desk: Desk, request: Request, form: FormData, act: Act) -> Response:
    """Freeze or thaw, and lead back to the line."""
    visitor = desk.permit(request, form, Role.SUPERVISOR)
    line_id = request.path_params["line_id"]
    given = str(form.get("reason", ""))
    reason = next((each for each in FreezeReason if each.value == given), None)
    if reason is None:
        known = ", ".join(each.value for each in FreezeReason)
        raise RequestError(f"expected a reason among {known}, got {given[:40]!r}")
    with desk.reading(visitor) as tx:
        lines.get(tx, line_id)  # nobody stops a line that they may not see

    def done() -> Response:
        act(desk.centre, line_id, reason, visitor.actor)
        return RedirectResponse(f"{PREFIX}/lines/{quote(line_id, safe='')}", 303)

    return passed(desk, request, form, visitor, done)


def sentence(shown: LinePage) -> str:
    """The line in one plain sentence."""
    line, stands = shown.line, shown.stands
    limit = money(line.limit_minor, line.currency)
    if not line.is_open:
        return say("This line is closed; its limit was {limit}.", limit=limit)
    facts = {
        "limit": limit,
        "drawn": money(stands.owed.principal_minor, line.currency),
        "leased": money(stands.leased_minor, line.currency),
        "station": line.station,
        "due": long_day(line.due_on),
    }
    if line.frozen:
        return say(
            "Of a limit of {limit}, {drawn} is drawn and {leased} is leased to {station} but new "
            "draws wait until the line goes on; what is owed falls due on {due}.",
            **facts,
        )
    return say(
        "Of a limit of {limit}, {drawn} is drawn and {leased} is leased to {station} and may be "
        "drawn there without a network; what is owed falls due on {due}.",
        **facts,
    )
