"""The cash desk's pages: open by a count, count, hand over, take a repayment, close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from core.lending.cashbox import CountKind, DifferenceReason
from core.wire.cash import Pieces
from edge_node.decide.cash import CashRefusedError, Given
from edge_node.decide.desk import RequestError
from edge_node.faces.kiosk.cash_teller import CashTeller, to_minor
from edge_node.faces.kiosk.front import source_of
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.visited import SEE_OTHER
from edge_node.faces.kiosk.visits import Visit, VisitEndedError, Visits
from edge_node.faces.kiosk.words import LANGUAGES
from edge_node.store.decisions import ChangedRequestError

CASH_COOKIE = "cash"
CASH_IDLE_MS_MAX = 10 * 60_000  # an agent counts longer than a farmer draws
PIECES_MAX = 100_000  # of one value
WHOLE_MAX = 10**9  # of an amount [whole units of the currency]
_NOTHING: Mapping[str, object] = MappingProxyType({})  # a count that nobody has typed yet
Text = Annotated[str, Form()]
Number = Annotated[int, Form()]


@dataclass(frozen=True, slots=True)
class CashFront:
    """Who acts at the cash desk, and whose visit it is."""

    teller: CashTeller
    visits: Visits


def cash_pages(front: CashFront, rendering: Rendering) -> APIRouter:
    """The routes of the cash desk."""
    acts, router = _CashPages(front, rendering), APIRouter(prefix="/cash")
    for method, path, act in (
        ("GET", "", acts.desk),
        ("POST", "/identify", acts.identify),
        ("POST", "/leave", acts.leave),
        ("POST", "/language", acts.language),
        ("GET", "/count/{kind}", acts.counting),
        ("POST", "/count/{kind}", acts.count),
        ("GET", "/hand-over", acts.handing),
        ("POST", "/hand-over", acts.hand_over),
        ("GET", "/repayment", acts.repaying),
        ("POST", "/repayment/card", acts.owing),
        ("POST", "/repayment", acts.take),
    ):
        router.add_api_route(path, act, methods=[method], response_model=None)
    return router


class _CashPages:
    """What each page of the cash desk does."""

    def __init__(self, front: CashFront, rendering: Rendering) -> None:
        self._teller, self._visits, self._rendering = front.teller, front.visits, rendering

    def desk(self, request: Request, lang: str = "en", unknown: int = 0) -> Response:
        try:
            visit = self._visits.current(request.cookies.get(CASH_COOKIE))
        except VisitEndedError:
            return self._rendering.page("cash_idle.html", lang, unknown=bool(unknown))
        return self._desk(visit)

    def identify(self, request: Request, card: Text, language: Text = "en") -> Response:
        spoken = language if language in LANGUAGES else "en"
        source = source_of(request)
        person = None if self._visits.rests(source) else self._teller.identify(card)
        if person is None:
            self._visits.fail(source)
            return _go(f"/cash?unknown=1&lang={spoken}")
        cookie, _ = self._visits.begin(person.person_id, spoken, source=source)
        response = _go("/cash")
        response.set_cookie(CASH_COOKIE, cookie, httponly=True, samesite="strict", path="/cash")
        return response

    def leave(self, request: Request, csrf: Text) -> Response:
        visit = self._form(request, csrf)
        self._teller.leave(visit.farmer_id)
        self._visits.end(request.cookies.get(CASH_COOKIE))
        response = _go("/cash")
        response.delete_cookie(CASH_COOKIE, path="/cash")
        return response

    def language(self, request: Request, csrf: Text, language: Text) -> Response:
        self._form(request, csrf)
        if language in LANGUAGES:
            self._visits.speak(request.cookies.get(CASH_COOKIE, ""), language)
        return _go("/cash")

    def counting(self, request: Request, kind: str) -> Response:
        return self._counting(self._visit(request), _kind(kind))

    async def count(self, request: Request, kind: str) -> Response:
        # Read as a whole: a count asks for as many values as the currency has notes.
        form = await request.form()
        visit = self._form(request, str(form.get("csrf", "")))
        counted = _kind(kind)
        currency = self._teller.standing(visit.farmer_id).person.currency
        pieces = [
            Pieces(value, number)
            for value in self._teller.values(currency)
            if (number := _number(str(form.get(f"v{value}", "") or "0"), PIECES_MAX))
        ]
        named = str(form.get("reason", ""))
        reason = DifferenceReason(named) if named in {e.value for e in DifferenceReason} else None
        try:
            said = (counted, pieces, reason)
            differed = self._teller.count(visit.farmer_id, str(form.get("count_id", "")), said)
        except (CashRefusedError, ChangedRequestError) as error:
            return self._counting(visit, counted, error=str(error), typed=form)
        return self._desk(visit, differed_minor=differed, counted=True)

    def handing(self, request: Request) -> Response:
        return self._handing(self._visit(request))

    def hand_over(
        self,
        request: Request,
        csrf: Text,
        handover_id: Text,
        amount: Number,
        other_card: Text,
        way: Text,
    ) -> Response:
        visit = self._form(request, csrf)
        currency = self._teller.standing(visit.farmer_id).person.currency
        _within(amount)
        given = Given(handover_id, to_minor(amount, currency))
        try:
            other = self._teller.hand_over(visit.farmer_id, other_card, given, gives=way == "give")
        except (CashRefusedError, ChangedRequestError) as error:
            return self._handing(visit, error=str(error))
        return self._desk(visit, handed=(way == "give", given.amount_minor, other.name))

    def repaying(self, request: Request) -> Response:
        return self._repaying(self._visit(request))

    def owing(self, request: Request, csrf: Text, card: Text) -> Response:
        visit = self._form(request, csrf)
        found = self._teller.owing(card)
        shown = {"found": found, "unknown": found is None, "repayment_id": self._teller.mint()}
        return self._repaying(visit, **shown)

    def take(
        self,
        request: Request,
        csrf: Text,
        repayment_id: Text,
        line_id: Text,
        amount: Number,
        sure: Text = "",
    ) -> Response:
        visit = self._form(request, csrf)
        currency = self._teller.standing(visit.farmer_id).person.currency
        _within(amount)
        paid = to_minor(amount, currency)
        owing = self._teller.owed_before(repayment_id, line_id)
        if owing is not None and paid > owing.owed.total_minor:
            more = paid - owing.owed.total_minor
            # A yes is one to this sum on this line, and to what it is beyond: any other asks again.
            about = f"{line_id} {paid} {more}"
            if sure != about:
                beyond = (owing, amount, paid, more, about)
                return self._repaying(visit, beyond=beyond, repayment_id=repayment_id)
        try:
            left = self._teller.take_repayment(visit.farmer_id, repayment_id, line_id, paid)
        except (CashRefusedError, ChangedRequestError) as error:
            return self._desk(visit, error=str(error))
        return self._desk(visit, taken=(paid, left))

    def _repaying(self, visit: Visit, **shown: Any) -> HTMLResponse:
        nothing = {"found": None, "unknown": False, "beyond": None}
        return self._page("cash_repay.html", visit, **{**nothing, **shown})

    def _desk(self, visit: Visit, **shown: Any) -> HTMLResponse:
        stands = self._teller.standing(visit.farmer_id)
        said = {"error": "", "differed_minor": 0, "counted": False, "handed": None, "taken": None}
        return self._page("cash_desk.html", visit, stands=stands, **{**said, **shown})

    def _counting(
        self, visit: Visit, kind: CountKind, error: str = "", typed: Mapping[str, object] = _NOTHING
    ) -> HTMLResponse:
        person = self._teller.standing(visit.farmer_id).person
        values = self._teller.values(person.currency)
        return self._page(
            "cash_count.html", visit, kind=kind, person=person, values=values, error=error,
            reasons=list(DifferenceReason), count_id=self._teller.mint(), typed=typed,
        )  # fmt: skip

    def _handing(self, visit: Visit, error: str = "") -> HTMLResponse:
        stands = self._teller.standing(visit.farmer_id)
        named = self._teller.mint()
        return self._page(
            "cash_hand_over.html", visit, stands=stands, error=error, handover_id=named
        )

    def _visit(self, request: Request) -> Visit:
        return self._visits.current(request.cookies.get(CASH_COOKIE))

    def _form(self, request: Request, csrf: str) -> Visit:
        return self._visits.require_form(request.cookies.get(CASH_COOKIE), csrf)

    def _page(self, template: str, visit: Visit, **shown: Any) -> HTMLResponse:
        return self._rendering.page(template, visit.language, desk_visit=visit, **shown)


def _kind(text: str) -> CountKind:
    known = {each.value: each for each in CountKind}
    if text not in known:
        raise RequestError(f"expected a count to {', '.join(known)}, got {text[:20]!r}")
    return known[text]


def _number(text: str, most: int) -> int:
    if not text.isdecimal() or len(text) > len(str(most)) or int(text) > most:
        raise RequestError(f"expected a whole number from 0 to {most}, got {text[:20]!r}")
    return int(text)


def _within(amount: int) -> None:
    if not 0 < amount <= WHOLE_MAX:
        raise RequestError(f"expected an amount of 1 to {WHOLE_MAX}, got {amount}")


def _go(path: str) -> RedirectResponse:
    return RedirectResponse(path, SEE_OTHER)
