"""The kiosk's pages: one screen, one question; every change is a form with its token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from core.decision.policy import Verdict
from core.lending.lease import Clock, DrawState
from core.reasons import Reason
from core.units import floor_to_unit
from core.wire.orders import OrderOffer
from edge_node.decide.desk import Desk, RequestError
from edge_node.decide.draws import PaidFor, Receipt, shown_draw_sha256
from edge_node.decide.receipts import code_of, slip_of
from edge_node.faces.kiosk.changing import Told, said_of_changes
from edge_node.faces.kiosk.drawings import note_steps, notes_of
from edge_node.faces.kiosk.front import COOKIE, Front, source_of
from edge_node.faces.kiosk.knowing import Knowing
from edge_node.faces.kiosk.open_draws import begin_one, give_up_own, open_draw
from edge_node.faces.kiosk.order_teller import OrderTeller
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import (
    Said,
    of_lenders,
    of_line,
    of_price,
    of_purpose,
    of_read_back,
    of_reason,
    of_why,
    says,
    unspoken,
)
from edge_node.faces.kiosk.said import amount as amount_said
from edge_node.faces.kiosk.season import Growth, growth_of
from edge_node.faces.kiosk.standing import LineStanding, Possible, Standing
from edge_node.faces.kiosk.teller import ApplicationForm, DrawForm
from edge_node.faces.kiosk.visited import Visited, go
from edge_node.faces.kiosk.visits import Visit
from edge_node.faces.kiosk.words import LANGUAGES
from edge_node.store import appeals, village
from edge_node.store.appeals import KeptAppeal
from edge_node.store.database import StationDatabase
from edge_node.store.village import UnknownRecordError

Text = Annotated[str, Form()]
Texts = Annotated[list[str], Form()]
Number = Annotated[int, Form()]
AMOUNT_MINOR_MAX = 10**12
ANSWERS_SHOWN = 2
UNKNOWN_CARD = "This card is not known here. Try again, or ask the agent."
NOTHING_HERE = "Nothing can be asked for here now. Talk to the agent."
VERDICTS: Mapping[str, str] = {
    "approve": "Your credit line is open",
    "refer": "A person will decide",
    "decline": "Not this time",
}


@dataclass(frozen=True, slots=True)
class _Built:
    """An amount as built with banknotes, and the notes that still fit [minor units]."""

    amount_minor: int
    most_minor: int
    step_minor: int
    currency: str

    @property
    def add(self) -> tuple[int, ...]:
        """Notes that may be added."""
        return note_steps(self.step_minor, self.most_minor, self.currency)


class _PriceForm(BaseModel):
    """A yes to a price; a voucher's also says who is paid, and for what."""

    csrf: str
    amount: int
    shown: str
    draw_id: str
    helped: str = ""
    spoken: str = ""
    supplier: str = ""
    goods: str = ""


def pages(front: Front, rendering: Rendering, knowing: Knowing) -> APIRouter:
    """The routes of the pages."""
    acts, router = _Pages(front, rendering, knowing), APIRouter()
    for method, path, act in (
        ("GET", "/", acts.idle),
        ("POST", "/identify", acts.identify),
        ("POST", "/leave", acts.leave),
        ("POST", "/language", acts.language),
        ("GET", "/home", acts.home),
        ("GET", "/pictures/{sha256}", acts.picture),
        ("GET", "/season/{subject_id}", acts.season),
        ("GET", "/draw/{line_id}", acts.amount),
        ("GET", "/draw/{line_id}/price", acts.price),
        ("POST", "/draw/{line_id}", acts.agree),
        ("GET", "/payout/{draw_id}", acts.payout),
        ("POST", "/payout/{draw_id}", acts.settle),
        ("GET", "/receipt/{draw_id}", acts.receipt),
        ("GET", "/apply/{product_id}", acts.application),
        ("GET", "/apply/{product_id}/consent", acts.consent),
        ("POST", "/apply/{product_id}", acts.apply),
        ("GET", "/decision/{card_id}", acts.decision),
        ("GET", "/station", acts.station),
    ):
        router.add_api_route(path, act, methods=[method], response_model=None)
    return router


