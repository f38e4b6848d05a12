"""Pages on which a farmer asks for a person, complains or appeals, and sees the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from core.units import civil_date
from core.wire.appeals import Appeal, AppealKind, AppealTopic
from edge_node.decide import appeals as rules
from edge_node.decide.appeals import Asking
from edge_node.decide.desk import RequestError
from edge_node.faces.kiosk.front import Front
from edge_node.faces.kiosk.heard import of_saved
from edge_node.faces.kiosk.kiosk_words import KINDS, OUTCOMES, TOPICS
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import Said, says, unspoken
from edge_node.faces.kiosk.visited import Visited, go
from edge_node.faces.kiosk.visits import Visit
from edge_node.store import appeals as kept
from edge_node.store.appeals import KeptAppeal

Text = Annotated[str, Form()]
SENT = "A person at the lender reads it and answers you here. Nothing of yours changes meanwhile."
WRITTEN, BY = "It is written down", "You are answered by {day} at the latest."
_KINDS = {each.value: each for each in AppealKind}
_TOPICS = {each.value: each for each in AppealTopic}


def appeal_pages(front: Front, rendering: Rendering) -> APIRouter:
    """The routes of these pages."""
    acts, router = _AppealPages(front, rendering), APIRouter()
    for method, path, act in (
        ("GET", "/ask", acts.asking),
        ("POST", "/ask", acts.ask),
        ("GET", "/asked/{appeal_id}", acts.asked),
    ):
        router.add_api_route(path, act, methods=[method], response_model=None)
    return router


class _AppealPages(Visited):
    """What each page does."""

    def asking(
        self, request: Request, kind: str = "", topic: str = "", about: str = ""
    ) -> Response:
        visit = self._visit(request)
        shown = {"kind": kind, "topic": topic, "about": about}
        if kind not in _KINDS:
            found = self._teller.act(lambda db, _desk, _clock: kept.of_farmer(db, visit.farmer_id))
            asks = [says(KINDS[each]) for each in ("person", "complaint")]
            said = [says("What do you want to ask?"), *asks, *_said_of(found)]
            more = _rest_of(found)
            return self._page("ask.html", visit, asked=found, said=said, more=more, **shown)
        if topic not in _TOPICS and _KINDS[kind] is AppealKind.COMPLAINT:
            said = [says("What is it about?"), *(says(TOPICS[each.value]) for each in AppealTopic)]
            return self._page("ask_topic.html", visit, topics=list(AppealTopic), said=said, **shown)
        appeal_id = self._teller.mint()
        about_it = kind == AppealKind.COMPLAINT.value and topic in _TOPICS
        said = [says(KINDS[kind]), *((says(TOPICS[topic]),) if about_it else ()), says(SENT)]
        return self._page("ask_sure.html", visit, appeal_id=appeal_id, said=said, **shown)

    def ask(
        self,
        request: Request,
        csrf: Text,
        appeal_id: Text,
        kind: Text,
        topic: Text = "",
        about: Text = "",
    ) -> Response:
        visit = self._form(request, csrf, helper_may=True)
        if kind not in _KINDS:
            raise RequestError(f"expected one of {', '.join(_KINDS)}, got {kind[:20]!r}")
        asking = Asking(
            appeal_id=appeal_id,
            kind=_KINDS[kind],
            topic=_TOPICS.get(topic, AppealTopic.OTHER),
            about=about,
            language=visit.language,
            helped=visit.helped,
            helped_by=visit.helped_by,
        )
        asked = self._teller.act(
            lambda db, desk, clock: rules.ask(db, desk, visit.farmer_id, asking, clock)
        )
        return go(f"/asked/{asked.appeal_id}")

    def asked(self, request: Request, appeal_id: str) -> Response:
        visit = self._visit(request)
        asked = self._of(visit, appeal_id)
        day = civil_date(asked.answer_by)
        told = [says(BY, day=day)] if day is not None else []
        return self._page(
            "asked.html", visit, asked=asked, said=[says(WRITTEN), *told],
            more=[says("The answer comes to this screen."), *of_saved(asked.opened_on)],
        )  # fmt: skip

    def _of(self, visit: Visit, appeal_id: str) -> Appeal:
        found = self._teller.act(lambda db, _desk, _clock: kept.of_farmer(db, visit.farmer_id))
        for each in found:
            if each.appeal.appeal_id == appeal_id:
                return each.appeal
        raise RequestError("expected something that you asked here")


def _said_of(found: Sequence[KeptAppeal]) -> list[Said]:
    """Of the newest question, by when it is answered; a person's own words are not spoken."""
    newest = found[0] if found else None
    if newest is None or newest.answer is not None:
        return [says(OUTCOMES[newest.answer.outcome.value])] if newest and newest.answer else []
    day = civil_date(newest.appeal.answer_by)
    return [says(BY, day=day)] if day is not None else []


def _rest_of(found: Sequence[KeptAppeal]) -> list[Said]:
    """All that was asked, on which day, and how it was answered; a person's words are read."""
    told = [says("What you have asked")] if found else []
    for each in found:
        day = civil_date(each.appeal.opened_on)
        told += [says(KINDS[each.appeal.kind.value]), says("Asked on {day}.", day=day or "")]
        if each.appeal.kind is AppealKind.COMPLAINT:
            told.append(says(TOPICS[each.appeal.topic.value]))
        if each.answer is not None:
            told += [says(OUTCOMES[each.answer.outcome.value]), unspoken()]
        elif (by := civil_date(each.appeal.answer_by)) is not None:
            told.append(says(BY, day=by))
    return told
