"""Pages by which a farmer is known: touch pictures, choose them, an agent beside the farmer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from edge_node.decide.desk import RequestError
from edge_node.decide.pictures import LENGTH, PICTURES, weak
from edge_node.faces.kiosk.front import COOKIE, Front, source_of
from edge_node.faces.kiosk.kiosk_words import PROBLEMS
from edge_node.faces.kiosk.knowing import Answered, Knowing
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import says
from edge_node.faces.kiosk.visited import Visited, go
from edge_node.faces.kiosk.visits import SOMEONE, Proof, Visit

Text = Annotated[str, Form()]
KEEP = "Keep them in your head, and show them to nobody, not to the agent either."
WAIT = "Those were not your pictures. Try again in {seconds} seconds."
CHOOSE = "Choose four pictures that only you know"


def knowing_pages(front: Front, rendering: Rendering, knowing: Knowing) -> APIRouter:
    """The routes of these pages."""
    acts, router = _KnowingPages(front, rendering, knowing), APIRouter()
    for method, path, act in (
        ("GET", "/known", acts.known),
        ("POST", "/known", acts.touch),
        ("GET", "/with-agent", acts.with_agent),
        ("POST", "/with-agent", acts.vouch),
        ("GET", "/code", acts.code),
        ("POST", "/code", acts.choose),
        ("GET", "/helped", acts.helped),
        ("POST", "/helped", acts.say_helped),
    ):
        router.add_api_route(path, act, methods=[method], response_model=None)
    return router


class _KnowingPages(Visited):
    """What each page does."""

    def __init__(self, front: Front, rendering: Rendering, knowing: Knowing) -> None:
        super().__init__(front, rendering)
        self._knowing = knowing

    def known(self, request: Request) -> Response:
        visit = self._visits.waiting(request.cookies.get(COOKIE))
        return self._touching(visit, ()) if visit.waits else go("/home")

    def touch(self, request: Request, csrf: Text, add: Text, so_far: Text = "") -> Response:
        cookie = request.cookies.get(COOKIE, "")
        visit = self._visits.require_form(cookie, csrf, waits=True, helper_may=True)
        touched = _sequence(so_far, add)
        if not visit.waits:
            return go("/home")
        if len(touched) < LENGTH:
            return self._touching(visit, touched)
        answered = self._knowing.answer(cookie, visit, touched)
        if answered is Answered.KNOWN:
            return go(self._visits.current(cookie).may or "/home")
        return self._touching(visit, (), wrong=answered is Answered.WRONG)

    def with_agent(self, request: Request, unknown: int = 0) -> Response:
        visit = self._visits.waiting(request.cookies.get(COOKIE))
        message = "The agent holds their own card to the reader"
        problem = [says("This is no agent's card here.")] if unknown else []
        said = [says(message), *problem, says("It is written down that the agent was with you.")]
        return self._page("with_agent.html", visit, unknown=bool(unknown), said=said)

    def vouch(self, request: Request, csrf: Text, card: Text) -> Response:
        cookie = request.cookies.get(COOKIE, "")
        visit = self._visits.require_form(cookie, csrf, waits=True)
        source = source_of(request)
        agent = None if self._visits.rests(source) else self._knowing.agent(card)
        if agent is None:
            self._visits.fail(source)
            return go("/with-agent?unknown=1")
        self._knowing.vouch(cookie, visit, agent)
        return go("/code" if self._knowing.standing(visit.farmer_id).chosen else "/home")

    def code(self, request: Request, helper: str = "") -> Response:
        cookie = request.cookies.get(COOKIE, "")
        visit = self._visits.require_own(cookie)
        return self._again(cookie, visit, helper) or self._choosing(visit, helper, ())

    def choose(
        self,
        request: Request,
        csrf: Text,
        add: Text,
        so_far: Text = "",
        first: Text = "",
        helper: Text = "",
    ) -> Response:
        cookie, visit = request.cookies.get(COOKIE, ""), self._form(request, csrf)
        if (again := self._again(cookie, visit, helper)) is not None:
            return again
        touched, chosen = _sequence(so_far, add), _sequence(first)
        if len(touched) < LENGTH:
            return self._choosing(visit, helper, touched, first=chosen)
        if not chosen and not weak(touched):
            return self._choosing(visit, helper, (), first=touched)
        problem = "" if touched == chosen else "differs" if chosen else "plain"
        if not problem and not self._knowing.choose(visit, touched, helper):
            problem = "taken"
        if problem:
            return self._choosing(visit, helper, (), problem=problem)
        self._visits.forget_leave(cookie)
        return go("/helpers" if helper else "/home?chosen=1")

    def helped(self, request: Request) -> Response:
        visit = self._visit(request)
        found = self._knowing.helpers(visit.farmer_id)
        said = [
            says("Who is with you?"), says("It is written down with what you agree to."),
            says("Nobody: I am alone"), says("Someone is helping me"),
        ]  # fmt: skip
        return self._page("helped.html", visit, helpers=found, someone=SOMEONE, said=said)

    def say_helped(self, request: Request, csrf: Text, who: Text = "") -> Response:
        visit = self._form(request, csrf)
        known = {each.helper_id for each in self._knowing.helpers(visit.farmer_id)}
        if who not in {"", SOMEONE, *known}:
            raise RequestError("expected one of your helpers, someone, or nobody")
        if visit.proof is not Proof.AGENT:
            self._visits.stand_beside(request.cookies.get(COOKIE, ""), who)
        return go("/home")

    def _again(self, cookie: str, visit: Visit, helper: str) -> Response | None:
        """Where pictures are chosen already: those first, whoever stands before an open visit."""
        page = f"/code?helper={helper}" if helper else "/code"
        known = visit.proof is Proof.AGENT or visit.may == page
        if known or not self._knowing.standing(visit.farmer_id).chosen:
            return None
        self._visits.ask_again(cookie, page)
        return go("/known")

    def _touching(self, visit: Visit, touched: tuple[str, ...], *, wrong: bool = False) -> Response:
        stands = self._knowing.standing(visit.farmer_id)
        said = [says("Touch your pictures")]
        if wrong:
            said += [says("Those were not your pictures. Try again.")]
        if stands.wait_s:
            said = [says("Please wait"), says(WAIT, seconds=stands.wait_s)]
        if stands.locked:
            locked = "They were wrong too often. Come with an agent and choose new ones."
            said = [says("These pictures are locked"), says(locked)]
        return self._page(
            "known.html", visit, stands=stands, touched=touched, wrong=wrong, pictures=PICTURES,
            length=LENGTH, said=() if touched else said, more=said if touched else (),
        )  # fmt: skip

    def _choosing(
        self,
        visit: Visit,
        helper: str,
        touched: tuple[str, ...],
        *,
        first: tuple[str, ...] = (),
        problem: str = "",
    ) -> Response:
        name = self._knowing.helper_name(visit.farmer_id, helper) if helper else ""
        message = "{name} chooses four pictures now" if helper else CHOOSE
        asked = says(message, name="") if helper else says(message)
        asked = says("Touch the same pictures once more") if first else asked
        said = [asked, *((says(PROBLEMS[problem]),) if problem else ())]
        said = said if first else [*said, says(KEEP)]
        return self._page(
            "code.html", visit, touched=touched, first=first, problem=problem, helper=helper,
            helper_name=name, pictures=PICTURES, length=LENGTH, said=() if touched else said,
            more=said if touched else (),
        )  # fmt: skip


def _sequence(*texts: str) -> tuple[str, ...]:
    """Pictures as a form holds them.

    Raises
    ------
    RequestError
        If one is not on the screen, or there are too many.
    """
    found = tuple(each for text in texts for each in text[:100].split(",") if each)
    if len(found) > LENGTH or not set(found) <= set(PICTURES):
        raise RequestError(f"expected at most {LENGTH} of the pictures on the screen")
    return found