class _Pages(Visited):
    """What each page does."""

    def __init__(self, front: Front, rendering: Rendering, knowing: Knowing) -> None:
        super().__init__(front, rendering)
        self._knowing = knowing

    def idle(self, lang: str = "en", unknown: int = 0) -> HTMLResponse:
        said = [says(UNKNOWN_CARD)] if unknown else None
        return self._rendering.page("idle.html", lang, unknown=bool(unknown), said=said)

    def identify(self, request: Request, card: Text, language: Text = "") -> Response:
        source = source_of(request)
        farmer = self._front.identify(card, source)
        if farmer is None:
            return go(f"/?unknown=1&lang={language if language in LANGUAGES else 'en'}")
        spoken = language or self._teller.tongue(farmer.farmer_id) or farmer.language
        spoken = spoken if spoken in LANGUAGES else "en"
        waits = self._knowing.standing(farmer.farmer_id).chosen
        response = go("/known" if waits else "/home")
        cookie, _ = self._visits.begin(farmer.farmer_id, spoken, waits=waits, source=source)
        self._front.set_cookie(response, cookie)
        return response

    def leave(self, request: Request) -> Response:
        cookie = request.cookies.get(COOKIE)
        give_up_own(self._teller, self._visits.last(cookie))
        self._visits.end(cookie)
        response = go("/")
        response.delete_cookie(COOKIE, path="/")
        return response

    def language(self, request: Request, csrf: Text, language: Text) -> Response:
        cookie = request.cookies.get(COOKIE, "")
        visit = self._visits.require_form(cookie, csrf, helper_may=True, waits=True)
        if language in LANGUAGES:
            self._visits.speak(cookie, language)
            if not visit.waits and not visit.helper_id:  # the farmer's own wish, as far as known
                self._teller.keep_tongue(visit.farmer_id, language)
        return go("/known" if visit.waits else "/home")

    def home(self, request: Request, chosen: int = 0) -> HTMLResponse:
        visit = self._visit(request)
        standing = self._teller.standing(visit.farmer_id)
        card = standing.last_card
        features = self._teller.feature_words(card.card) if card else {}
        ways_out = self._teller.ways_out(visit.farmer_id)
        words = self._teller.words(visit.language)
        changes = self._teller.changes(card, words) if card and not card.line_id else ()
        orders, coming = OrderTeller(self._teller).waiting(visit.farmer_id), self._coming(visit)
        answers = self._answers(visit)
        by_eye = (*standing.notices, *answers, *orders.values(), *coming.values())
        said = self._said_at_home(standing, features, changes)
        return self._page(
            "home.html", visit, standing=standing, features=features, ways_out=ways_out,
            changes=changes, orders=orders, coming=coming, answers=answers,
            helper_name=self._knowing.helper_name(visit.farmer_id, visit.helper_id),
            has_pictures=self._knowing.standing(visit.farmer_id).chosen, chosen=bool(chosen),
            why={
                line.line_id: self._rendering.clips(visit.language, of_why(line))
                for line in standing.lines
            },
            said=[*said, unspoken()] if any(by_eye) else said,
        )  # fmt: skip

    def _coming(self, visit: Visit) -> Mapping[str, tuple[OrderOffer, ...]]:
        """Orders whose goods are to come, where their codes are shown: to the farmer alone."""
        shown = self._front.shared_secret is not None and not visit.helper_id
        return OrderTeller(self._teller).coming(visit.farmer_id) if shown else {}

    def _answers(self, visit: Visit) -> list[KeptAppeal]:
        found = self._teller.act(lambda db, _desk, _clock: appeals.of_farmer(db, visit.farmer_id))
        return [each for each in found if each.answer is not None][:ANSWERS_SHOWN]

    def _said_at_home(
        self, standing: Standing, features: Mapping[str, str], changes: tuple[Told, ...]
    ) -> list[Said]:
        card = standing.last_card
        refused = card.card.outcome.reasons if card is not None and not card.line_id else ()
        today = self._teller.today()
        return [
            *(each for line in standing.lines for each in of_line(line, today)),
            *(of_reason(reason, features) for reason in refused),
            *(said_of_changes(changes) if refused else ()),
            *(says("Ask for a credit line") for _ in standing.possible[:1] if not standing.lines),
            *(says(NOTHING_HERE) for _ in (0,) if not standing.lines and not standing.possible),
        ]

    def season(self, request: Request, subject_id: str) -> Response:
        visit = self._visit(request)

        def act(db: StationDatabase, _desk: Desk, _clock: Clock) -> Growth | None:
            own = village.subjects_of(db, visit.farmer_id)
            found = next((each for each in own if each.subject_id == subject_id), None)
            return growth_of(db, found) if found is not None else None

        growth = self._teller.act(act)
        if growth is None:
            raise UnknownRecordError("expected a field of your own")
        return self._page("season.html", visit, growth=growth, said=[says(growth.words)])

    def picture(self, request: Request, sha256: str) -> Response:
        media_type, data = self._teller.picture(self._visit(request).farmer_id, sha256)
        return Response(data, media_type=media_type)

    def amount(self, request: Request, line_id: str, amount: int = 0, add: int = 0) -> Response:
        visit = self._visit(request)
        if waiting := open_draw(self._teller, visit.farmer_id, line_id, visit.helper_id):
            return go(f"/payout/{waiting}")
        line = self._teller.line(visit.farmer_id, line_id)
        built = _built(amount + add, line.drawable_minor, line.draw_step_minor, line.currency)
        notes = notes_of(built.amount_minor, line.currency)
        question = says("How much do you need?")
        said = (
            [amount_said(built.amount_minor, line.currency)] if built.amount_minor else [question]
        )
        return self._page("amount.html", visit, line=line, built=built, notes=notes, said=said)

    def price(
        self, request: Request, line_id: str, amount: int, supplier: str = "", goods: str = ""
    ) -> Response:
        visit = self._visit(request)
        if waiting := open_draw(self._teller, visit.farmer_id, line_id, visit.helper_id):
            return go(f"/payout/{waiting}")
        line = self._teller.line(visit.farmer_id, line_id)
        supplier, goods = supplier or _only(line.suppliers), goods or _only(line.goods)
        for question, chosen, choices in (
            ("supplier", supplier, line.suppliers), ("goods", goods, line.goods),
        ):  # fmt: skip
            if line.suppliers and choices and chosen not in choices:
                return self._page(
                    "supplier.html", visit, line=line, question=question, choices=choices,
                    supplier=supplier, amount_minor=amount,
                    said=[says("Who is paid" if question == "supplier" else "What for")],
                )  # fmt: skip
        price = self._teller.quote(visit.farmer_id, line_id, amount)
        if isinstance(price, Reason):
            return self._refused(visit, price, f"/draw/{line_id}")
        pays = PaidFor(supplier, (goods,)) if line.suppliers and supplier else None
        sha256 = shown_draw_sha256(line_id, price, pays)
        shown = {"sha256": sha256, "draw_id": self._teller.mint()}
        notes = notes_of(price.amount_minor, price.currency)
        lenders = self._teller.lenders(visit.farmer_id, line_id)
        return self._page(
            "price.html", visit, line=line, price=price, shown=shown, notes=notes, lenders=lenders,
            supplier=supplier if line.suppliers else "", goods=goods if line.suppliers else "",
            said=(*of_price(price, self._teller.today()), *of_lenders(lenders)),
        )  # fmt: skip

    def agree(
        self, request: Request, line_id: str, told: Annotated[_PriceForm, Form()]
    ) -> Response:
        visit = self._form(request, told.csrf, helper_may=True)
        agreed = self._agreed(visit, told.shown, (told.helped, told.spoken))
        form = DrawForm(
            line_id, told.amount, told.draw_id, told.supplier, told.goods, visit.helper_id
        )
        begun = begin_one(self._teller, visit.farmer_id, form, agreed)
        if isinstance(begun, Reason):
            return self._refused(visit, begun, f"/draw/{line_id}")
        if begun.drawdown.draw_id == told.draw_id:
            self._visits.keep_draw(request.cookies.get(COOKIE, ""), told.draw_id)
        return go(f"/payout/{begun.drawdown.draw_id}")

    def payout(self, request: Request, draw_id: str) -> Response:
        visit = self._visit(request)
        receipt = self._teller.draw(visit.farmer_id, draw_id)
        if receipt.drawdown.state.value != "pending":
            return go(f"/receipt/{draw_id}")
        line = self._teller.line(visit.farmer_id, receipt.drawdown.line_id)
        notes = notes_of(receipt.drawdown.amount_minor, receipt.drawdown.currency)
        supplier = receipt.drawdown.supplier or line.pays
        question = "Shall {supplier} be paid now?" if supplier else "Shall the till pay you now?"
        question = "Shall your account be paid now?" if line.to_account else question
        params = {"supplier": supplier} if supplier and not line.to_account else {}
        said = of_read_back(receipt.price, question, **params)
        return self._page("payout.html", visit, receipt=receipt, line=line, notes=notes, said=said)

    def settle(self, request: Request, draw_id: str, csrf: Text, confirmed: Text = "") -> Response:
        visit = self._form(request, csrf, helper_may=True)
        self._teller.settle_draw(
            visit.farmer_id, draw_id, paid_out=confirmed == "yes", helper_id=visit.helper_id
        )
        return go(f"/receipt/{draw_id}")

    def receipt(self, request: Request, draw_id: str) -> Response:
        visit = self._visit(request)
        receipt = self._teller.draw(visit.farmer_id, draw_id)
        if receipt.drawdown.state.value == "pending":
            return go(f"/payout/{draw_id}")
        line = self._teller.line(visit.farmer_id, receipt.drawdown.line_id)
        farmer, code = self._teller.standing(visit.farmer_id).farmer, ""
        if receipt.drawdown.state is DrawState.POSTED:
            code = self._teller.act(
                lambda db, desk, _clock: code_of(db, desk, slip_of(db, desk, receipt))
            )
        drawn_by = self._knowing.helper_name(visit.farmer_id, receipt.drawdown.drawn_by or "")
        return self._page(
            "receipt.html", visit, receipt=receipt, line=line, code=code, farmer=farmer.name,
            drawn_by=drawn_by, said=_said_of(receipt, line),
        )  # fmt: skip

    def application(
        self, request: Request, product_id: str, amount: int = 0, add: int = 0
    ) -> Response:
        visit = self._visits.require_own(request.cookies.get(COOKIE))
        possible = self._possible(visit, product_id)
        credit = possible.product.credit
        most = min(credit.limit_max_minor, possible.product.decision.authority_minor_max)
        currency = possible.product.currency
        built = _built(amount + add, most, credit.draw_step_minor, currency)
        notes = notes_of(built.amount_minor, currency)
        question = says("How large a credit line do you ask for?")
        said = [amount_said(built.amount_minor, currency)] if built.amount_minor else [question]
        return self._page(
            "application.html", visit, possible=possible, built=built, notes=notes, said=said
        )

    def consent(self, request: Request, product_id: str, amount: int) -> Response:
        visit = self._visits.require_own(request.cookies.get(COOKIE))
        possible = self._possible(visit, product_id)
        shown = {
            "sha256": self._teller.consent_sha256(product_id, visit.language),
            "application_id": self._teller.mint(),
        }
        purposes = self._teller.purposes(product_id)
        return self._page(
            "consent.html", visit, possible=possible, amount_minor=amount, shown=shown,
            purposes=purposes, said=[
                says("What may we look at to decide?"),
                *(said for each in purposes for said in of_purpose(each)),
            ],
        )  # fmt: skip

    async def apply(self, request: Request, product_id: str) -> Response:
        # Read as a whole: which boxes are ticked is a list of any length.
        form = await request.form()
        visit = self._form(request, str(form.get("csrf", "")))
        purposes = tuple(str(value) for value in form.getlist("purpose"))
        told = (str(form.get("helped", "")), str(form.get("spoken", "")))
        agreed = self._agreed(visit, str(form.get("shown", "")), told, purposes)
        asked = str(form.get("amount", ""))
        if not asked.isdecimal() or len(asked) > len(str(AMOUNT_MINOR_MAX)):
            raise RequestError(f"expected an amount in minor units, got {asked[:20]!r}")
        ask = ApplicationForm(
            product_id=product_id,
            subject_ids=tuple(str(value) for value in form.getlist("subject")),
            asked_minor=int(asked),
            application_id=str(form.get("application_id", "")),
        )
        decided = await run_in_threadpool(self._teller.apply, visit.farmer_id, ask, agreed)
        if isinstance(decided, Reason):
            return self._refused(visit, decided, "/home")
        return go(f"/decision/{decided.card.card_id}")

    def decision(self, request: Request, card_id: str) -> Response:
        visit = self._visit(request)
        kept = self._teller.card(visit.farmer_id, card_id)
        features = self._teller.feature_words(kept.card)
        changes = self._teller.changes(kept, self._teller.words(visit.language))
        outcome, asked = kept.card.outcome, kept.card.inputs.application
        verdict = says(VERDICTS[outcome.verdict.value])
        return self._page(
            "decision.html", visit, kept=kept, features=features, changes=changes,
            helper_name=self._knowing.helper_name(visit.farmer_id, asked.helped_by or ""),
            said=[verdict, *(of_reason(each, features) for each in outcome.reasons), *(
                () if outcome.verdict is Verdict.APPROVE else said_of_changes(changes)
            )],
        )  # fmt: skip

    def station(self, lang: str = "en") -> HTMLResponse:
        return self._rendering.page("station.html", lang, state=self._front.station_state())

    def _possible(self, visit: Visit, product_id: str) -> Possible:
        for one in self._teller.standing(visit.farmer_id).possible:
            if one.product.product_id == product_id:
                return one
        raise RequestError("expected a product that you may apply for: go back to the first page")


def _only(choices: tuple[str, ...]) -> str:
    return choices[0] if len(choices) == 1 else ""


def _said_of(receipt: Receipt, line: LineStanding) -> tuple[Said, ...]:
    if receipt.drawdown.state is not DrawState.POSTED:
        return (says("Cancelled: nothing was paid and nothing is owed for it"),)
    supplier = receipt.drawdown.supplier or line.pays
    message = "Receipt: show it at the till"
    if line.to_account:
        message = "Receipt: the lender sends the money to your account"
    elif supplier:
        return of_read_back(
            receipt.price, "Receipt for goods: show it to {supplier}", supplier=supplier
        )
    return of_read_back(receipt.price, message)


def _built(amount: int, most: int, step: int, currency: str) -> _Built:
    bounded = floor_to_unit(max(0, min(amount, most, AMOUNT_MINOR_MAX)), step)
    return _Built(bounded, most - bounded, step, currency)
