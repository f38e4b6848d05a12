"""Pages on which a farmer names a helper, bounds them, and ends it: one question a screen."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from core.lending.lease import Clock
from core.units import Money
from core.wire.proxies import (
    HELPER_DAYS_MAX,
    HELPERS_MAX,
    NAME_CHARACTERS_MAX,
    Helper,
    HelperAct,
    Relation,
)
from edge_node.decide import proxies as rules
from edge_node.decide.desk import Desk, RequestError
from edge_node.faces.kiosk.drawings import note_steps, notes_of
from edge_node.faces.kiosk.front import COOKIE, Front
from edge_node.faces.kiosk.kiosk_words import RELATIONS
from edge_node.faces.kiosk.knowing import Knowing
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import Said, says
from edge_node.faces.kiosk.said import amount as amount_said
from edge_node.faces.kiosk.visited import Visited, go
from edge_node.store.database import StationDatabase

Text = Annotated[str, Form()]
Number = Annotated[int, Form()]
BOUNDS = (
    "A helper may look, draw up to what you say, and ask for a person. Only you may ask for a "
    "line, agree to the use of data, or name a helper."
)
_RELATIONS = {each.value: each for each in Relation}


def helper_pages(front: Front, rendering: Rendering, knowing: Knowing) -> APIRouter:
    """The routes of these pages."""
    acts, router = _HelperPages(front, rendering, knowing), APIRouter()
    for method, path, act in (
        ("GET", "/helpers", acts.listed),
        ("GET", "/helpers/new", acts.new),
        ("POST", "/helpers", acts.grant),
        ("POST", "/helpers/end", acts.end),
    ):
        router.add_api_route(path, act, methods=[method], response_model=None)
    return router


class _HelperPages(Visited):
    """What each page does."""

    def __init__(self, front: Front, rendering: Rendering, knowing: Knowing) -> None:
        super().__init__(front, rendering)
        self._knowing = knowing

    def listed(self, request: Request) -> Response:
        visit = self._visits.require_own(request.cookies.get(COOKIE))
        found = self._knowing.helpers(visit.farmer_id)
        stands = self._knowing.standing(visit.farmer_id)
        return self._page(
            "helpers.html", visit, helpers=found, most=HELPERS_MAX, stands=stands,
            said=[says("Who may act for me")], more=_said_of(found),
        )  # fmt: skip

    def new(
        self, request: Request, relation: str = "", name: str = "", amount: int = 0, add: int = 0
    ) -> Response:
        visit = self._visits.require_own(request.cookies.get(COOKIE))
        if relation not in _RELATIONS:
            return self._page("helper_relation.html", visit, relations=list(Relation), said=[
                says("Who is your helper?"), *(says(RELATIONS[each.value]) for each in Relation)
            ])  # fmt: skip
        if not name.strip() or len(name) > NAME_CHARACTERS_MAX:
            return self._page(
                "helper_name.html", visit, relation=relation, most=NAME_CHARACTERS_MAX,
                said=[says("What is your helper's name?")],
            )  # fmt: skip
        lines = self._teller.standing(visit.farmer_id).lines
        currency = lines[0].currency if lines else ""
        step = lines[0].draw_step_minor if lines else 1
        most = max((line.limit_minor for line in lines), default=0)
        built = min(max(0, amount + add), most)
        return self._page(
            "helper_amount.html", visit, relation=relation, name=name, currency=currency,
            amount_minor=built, steps=note_steps(step, most - built, currency) if lines else (),
            notes=notes_of(built, currency) if lines else (), helper_id=self._teller.mint(),
            days=HELPER_DAYS_MAX, said=[
                says("How much may {name} draw in a day?", name=""),
                *((amount_said(built, currency),) if currency else ()),
            ],
        )  # fmt: skip

    def grant(
        self,
        request: Request,
        csrf: Text,
        helper_id: Text,
        relation: Text,
        name: Text,
        amount: Number,
    ) -> Response:
        visit = self._form(request, csrf)
        if relation not in _RELATIONS:
            raise RequestError("expected who the helper is to you")
        lines = self._teller.standing(visit.farmer_id).lines
        most = max((line.limit_minor for line in lines), default=0)
        if not 0 <= amount <= most:
            raise RequestError(f"expected an amount a day of 0 to {most} [minor units]")
        currency = lines[0].currency if lines else ""

        def act(db: StationDatabase, desk: Desk, clock: Clock) -> None:
            until = desk.today(clock) + timedelta(days=HELPER_DAYS_MAX)
            told = Helper(
                helper_id, visit.farmer_id, HelperAct.GRANT, _name(name), _RELATIONS[relation],
                amount, currency, until.isoformat(),
            )  # fmt: skip
            rules.grant(db, desk, told, clock)

        self._teller.act(act)
        return go(f"/code?helper={helper_id}")

    def end(self, request: Request, csrf: Text, helper_id: Text) -> Response:
        visit = self._form(request, csrf)
        ended = self._teller.act(
            lambda db, desk, clock: rules.withdraw(db, desk, visit.farmer_id, helper_id, clock)
        )
        if helper_id and ended:
            self._visits.end_helper(helper_id)
        return go("/helpers")


def _said_of(found: Sequence[Helper]) -> list[Said]:
    """Who a farmer's helpers are, what each may do and until when; what none may."""
    told: list[Said] = []
    for each in found:
        draws, until = each.draw_day_minor, date.fromisoformat(each.until_on)
        most = Money(each.currency, draws) if draws else 0
        told += [
            says(RELATIONS[each.relation.value]),
            says("May draw {amount} a day, until {day}.", amount=most, day=until)
            if draws
            else says("May look and ask, not draw, until {day}.", day=until),
        ]
    return [*(told or [says("Nobody but you.")]), says(BOUNDS)]


def _name(typed: str) -> str:
    """A name as it is kept: composed, and in one line, for it stands on receipts."""
    return " ".join(unicodedata.normalize("NFC", typed).split())
