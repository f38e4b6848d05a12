"""A person's own second factor: a secret for their phone, confirmed by a code of it.

The secret and the spare codes are shown in the answer that makes them and never again. Whoever
begins gives the password once more, or a code of what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server import one_time
from server.console.desk import READERS, Desk, Visitor
from server.console.pages.door import CODE_CHARACTERS_MAX, WRONG_CODE
from server.console.pages.stepping import passed
from server.console.session import visit_hash
from server.console.words import say
from server.services import second_factor
from server.services.centre import RequestError, Work
from server.services.second_factor import Offer
from server.store import second_factors, visits

BEGIN, CONFIRM = "begin", "confirm"
FACTOR_ID_CHARACTERS_MAX = 64


def routes(desk: Desk) -> list[Route]:
    """The page's address, open also to whom a second factor is needed of first."""

    def own(request: Request) -> Response:
        return _page(desk, request, desk.enrolling(request))

    async def act(request: Request) -> Response:
        return await run_in_threadpool(_act, desk, request, await request.form())

    path = "/me/second-factor"
    return [Route(path, own, methods=["GET"]), Route(path, act, methods=["POST"])]


def _act(desk: Desk, request: Request, form: FormData) -> Response:
    visitor = desk.permit_enrolling(request, form, *READERS)
    act = str(form.get("act", ""))
    if act == BEGIN:
        return passed(desk, request, form, visitor, lambda: _begin(desk, request, visitor))
    if act == CONFIRM:
        return _confirm(desk, request, form, visitor)
    raise RequestError(f"expected {BEGIN} or {CONFIRM}, got {act[:40]!r}")


def _begin(desk: Desk, request: Request, visitor: Visitor) -> Response:
    def act(work: Work) -> Offer:
        return second_factor.offer(work, visitor.actor, desk.centre.new_token)

    offer = desk.centre.write(act)
    return _page(desk, request, visitor, {"offer": offer, "factor_id": offer.factor_id})


def _confirm(desk: Desk, request: Request, form: FormData, visitor: Visitor) -> Response:
    factor_id = str(form.get("factor_id", ""))[:FACTOR_ID_CHARACTERS_MAX]
    code = str(form.get("code", ""))[:CODE_CHARACTERS_MAX]
    wait_s = desk.throttle.take(visitor.username)
    if wait_s:
        words = say("Too many wrong codes. Wait {count} seconds and try again.", count=wait_s)
        return _page(desk, request, visitor, {"factor_id": factor_id, "fault": words}, 429)
    now_step = one_time.step_of(desk.centre.wall_ms())

    def act(work: Work) -> tuple[str, ...]:
        proof = (factor_id, code)
        made = second_factor.confirm(work, visitor.actor, proof, now_step, desk.centre.new_token)
        if made:  # whoever came in by the password alone comes in anew
            ended = (work.at_ms, visitor.username)
            visits.end_all(work.tx, visitor.username, ended, visit_hash(visitor.visit))
        return made

    spare = desk.centre.write(act)
    if not spare:
        wrong = {"factor_id": factor_id, "fault": say(WRONG_CODE)}
        return _page(desk, request, visitor, wrong, 403)
    desk.throttle.right(visitor.username)
    return _page(desk, request, visitor, {"spare": spare})


def _page(
    desk: Desk, request: Request, visitor: Visitor, more: Mapping[str, object] | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    with desk.centre.store.reading() as tx:
        held = second_factors.in_force(tx, visitor.username)
        left = second_factors.codes_left(tx, held) if held else 0
    shown = {
        "held": held, "left": left, "offer": None, "factor_id": "", "fault": "", "spare": (),
        "needed": desk.centre.settings.second_factor == second_factor.NEEDED
        and visitor.role in second_factor.ENROLLING,
        **(more or {}),
    }  # fmt: skip
    return desk.page(request, "second_factor.html", shown, visitor, status)
