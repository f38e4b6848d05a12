"""Applications, their decision cards, and the replay of a card."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.units import PPM
from core.wire.personal_data import DataClass
from server.console.desk import READERS, Desk
from server.console.figures.limit import points_bar
from server.console.views.application import (
    ApplicationPage,
    read_application,
    read_application_page,
    replay_now,
)
from server.console.words import message, say
from server.store.reports import Replay

_SHOWN = (
    *(DataClass.IDENTITY, DataClass.REGISTERED, DataClass.MONEY, DataClass.DECISIONS),
    *(DataClass.TELEMETRY, DataClass.IMAGERY),
)
VERDICTS = ("approve", "refer", "decline")
REPLAY_WORDS = {
    Replay.SAME: message(
        "The signature holds, and the same inputs gave the same outcome, byte for byte."
    ),
    Replay.DIFFERS: message("The same inputs give another outcome than the card states."),
    Replay.UNKNOWN_MODEL: message("The model that the card names is not registered here."),
    Replay.UNKNOWN_POLICY: message(
        "The product version that the card names is not registered here."
    ),
    Replay.BAD_SIGNATURE: message("The card’s signature does not hold."),
    Replay.UNREADABLE: message("The card cannot be decided again."),
}


def routes(desk: Desk) -> list[Route]:
    """The addresses of applications."""

    def applications(request: Request) -> Response:
        visitor = desk.visitor(request)
        wanted = request.query_params.get("verdict", "")
        with desk.reading(visitor) as tx:
            found = read_application_page(
                tx, wanted if wanted in VERDICTS else "", request.query_params.get("before", "")
            )
        seen = [row.kept.application.farmer_id for row in found.rows]
        desk.saw(visitor, "applications", (DataClass.IDENTITY, DataClass.DECISIONS), *seen, "")
        context = {
            "rows": found.rows,
            "counts": {verdict: found.counts.get(verdict, 0) for verdict in VERDICTS},
            "wanted": wanted if wanted in VERDICTS else "",
            "older": found.older,
        }
        return desk.page(request, "applications.html", context, visitor)

    def application(request: Request) -> Response:
        visitor = desk.visitor(request)
        application_id = request.path_params["application_id"]
        with desk.reading(visitor) as tx:
            shown = read_application(tx, application_id, desk.centre.keys)
        desk.saw(visitor, "application", _SHOWN, shown.farmer.farmer_id if shown.farmer else "")
        return desk.page(request, "application.html", _context(shown), visitor)

    async def replay(request: Request) -> Response:
        return await run_in_threadpool(again, request, await request.form())

    def again(request: Request, form: FormData) -> Response:
        visitor = desk.permit(request, form, *READERS)
        with desk.reading(visitor) as tx:
            decision, outcome, detail = replay_now(
                tx, request.path_params["card_id"], desk.centre.keys
            )
            shown = read_application(tx, decision.application_id, desk.centre.keys)
        result = {"outcome": outcome.value, "words": say(REPLAY_WORDS[outcome]), "detail": detail}
        if request.headers.get("hx-request") == "true":
            return desk.page(request, "replay.html", {"result": result})
        context = {**_context(shown), "result": result}
        return desk.page(request, "application.html", context, visitor)

    return [
        Route("/applications", applications, methods=["GET"]),
        Route("/applications/{application_id}", application, methods=["GET"]),
        Route("/cards/{card_id}/replay", replay, methods=["POST"]),
    ]


def _context(shown: ApplicationPage) -> dict[str, object]:
    most = max([1, *(abs(row.difference) for row in shown.features)])
    return {
        "shown": shown,
        "bars": {row.definition.name: points_bar(row.difference, most) for row in shown.features},
        "result": None,
        "ppm": PPM,
    }
