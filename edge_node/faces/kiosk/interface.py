"""The kiosk as JSON, under ``/api/v1/kiosk``: the same acts, the same visits.

For a director of stories, for tests, and for a reader with a screen of its own. A
business no is an answer with ``refused``; a broken promise is problem+json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import JSONResponse

from core.decision.quote import Quote
from core.errors import ShapeError
from core.lending.terms import CashMonth
from core.reasons import Reason, ReasonCode
from core.shape import decode, encode
from edge_node.decide.draws import Receipt, quote_sha256
from edge_node.decide.leaving import way_out_sha256
from edge_node.faces.kiosk.front import COOKIE, Front, source_of
from edge_node.faces.kiosk.knowing import Knowing
from edge_node.faces.kiosk.open_draws import give_up_own
from edge_node.faces.kiosk.standing import LineStanding, Possible
from edge_node.faces.kiosk.teller import Agreement, ApplicationForm, DrawForm, LeaveForm
from edge_node.faces.kiosk.visits import Visit, VisitEndedError
from edge_node.faces.kiosk.words import LANGUAGES, Words
from edge_node.store.decisions import KeptCard

CSRF_HEADER = "x-csrf-token"
T = TypeVar("T")
Json = Annotated[dict[str, Any], Body()]


@dataclass(frozen=True, slots=True)
class _Card:
    card: str
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Draw:
    line_id: str
    amount_minor: int
    quote_sha256: str
    draw_id: str = ""
    helped: bool = False
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class _Payout:
    confirmed: bool


@dataclass(frozen=True, slots=True)
class _Apply:
    product_id: str
    subject_ids: tuple[str, ...]
    asked_minor: int
    purposes: tuple[str, ...]
    application_id: str = ""
    cash: tuple[CashMonth, ...] | None = None
    helped: bool = False
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class _Withdraw:
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Grant:
    purpose: str
    helped: bool = False


@dataclass(frozen=True, slots=True)
class _Leave:
    line_id: str
    shown_sha256: str
    leaving_id: str = ""
    helped: bool = False
    spoken: bool = False


def interface(front: Front, knowing: Knowing) -> APIRouter:
    """The routes of the JSON interface."""
    acts, router = _Acts(front, knowing), APIRouter(prefix="/api/v1")
    for method, path, act in (
        ("POST", "/kiosk/identify", acts.identify),
        ("POST", "/kiosk/leave", acts.leave),
        ("GET", "/kiosk/home", acts.home),
        ("GET", "/kiosk/quote", acts.quote),
        ("POST", "/kiosk/draw", acts.draw),
        ("POST", "/kiosk/draw/{draw_id}/payout", acts.payout),
        ("POST", "/kiosk/apply", acts.apply),
        ("POST", "/kiosk/withdraw", acts.withdraw),
        ("POST", "/kiosk/grant", acts.grant),
        ("GET", "/kiosk/my-data", acts.my_data),
        ("GET", "/kiosk/way-out", acts.way_out),
        ("POST", "/kiosk/leave-agreement", acts.leave_agreement),
        ("GET", "/station/status", acts.status),
        ("GET", "/station/alive", acts.alive),
    ):
        router.add_api_route(path, act, methods=[method], response_model=None)
    return router


class _Acts:
    """What each route does."""

    def __init__(self, front: Front, knowing: Knowing) -> None:
        self._front, self._teller, self._visits = front, front.teller, front.visits
        self._knowing = knowing

    def identify(self, request: Request, body: Json) -> Response:
        held = _told(_Card, body)
        source = source_of(request)
        farmer = self._front.identify(held.card, source)
        if farmer is None:
            raise VisitEndedError("expected a card that is known here: ask the lender's agent")
        language = farmer.language if farmer.language in LANGUAGES else "en"
        proof, helper_id = self._knowing.require(farmer.farmer_id, held.pictures)
        cookie, visit = self._visits.begin(farmer.farmer_id, language, source=source)
        self._visits.prove(cookie, proof, helper_id)
        answer = {"farmer_id": farmer.farmer_id, "name": farmer.name, "language": language}
        response = JSONResponse({**answer, "csrf": visit.csrf})
        self._front.set_cookie(response, cookie)
        return response

    def leave(self, request: Request) -> Response:
        cookie = request.cookies.get(COOKIE)
        give_up_own(self._teller, self._visits.last(cookie))
        self._visits.end(cookie)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/")
        return response

    def home(self, request: Request) -> dict[str, Any]:
        visit = self._visits.current(request.cookies.get(COOKIE))
        found, words = self._teller.standing(visit.farmer_id), self._words(visit)
        return {
            "farmer_id": found.farmer.farmer_id,
            "lines": [_line(one, words) for one in found.lines],
            "possible": [self._possible(one) for one in found.possible],
            "granted": list(self._teller.granted(visit.farmer_id)),
            "last_card_id": found.last_card.card.card_id if found.last_card else "",
        }

    def quote(self, request: Request, line_id: str, amount_minor: int) -> dict[str, Any]:
        visit = self._visits.current(request.cookies.get(COOKIE))
        price = self._teller.quote(visit.farmer_id, line_id, amount_minor)
        return _refused(price, self._words(visit)) if isinstance(price, Reason) else _price(price)

    def draw(self, request: Request, body: Json) -> Response:
        visit, ask = self._acting(request, helper_may=True), _told(_Draw, body)
        helped = ask.helped or visit.helped
        agreed = Agreement(
            ask.quote_sha256, (), visit.language, helped, ask.spoken, visit.helped_by
        )
        form = DrawForm(ask.line_id, ask.amount_minor, ask.draw_id, drawn_by=visit.helper_id)
        begun = self._teller.begin_draw(visit.farmer_id, form, agreed)
        if isinstance(begun, Reason):
            return JSONResponse(_refused(begun, self._words(visit)))
        self._visits.keep_draw(request.cookies.get(COOKIE, ""), begun.drawdown.draw_id)
        return JSONResponse(_receipt(begun), 201)

    def payout(self, request: Request, draw_id: str, body: Json) -> dict[str, Any]:
        visit = self._acting(request, helper_may=True)
        confirmed = _told(_Payout, body).confirmed
        settled = self._teller.settle_draw(
            visit.farmer_id, draw_id, paid_out=confirmed, helper_id=visit.helper_id
        )
        return _receipt(settled)

    def apply(self, request: Request, body: Json) -> Response:
        visit, ask = self._acting(request), _told(_Apply, body)
        shown = self._teller.consent_sha256(ask.product_id, visit.language, ask.cash)
        helped = ask.helped or visit.helped
        agreed = Agreement(shown, ask.purposes, visit.language, helped, ask.spoken, visit.helped_by)
        form = ApplicationForm(
            ask.product_id, ask.subject_ids, ask.asked_minor, ask.application_id, ask.cash
        )
        decided = self._teller.apply(visit.farmer_id, form, agreed)
        if isinstance(decided, Reason):
            return JSONResponse(_refused(decided, self._words(visit)))
        words = self._teller.feature_words(decided.card)
        return JSONResponse(_card(decided, self._words(visit), words), 201)

    def withdraw(self, request: Request, body: Json) -> dict[str, Any]:
        visit, purposes = self._acting(request), _told(_Withdraw, body).purposes
        left = self._teller.withdraw(visit.farmer_id, purposes, visit.language)
        return {"granted": list(left)}

    def grant(self, request: Request, body: Json) -> dict[str, Any]:
        visit, ask = self._acting(request), _told(_Grant, body)
        if ask.purpose in self._teller.my_data(visit.farmer_id).open_asks:
            self._teller.grant(
                visit.farmer_id, ask.purpose, visit.language,
                helped=ask.helped or visit.helped, helped_by=visit.helped_by,
            )  # fmt: skip
        return {"granted": list(self._teller.granted(visit.farmer_id))}

    def my_data(self, request: Request) -> dict[str, Any]:
        visit = self._visits.require_own(request.cookies.get(COOKIE))
        found: dict[str, Any] = encode(self._teller.my_data(visit.farmer_id))
        return found

    def way_out(self, request: Request, line_id: str) -> dict[str, Any]:
        visit = self._visits.current(request.cookies.get(COOKIE))
        way = self._teller.way_out(visit.farmer_id, line_id)
        if way is None:
            return _refused(Reason(ReasonCode.LEAVE_TOO_LATE), self._words(visit))
        return {"way_out": encode(way), "shown_sha256": way_out_sha256(way)}

    def leave_agreement(self, request: Request, body: Json) -> Response:
        visit, ask = self._acting(request), _told(_Leave, body)
        helped = ask.helped or visit.helped
        agreed = Agreement(ask.shown_sha256, (), visit.language, helped, ask.spoken)
        form = LeaveForm(ask.line_id, ask.leaving_id)
        left = self._teller.leave(visit.farmer_id, form, agreed)
        if isinstance(left, Reason):
            return JSONResponse(_refused(left, self._words(visit)))
        return JSONResponse({"left": encode(left)}, 201)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = encode(self._front.station_state())
        return found

    def alive(self) -> dict[str, bool]:
        return {"alive": True}

    def _words(self, visit: Visit) -> Words:
        return self._teller.words(visit.language)

    def _acting(self, request: Request, *, helper_may: bool = False) -> Visit:
        csrf = request.headers.get(CSRF_HEADER, "")
        cookie = request.cookies.get(COOKIE)
        return self._visits.require_form(cookie, csrf, helper_may=helper_may)

    def _possible(self, one: Possible) -> dict[str, Any]:
        return {
            "product_id": one.product.product_id,
            "subject_ids": [subject.subject_id for subject in one.subjects],
            "purposes": list(self._teller.purposes(one.product.product_id)),
            "draw_step_minor": one.product.credit.draw_step_minor,
        }


def _line(one: LineStanding, words: Words) -> dict[str, Any]:
    return {
        **encode(one),
        "owed_minor": one.owed.total_minor,
        "ahead": [
            {"on": due.on.isoformat(), "amount_minor": due.parts.total_minor, "late": due.is_late}
            for due in one.ahead
        ],
        "sentences": [words.reason(reason) for reason in one.reasons],
    }


def _refused(reason: Reason, words: Words) -> dict[str, Any]:
    sentence = words.reason(reason)
    return {"refused": {**encode(reason), "sentence": sentence}}


def _price(price: Quote) -> dict[str, Any]:
    return {"quote": encode(price), "quote_sha256": quote_sha256(price)}


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {"draw": encode(receipt.drawdown), **_price(receipt.price)}


def _card(kept: KeptCard, words: Words, features: Mapping[str, str]) -> dict[str, Any]:
    card = kept.card
    return {
        "card_id": card.card_id,
        "application_id": card.inputs.application.application_id,
        "line_id": kept.line_id,
        "outcome": encode(card.outcome),
        "sentences": [words.reason(reason, features) for reason in card.outcome.reasons],
    }


def _told(cls: type[T], body: Json) -> T:
    """What a request says.

    Raises
    ------
    ShapeError
        If a field is missing or of another type, or a text holds half a character.
    """
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ShapeError(f"expected whole characters: {error}") from error
    return decode(cls, body)
