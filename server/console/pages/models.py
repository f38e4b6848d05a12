"""The page of models: which one decides, who challenges it, where it is rolled out, drift.

Acts are those of a model's life (:mod:`server.services.model_steps`), each with a reason and
the password asked again; they count only while the model stands as it was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.units import PPM, civil_day
from server.console.desk import DECIDERS, READERS, Desk, Visitor
from server.console.pages.shares import percent_of
from server.console.pages.stepping import passed
from server.console.render import PREFIX
from server.console.views.model_acts import STOPS, WORDS, comparison_rows, read_acts
from server.console.views.models import read_models
from server.services.access import require_whole
from server.services.centre import RequestError
from server.services.model_life import rollout
from server.services.model_life.comparison import compare
from server.services.model_life.standing import life_of_models
from server.services.model_steps import Event, Why
from server.services.review_queue.answering import ReviewChangedError
from server.store import models

REASON_CHARS_MAX = 400
COMPARE = "compare"
Act = Callable[[Desk, str, FormData, Visitor], object]


def routes(desk: Desk) -> list[Route]:
    """The page's addresses."""
    return desk.routes("/models", partial(_page, desk), partial(_act, desk))


def _page(desk: Desk, request: Request, visitor: Visitor, beside: object = None) -> Response:
    require_whole(visitor.scope)
    with desk.reading(visitor) as tx:
        found = read_models(tx, desk.centre.now_ms())
        acts = read_acts(tx, visitor.actor)
    context = {
        "found": found, "acts": acts, "beside": beside, "act_words": WORDS, "stops": STOPS,
        "reason_max": REASON_CHARS_MAX, "may": visitor.role in DECIDERS,
    }  # fmt: skip
    return desk.page(request, "models.html", context, visitor)


def _act(desk: Desk, request: Request, form: FormData) -> Response:
    wanted, sha256 = str(form.get("act", "")), str(form.get("model", ""))
    if wanted == COMPARE:
        return _compare(desk, request, desk.permit(request, form, *READERS), sha256)
    visitor = desk.permit(request, form, *DECIDERS)
    require_whole(visitor.scope)
    event = next((each for each in _ACTS if each.value == wanted), None)
    if event is None:
        raise RequestError(f"expected one of {', '.join(each.value for each in _ACTS)}")
    if not 0 < len(_reason(form)) <= REASON_CHARS_MAX:
        raise RequestError(f"expected a reason of 1 to {REASON_CHARS_MAX} characters")

    def done() -> Response:
        _require_as_shown(desk, visitor, sha256, str(form.get("seen", "")))
        _ACTS[event](desk, sha256, form, visitor)
        return RedirectResponse(f"{PREFIX}/models", 303)

    return passed(desk, request, form, visitor, done)


def _require_as_shown(desk: Desk, visitor: Visitor, sha256: str, seen: str) -> None:
    with desk.reading(visitor) as tx:
        lives = {life.model.sha256: life for life in life_of_models(tx)}
    if sha256 not in lives:
        raise RequestError(f"expected a registered model, got {sha256[:64]!r}")
    steps = lives[sha256].steps
    if not steps or f"{steps[-1].serial}" != seen:
        raise ReviewChangedError(f"model {sha256[:12]} has moved on since it was shown: look again")


def _compare(desk: Desk, request: Request, visitor: Visitor, sha256: str) -> Response:
    require_whole(visitor.scope)
    with desk.reading(visitor) as tx:
        found = models.get(tx, sha256)
    told = compare(desk.centre, found, civil_day(desk.centre.now_ms(), 0))
    return _page(desk, request, visitor, (found, comparison_rows(told)))


def _reason(form: FormData) -> str:
    return str(form.get("reason", "")).strip()


def _step(event: Event, why: Why) -> Act:
    def act(desk: Desk, sha256: str, form: FormData, by: Visitor) -> object:
        return rollout.step(desk.centre, sha256, (event, why), by.actor, _reason(form))

    return act


def _stage(desk: Desk, sha256: str, form: FormData, by: Visitor) -> object:
    names = tuple(str(each) for each in form.getlist("station"))
    share, low, high = (percent_of(form, name) for name in ("share", "low", "high"))
    bounds = None
    if low is not None or high is not None:
        bounds = (low or 0, PPM if high is None else high)
    return rollout.stage(desk.centre, sha256, rollout.Stage(names, share, bounds), by.actor)


_ACTS: Mapping[Event, Act] = {
    Event.CHALLENGED: _step(Event.CHALLENGED, Why.TO_COMPARE),
    Event.PROPOSED: lambda desk, sha256, form, by: rollout.propose(
        desk.centre, sha256, by.actor, _reason(form)
    ),
    Event.APPROVED: _step(Event.APPROVED, Why.REVIEWED),
    Event.REFUSED: _step(Event.REFUSED, Why.NOT_CONVINCING),
    Event.WITHDRAWN: _step(Event.WITHDRAWN, Why.OFFICER),
    Event.STAGED: _stage,
    Event.PROMOTED: lambda desk, sha256, _, by: rollout.promote(desk.centre, sha256, by.actor),
    Event.HALTED: lambda desk, sha256, form, by: rollout.halt(
        desk.centre, sha256, by.actor, _reason(form)
    ),
    Event.RESUMED: lambda desk, sha256, form, by: rollout.resume(
        desk.centre, sha256, by.actor, _reason(form)
    ),
    Event.ROLLED_BACK: lambda desk, sha256, form, by: rollout.roll_back(
        desk.centre, sha256, by.actor, _reason(form)
    ),
}
