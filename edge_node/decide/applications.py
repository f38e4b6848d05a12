"""Applications decided at the station, inside delegated authority and a lease.

Consent, application, decision card and, if approved, the new line are written with
their log records in one transaction. The same application again returns the first
card. What a decision cites of telemetry goes into the raw log verbatim, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.canonical import parse_canonical
from core.decision.card import CARD, DecisionCard
from core.decision.policy import ASKED_DAYS, DecisionInputs, Verdict, decide
from core.lending.lease import Clock, LeaseBook, refuse_draw
from core.lending.own_cash import own_cash_faults
from core.lending.product import Product
from core.reasons import Reason, ReasonCode
from core.shape import encode
from core.signing import DOCUMENT_BYTES_MAX, sign_document
from core.wire.envelope import LogClass
from core.wire.modelfile import Model, ModelState, state
from core.wire.records import Application, Consent, DecisionRecord, LineOpened, Up
from core.wire.registry import Farmer
from edge_node.decide.consents import granted, write_consent
from edge_node.decide.desk import Desk, RequestError, require_known
from edge_node.decide.inputs import (
    Pledged,
    capacity_minor,
    evidence_ids,
    features,
    looked_at,
    pledged,
)
from edge_node.decide.telemetry import TelemetryOf
from edge_node.store import decisions, documents, leases, lines, logs, models, village
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import KeptCard
from edge_node.store.models import KeptModel, NoModelError


@dataclass(frozen=True, slots=True)
class LineAsk:
    """A farmer applies for a line; the ids are minted by ``app.py``."""

    application: Application
    consents: tuple[Consent, ...]
    card_id: str
    line_id: str


def apply_for_line(
    db: StationDatabase, desk: Desk, ask: LineAsk, telemetry_of: TelemetryOf, clock: Clock
) -> KeptCard | Reason:
    """Decide an application with what is at the station.

    Returns
    -------
    KeptCard or Reason
        The signed card; or why nothing can be decided here now, in which case the
        application was not taken and may be made again.

    Raises
    ------
    ClockUnknownError
        If the station does not know the date.
    RequestError
        If the application contradicts what is registered, or brings cash months that the
        product does not take.
    ChangedRequestError
        If the id was used for another application.
    NoModelError
        If no model is here yet.
    """
    with db.atomic():
        known = decisions.card_of_application(db, ask.application.application_id)
        if known is not None:
            decisions.keep_application(db, ask.application, clock.at_ms)
            return known
        require_known(clock)
        farmer, product = _parties(db, ask)
        faults = own_cash_faults(product, ask.application.cash, desk.today(clock))
        if faults:
            raise RequestError("; ".join(faults))
        subjects = pledged(db, farmer, product, ask.application.subject_ids)
        offer = offer_for_new_line(db, product, clock)
        if isinstance(offer, Reason):
            return offer
        case = _Case(ask, farmer, product, offer, _model(db), subjects)
        _keep_request(db, desk, ask, clock)
        inputs = _inputs(db, desk, case, telemetry_of, clock)
        return _decide(db, desk, case, inputs, clock)


@dataclass(frozen=True, slots=True)
class Offer:
    """The onboarding lease that a new line would be opened under, and how far it goes."""

    lease_id: str
    available_minor: int


@dataclass(frozen=True, slots=True)
class _Case:
    """All parties to one application."""

    ask: LineAsk
    farmer: Farmer
    product: Product
    offer: Offer
    model: KeptModel
    subjects: tuple[Pledged, ...]


def offer_for_new_line(db: StationDatabase, product: Product, clock: Clock) -> Offer | Reason:
    """The onboarding lease with most left for one more line, or why there is none.

    A line that was opened and has drawn nothing yet keeps its share.
    """
    found = [_offer(db, book, clock) for book in leases.open_onboarding(db, product.product_id)]
    offers = [one for one in found if isinstance(one, Offer)]
    if offers:
        return max(offers, key=lambda offer: offer.available_minor)
    codes = [one for one in found if isinstance(one, ReasonCode)]
    return Reason(codes[-1] if codes else ReasonCode.DRAW_NO_LEASE)


def _offer(db: StationDatabase, book: LeaseBook, clock: Clock) -> Offer | ReasonCode:
    opened = lines.opened_under(db, book.lease.lease_id)
    promised = sum(one.limit_minor for one in opened)
    left = min(book.lease.amount_minor - promised, book.lease.per_line_minor)
    refusal = refuse_draw(book, "", max(left, 1), clock)
    if refusal is not None:
        return refusal
    if len(opened) >= book.lease.lines_max or left <= 0:
        return ReasonCode.DRAW_LINES_EXHAUSTED
    return Offer(book.lease.lease_id, left)


def _parties(db: StationDatabase, ask: LineAsk) -> tuple[Farmer, Product]:
    application = ask.application
    farmer = village.farmer(db, application.farmer_id)
    product = village.product(db, application.product_id)
    step = product.credit.draw_step_minor
    if application.asked_minor <= 0 or application.asked_minor % step:
        raise RequestError(
            f"expected an amount in steps of {step}, got {application.asked_minor} [minor units]"
        )
    if application.currency != product.currency:
        raise RequestError(f"expected {product.currency}, got {application.currency!r}")
    if any(consent.farmer_id != farmer.farmer_id for consent in ask.consents):
        raise RequestError("expected the applicant's own consents, got another farmer's")
    _refuse_second_line(db, application)
    return farmer, product


def _refuse_second_line(db: StationDatabase, application: Application) -> None:
    for line in lines.lines_of(db, application.farmer_id):
        told = line.status or line.opened
        taken = set(told.subject_ids) & set(application.subject_ids) if told else set()
        if line.open and (line.product_id == application.product_id or taken):
            raise RequestError(
                f"expected a farmer without an open line of {application.product_id} on these "
                f"subjects, got line {line.line_id}: draw under that one"
            )


def _keep_request(db: StationDatabase, desk: Desk, ask: LineAsk, clock: Clock) -> None:
    for consent in ask.consents:
        write_consent(db, desk, consent, clock)
    if decisions.keep_application(db, ask.application, clock.at_ms):
        logs.append(db, desk.station, Up.APPLICATION, ask.application, clock)


def _inputs(
    db: StationDatabase, desk: Desk, case: _Case, telemetry_of: TelemetryOf, clock: Clock
) -> DecisionInputs:
    farmer, product, model, today = case.farmer, case.product, case.model, desk.today(clock)
    given = granted(db, desk, farmer.farmer_id)
    purposes = tuple(given)
    names = _admitted(model.model, purposes)
    looked = looked_at(case.subjects, purposes)
    subjects = [one.subject for one in looked]
    telemetry = telemetry_of(db, farmer.farmer_id, subjects, names, today)
    return DecisionInputs(
        application=case.ask.application,
        station=desk.station,
        home_station=farmer.home_station,
        features=features(db, farmer, looked, telemetry.features, names),
        purposes=purposes,
        consent_ids=tuple(sorted({each for ids in given.values() for each in ids})),
        evidence_ids=evidence_ids(looked),
        readings=telemetry.readings,
        available_minor=case.offer.available_minor,
        capacity_minor=capacity_minor(product, farmer, looked, today),
        model_sha256=model.sha256,
        model_version=model.model.version,
        model_stale=state(model.model, clock.at_ms) is ModelState.STALE,
        policy_version=product.policy_version(),
        decided_on=today.isoformat(),
        decided_at_ms=clock.at_ms,
        error_ms=clock.error_ms,
        asked_before=_asked_before(db, case, today) or None,
    )


def _asked_before(db: StationDatabase, case: _Case, today: date) -> int:
    """The farmer's applications of late for the same product that opened no line."""
    first = (today - timedelta(days=ASKED_DAYS)).isoformat()
    return sum(
        1
        for kept in decisions.cards_of(db, case.farmer.farmer_id)
        if kept.card.inputs.application.product_id == case.product.product_id
        and kept.card.outcome.verdict is not Verdict.APPROVE
        and kept.card.inputs.decided_on >= first
    )


