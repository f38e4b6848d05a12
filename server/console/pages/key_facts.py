"""The sheet of key facts at the console: of a line or an application, in the farmer's language.

It is given as a file that stands alone, as a page or a PDF, tells the price of the day at the
line's own rate, and stands in the trail by its fingerprint. A price above the cap in force on
that day is refused, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.lending.keyfacts import KeyFacts, key_facts
from core.lending.own_cash import with_own_cash
from core.lending.product import Product
from core.units import SAFE_INTEGER_MAX, civil_date, minor_digits
from core.wire.personal_data import DataClass
from server.console.desk import Desk, Visitor
from server.console.key_facts_sheet import Lender, as_html, as_pdf
from server.console.words import LANGUAGES
from server.services.centre import RequestError, Work
from server.services.standing import opened_by, priced_now
from server.store import line_rates, lines, people, products, reports
from server.store.engine import NotKnownError, Tx

GIVEN = "key_facts_given"
AMOUNT_CHARACTERS_MAX = 20
MEDIA = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}
_SHOWN = (DataClass.IDENTITY, DataClass.MONEY)


@dataclass(frozen=True, slots=True)
class Priced:
    """What a sheet is made of: the terms, their version, and whose line or application it is."""

    product: Product
    policy_version: str
    farmer_id: str
    subject: tuple[str, str]


Find = Callable[[Tx, str, date], Priced]


def routes(desk: Desk) -> list[Route]:
    """The sheet's addresses."""
    return [
        Route("/lines/{subject_id}/key-facts.{form}", _given(desk, of_line), methods=["GET"]),
        Route(
            "/applications/{subject_id}/key-facts.{form}",
            _given(desk, of_application),
            methods=["GET"],
        ),
    ]


def _given(desk: Desk, find: Find) -> Callable[[Request], Response]:
    def sheet(request: Request) -> Response:
        visitor = desk.visitor(request)
        form = str(request.path_params["form"])
        if form not in MEDIA:
            raise NotKnownError(f"expected html or pdf, got {form[:20]!r}")
        language = _language(request)
        with desk.reading(visitor) as tx:
            on = _day(request, desk.today(tx))
            priced = find(tx, str(request.path_params["subject_id"]), on)
            facts = _facts(priced, _amount(request, priced.product.currency), on)
        page = _page(facts, Lender(desk.centre.settings.name, ""), form, language)
        desk.saw(visitor, "key facts", _SHOWN, priced.farmer_id)
        desk.centre.write(lambda work: _record(work, visitor, priced, (form, facts)))
        name = f"key-facts-{facts.drawn_on}-{language}.{form}"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(page, media_type=MEDIA[form], headers=headers)

    return sheet


def of_line(tx: Tx, line_id: str, _: date) -> Priced:
    """What a new draw on a line costs: its newest plan, at its own rate."""
    line = lines.get(tx, line_id)
    rate = line_rates.last(tx, line_id)
    product = priced_now(tx, line).at_rate(rate.rated.rate_ppm if rate else None)
    named = opened_by(tx, line).policy_version()
    return Priced(replace(product, due_on=line.due_on), named, line.farmer_id, ("line", line_id))


def of_application(tx: Tx, application_id: str, on: date) -> Priced:
    """What was asked for costs, by the terms and the risk of its card, in the farmer's months.

    Raises
    ------
    NotKnownError
        If there is no such application, or its terms are not known here.
    """
    kept = reports.find_application(tx, application_id)
    if kept is None:
        raise NotKnownError(f"expected an application, got {application_id[:80]!r}")
    asked = kept.application
    decision = next(reversed(reports.decisions_of(tx, application_id)), None)
    by_card = products.by_policy(tx, decision.policy_version) if decision else None
    product = by_card or products.newest(tx, asked.product_id)
    repaid = with_own_cash(product, asked.cash)
    priced = repaid.at_risk(decision.pd_ppm, on) if decision else repaid
    subject = ("application", application_id)
    return Priced(priced, product.policy_version(), asked.farmer_id, subject)


def _facts(priced: Priced, amount_minor: int, on: date) -> KeyFacts:
    facts = key_facts(priced.product, amount_minor, on)
    return replace(facts, policy_version=priced.policy_version)


def _page(facts: KeyFacts, lender: Lender, form: str, language: str) -> bytes:
    if form == "pdf":
        return as_pdf(facts, lender, language)
    return as_html(facts, lender, language).encode()


def _record(work: Work, visitor: Visitor, priced: Priced, made: tuple[str, KeyFacts]) -> None:
    form, facts = made
    detail = {"form": form, "amount_minor": facts.amount_minor, "on": facts.drawn_on,
              "sha256": facts.sha256()}  # fmt: skip
    people.record(work.tx, work.at_ms, visitor.actor, GIVEN, priced.subject, detail)


def _language(request: Request) -> str:
    found = request.query_params.get("language", "en")
    if found not in LANGUAGES:
        raise RequestError(f"expected a language among {', '.join(LANGUAGES)}, got {found[:20]!r}")
    return found


def _day(request: Request, today: date) -> date:
    text = request.query_params.get("on", "")
    found = civil_date(text) if text else today
    if found is None:
        raise RequestError(f"on: expected a day as YYYY-MM-DD, got {text[:40]!r}")
    return found


def _amount(request: Request, currency: str) -> int:
    """The amount that is drawn, as people write it, in minor units."""
    text = request.query_params.get("amount", "").strip()[:AMOUNT_CHARACTERS_MAX]
    try:
        minor = Decimal(text).scaleb(minor_digits(currency))
    except ArithmeticError:  # no number, or one beyond all numbers
        minor = Decimal(0)
    if not (minor.is_finite() and 0 < minor <= SAFE_INTEGER_MAX) or minor != int(minor):
        raise RequestError(f"amount: expected an amount in {currency} above 0, got {text!r}")
    return int(minor)
