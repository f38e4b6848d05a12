"""Pages of what is the farmer's own to give, to take back and to end: data and agreements."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from core.reasons import Reason, ReasonCode
from core.wire.newplans import offer_sha256
from edge_node.decide.leaving import way_out_sha256
from edge_node.faces.kiosk.data_words import OTHER_ROLE, ROLES
from edge_node.faces.kiosk.front import COOKIE, Front
from edge_node.faces.kiosk.heard import of_left, of_new_plan, of_way_out
from edge_node.faces.kiosk.my_data import LOOKS_SHOWN, MyData
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import Said, of_purpose, says, unspoken
from edge_node.faces.kiosk.teller import LeaveForm
from edge_node.faces.kiosk.visited import Visited, go

Text = Annotated[str, Form()]


def own_pages(front: Front, rendering: Rendering) -> APIRouter:
    """The routes of these pages."""
    acts, router = _OwnPages(front, rendering), APIRouter()
    for method, path, act in (
        ("GET", "/agreements", acts.agreements),
        ("POST", "/agree", acts.agree),
        ("POST", "/withdraw", acts.withdraw),
        ("GET", "/leave/{line_id}", acts.way_out),
        ("POST", "/leave/{line_id}", acts.leave),
        ("GET", "/left/{line_id}", acts.left),
        ("GET", "/plan/{line_id}", acts.new_plan),
        ("POST", "/plan/{line_id}", acts.agree_to_plan),
    ):
        router.add_api_route(path, act, methods=[method], response_model=None)
    return router


class _OwnPages(Visited):
    """What each page does."""

    def agreements(self, request: Request) -> Response:
        visit = self._visits.require_own(request.cookies.get(COOKIE))
        data = self._teller.my_data(visit.farmer_id)
        said = _of_data(data)
        return self._page("agreements.html", visit, data=data, looks_max=LOOKS_SHOWN, said=said)

    def agree(self, request: Request, csrf: Text, purpose: Text, helped: Text = "") -> Response:
        visit = self._form(request, csrf)
        if purpose in self._teller.my_data(visit.farmer_id).open_asks:
            self._teller.grant(
                visit.farmer_id, purpose, visit.language,
                helped=bool(helped) or visit.helped, helped_by=visit.helped_by,
            )  # fmt: skip
        return go("/agreements")

    def withdraw(self, request: Request, csrf: Text, purpose: Text) -> Response:
        visit = self._form(request, csrf)
        if purpose in self._teller.granted(visit.farmer_id):
            self._teller.withdraw(visit.farmer_id, (purpose,), visit.language)
        return go("/agreements")

    def way_out(self, request: Request, line_id: str) -> Response:
        visit = self._visit(request)
        way = self._teller.way_out(visit.farmer_id, line_id)
        if way is None:
            return self._refused(visit, Reason(ReasonCode.LEAVE_TOO_LATE), "/home")
        line = self._teller.line(visit.farmer_id, line_id)
        shown = {"sha256": way_out_sha256(way), "leaving_id": self._teller.mint()}
        said = of_way_out(way, line)
        return self._page("leave.html", visit, line=line, way=way, shown=shown, said=said)

    def leave(
        self,
        request: Request,
        line_id: str,
        csrf: Text,
        shown: Text,
        leaving_id: Text,
        helped: Text = "",
        spoken: Text = "",
    ) -> Response:
        visit = self._form(request, csrf)
        agreed = self._agreed(visit, shown, (helped, spoken))
        left = self._teller.leave(visit.farmer_id, LeaveForm(line_id, leaving_id), agreed)
        if isinstance(left, Reason):
            return self._refused(visit, left, "/home")
        return go(f"/left/{line_id}")

    def new_plan(self, request: Request, line_id: str) -> Response:
        visit = self._visit(request)
        found = self._teller.new_plan(visit.farmer_id, line_id)
        if found is None:
            return go("/home")
        line, shown = self._teller.line(visit.farmer_id, line_id), offer_sha256(found.offer)
        agreed = bool(found.consent_id)
        said = of_new_plan(found.offer, self._teller.today(), agreed=agreed)
        return self._page("plan.html", visit, line=line, found=found, shown=shown, said=said)

    def agree_to_plan(
        self,
        request: Request,
        line_id: str,
        csrf: Text,
        shown: Text,
        helped: Text = "",
        spoken: Text = "",
    ) -> Response:
        visit = self._form(request, csrf)
        agreed = self._agreed(visit, shown, (helped, spoken))
        self._teller.agree_to_plan(visit.farmer_id, line_id, agreed)
        return go(f"/plan/{line_id}")

    def left(self, request: Request, line_id: str) -> Response:
        visit = self._visit(request)
        left = self._teller.left(visit.farmer_id, line_id)
        line = self._teller.line(visit.farmer_id, line_id)
        said = of_left(left, line, self._teller.today())
        return self._page("left.html", visit, left=left, line=line, said=said)


def _of_data(data: MyData) -> tuple[Said, ...]:
    """What of a farmer's data may be used, and who looked at it last; the rest is to be read."""
    agreed = [said for each in data.agreed for said in of_purpose(each.name)]
    looks = data.accesses.looks[:LOOKS_SHOWN] if data.accesses else ()
    who = dict.fromkeys(ROLES.get(each.role, OTHER_ROLE) for each in looks)
    return (
        says("What I agreed to"),
        *(agreed or [says("You have agreed to nothing at present.")]),
        says("Who looked at my data"),
        *(says(each) for each in who or ["The lender has told of nobody who looked."]),
        unspoken(),
    )