def _admitted(model: Model, purposes: Sequence[str]) -> frozenset[str]:
    """The model's features that may be looked at under these consents."""
    return frozenset(
        one.name for one in model.features if not one.purpose or one.purpose in purposes
    )


def _decide(
    db: StationDatabase, desk: Desk, case: _Case, inputs: DecisionInputs, clock: Clock
) -> KeptCard:
    outcome = decide(inputs, case.model.model, case.product)
    card = DecisionCard(case.ask.card_id, inputs, outcome)
    signed = sign_document(CARD, encode(card), desk.signer)
    document = parse_canonical(signed, DOCUMENT_BYTES_MAX)
    approved = outcome.verdict is Verdict.APPROVE
    line_id = case.ask.line_id if approved else ""
    _cite_readings(db, desk, inputs.readings, clock)
    record = DecisionRecord(inputs.application.application_id, document)
    logs.append(db, desk.station, Up.DECISION, record, clock)
    decisions.keep_card(db, card, document, line_id)
    if approved:
        _open_line(db, desk, card, (line_id, case.offer), clock)
    return KeptCard(card, line_id, document)


def _open_line(
    db: StationDatabase, desk: Desk, card: DecisionCard, under: tuple[str, Offer], clock: Clock
) -> None:
    application, (line_id, offer) = card.inputs.application, under
    opened = LineOpened(
        line_id=line_id,
        application_id=application.application_id,
        farmer_id=application.farmer_id,
        product_id=application.product_id,
        lease_id=offer.lease_id,
        subject_ids=application.subject_ids,
        limit_minor=card.outcome.amount_minor,
        currency=application.currency,
        cash=application.cash,
    )
    lines.keep_opened(db, opened, card.inputs.decided_on, clock.at_ms)
    logs.append(db, desk.station, Up.LINE_OPENED, opened, clock)


def _cite_readings(db: StationDatabase, desk: Desk, hashes: Sequence[str], clock: Clock) -> None:
    for sha256 in hashes:
        if logs.number_of(db, LogClass.RAW, sha256) is None:
            document = parse_canonical(documents.document(db, sha256), DOCUMENT_BYTES_MAX)
            logs.append(db, desk.station, Up.TELEMETRY, document, clock, sha256)


def _model(db: StationDatabase) -> KeptModel:
    model = models.current_model(db)
    if model is None:
        raise NoModelError("expected a model from the centre, none has come yet: sync first")
    return model
