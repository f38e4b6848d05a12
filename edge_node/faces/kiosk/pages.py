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
from core.lending.lease import DrawState
from core.reasons import Reason
from core.units import Money, floor_to_unit
from edge_node.decide.desk import RequestError
from edge_node.decide.draws import PaidFor, shown_draw_sha256
from edge_node.decide.payments import days_of_payment, payments_of_card
from edge_node.decide.receipts import code_of, slip_of
from edge_node.faces.kiosk.changing import said_of_changes
from edge_node.faces.kiosk.drawings import note_steps, notes_of
from edge_node.faces.kiosk.front import COOKIE, Front, source_of
from edge_node.faces.kiosk.heard import (
    of_paid,
    of_paying,
    of_receipt,
    of_receipts_rest,
    said_goods,
)
from edge_node.faces.kiosk.knowing import Knowing
from edge_node.faces.kiosk.month_pages import Chosen, months_path
from edge_node.faces.kiosk.open_draws import begin_one, give_up_own, open_draw
from edge_node.faces.kiosk.own_months import DAYS, equal_parts, fitting, told_months
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import amount as amount_said
from edge_node.faces.kiosk.said import (
    of_lenders,
    of_price,
    of_purpose,
    of_read_back,
    of_reason,
    on_day,
    says,
)
from edge_node.faces.kiosk.teller import ApplicationForm, DrawForm
from edge_node.faces.kiosk.visited import Visited, go
from edge_node.faces.kiosk.words import LANGUAGES

Text = Annotated[str, Form()]
Texts = Annotated[list[str], Form()]
Number = Annotated[int, Form()]
AMOUNT_MINOR_MAX = 10**12
UNKNOWN_CARD = "This card is not known here. Try again, or ask the agent."
HOLD = "Hold your card to the reader"
ASKED = "You ask for {amount}. Leave out what you do not want; you can take it back at any time."
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
        said = [says(UNKNOWN_CARD)] if unknown else ()
        more = [says(HOLD)]
        return self._rendering.page("idle.html", lang, unknown=bool(unknown), said=said, more=more)

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

    def amount(self, request: Request, line_id: str, amount: int = 0, add: int = 0) -> Response:
        visit = self._visit(request)
        if waiting := open_draw(self._teller, visit.farmer_id, line_id, visit.helper_id):
            return go(f"/payout/{waiting}")
        line = self._teller.line(visit.farmer_id, line_id)
        built = _built(amount + add, line.drawable_minor, line.draw_step_minor, line.currency)
        notes = notes_of(built.amount_minor, line.currency)
        asked = [
            says("How much do you need?"),
            *((of_reason(line.refusal),) if line.refusal else ()),
            *(says("You can draw here now"), amount_said(line.drawable_minor, line.currency)),
        ]
        said = [amount_said(built.amount_minor, line.currency)] if built.amount_minor else asked[:1]
        return self._page(
            "amount.html", visit, line=line, built=built, notes=notes, said=said,
            more=asked if built.amount_minor else asked[1:],
        )  # fmt: skip

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
                    said=[says("Who is paid")] if question == "supplier" else [
                        says("What for"), *(said_goods(each) for each in choices)
                    ],
                )  # fmt: skip
        price = self._teller.quote(visit.farmer_id, line_id, amount)
        if isinstance(price, Reason):
            return self._refused(visit, price, f"/draw/{line_id}")
        pays = PaidFor(supplier, (goods,)) if line.suppliers and supplier else None
        sha256 = shown_draw_sha256(line_id, price, pays)
        shown = {"sha256": sha256, "draw_id": self._teller.mint()}
        payments = self._teller.payments(visit.farmer_id, line_id, price)
        notes = notes_of(price.amount_minor, price.currency)
        lenders = self._teller.lenders(visit.farmer_id, line_id)
        return self._page(
            "price.html", visit, line=line, price=price, shown=shown, notes=notes, lenders=lenders,
            supplier=supplier if line.suppliers else "", goods=goods if line.suppliers else "",
            payments=payments,
            said=(
                *of_price(price, self._teller.today(), payments),
                *of_paid(supplier if line.suppliers else "", goods), *of_lenders(lenders),
            ),
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
        payments = self._teller.payments(visit.farmer_id, line.line_id, receipt.price)
        today = self._teller.today()
        return self._page(
            "payout.html", visit, receipt=receipt, line=line, notes=notes, payments=payments,
            said=said, more=of_paying(receipt, line, today, in_parts=len(payments) > 1),
        )  # fmt: skip

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
        payments = self._teller.payments(visit.farmer_id, line.line_id, receipt.price)
        today = self._teller.today()
        return self._page(
            "receipt.html", visit, receipt=receipt, line=line, code=code, farmer=farmer.name,
            drawn_by=drawn_by, payments=payments, said=of_receipt(receipt, line),
            more=of_receipts_rest(receipt, line, today, payments, helped=bool(drawn_by)),
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
            "application.html", visit, possible=possible, built=built, notes=notes, said=said,
            more=[question] if built.amount_minor else (),
        )  # fmt: skip

    def consent(
        self, request: Request, product_id: str, amount: int, cash: Chosen = ()
    ) -> Response:
        visit = self._visits.require_own(request.cookies.get(COOKIE))
        possible, today = self._possible(visit, product_id), self._teller.today()
        chosen = told_months(cash)
        if chosen and fitting(possible.product, chosen, today).refused:
            return go(months_path(product_id, amount, chosen))
        own = equal_parts(chosen)
        days = days_of_payment(possible.product, own, amount, today) if own else ()
        shown = {
            "sha256": self._teller.consent_sha256(product_id, visit.language, own),
            "application_id": self._teller.mint(),
        }
        purposes = self._teller.purposes(product_id)
        return self._page(
            "consent.html", visit, possible=possible, amount_minor=amount, shown=shown,
            purposes=purposes, chosen=chosen, days=[each.isoformat() for each in days], said=[
                says("What may we look at to decide?"),
                says(ASKED, amount=Money(possible.product.currency, max(0, amount))),
                *(says(DAYS) for _ in days[:1]),
                *(said for each in days for said in on_day(each.isoformat(), today)),
                says("I agree"),
                *(said for each in purposes for said in of_purpose(each)),
                *(says("For these") for _ in possible.subjects[1:2]),
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
        chosen, today = (
            told_months(str(each) for each in form.getlist("cash")),
            self._teller.today(),
        )
        product = self._teller.product(product_id)
        if chosen and fitting(product, chosen, today).refused:
            return go(months_path(product_id, int(asked), chosen))
        ask = ApplicationForm(
            product_id=product_id,
            subject_ids=tuple(str(value) for value in form.getlist("subject")),
            asked_minor=int(asked),
            application_id=str(form.get("application_id", "")),
            cash=equal_parts(chosen),
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
        verdict, today = says(VERDICTS[outcome.verdict.value]), self._teller.today()
        approved = outcome.verdict is Verdict.APPROVE
        payments = self._teller.act(
            lambda db, _desk, _clock: payments_of_card(db, asked, outcome.quote)
        )
        if_drawn = () if outcome.quote is None else (
            says("If you draw it all today"), *of_price(outcome.quote, today, payments)[1:]
        )  # fmt: skip
        return self._page(
            "decision.html", visit, kept=kept, features=features, changes=changes,
            payments=payments,
            helper_name=self._knowing.helper_name(visit.farmer_id, asked.helped_by or ""),
            said=[
                verdict,
                *((amount_said(outcome.amount_minor, asked.currency),) if approved else ()),
                says("Why"), *(of_reason(each, features) for each in outcome.reasons),
                *(() if approved else said_of_changes(changes)),
            ],
            more=[*if_drawn, *(says("Someone is helping me") for _ in (0,) if asked.helped_by)],
        )  # fmt: skip

    def station(self, lang: str = "en") -> HTMLResponse:
        return self._rendering.page("station.html", lang, state=self._front.station_state())


def _only(choices: tuple[str, ...]) -> str:
    return choices[0] if len(choices) == 1 else ""


def _built(amount: int, most: int, step: int, currency: str) -> _Built:
    bounded = floor_to_unit(max(0, min(amount, most, AMOUNT_MINOR_MAX)), step)
    return _Built(bounded, most - bounded, step, currency)
