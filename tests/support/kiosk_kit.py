"""What a station writes at its kiosk, for tests of the centre: applications and draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from core.canonical import parse_canonical
from core.decision.card import CARD, DecisionCard
from core.decision.policy import DecisionInputs, decide
from core.decision.quote import quote
from core.lending.lease import DrawState, Lease
from core.lending.terms import CashMonth
from core.scoring.features import FeatureValue
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX, Signer, sign_document
from core.units import civil_day
from core.wire.envelope import LogClass
from core.wire.records import (
    Application,
    Consent,
    ConsentAction,
    DecisionRecord,
    Drawdown,
    LeaseClosed,
    LineOpened,
)
from server.services.envelopes import Answer, accept_envelope
from server.store import lines, logs, models
from tests.support.centre_kit import STATION, Kit, model, open_known

MONEY = LogClass.MONEY


@dataclass(frozen=True, slots=True)
class Opening:
    """A line that a station opened at its kiosk."""

    line_id: str
    application_id: str
    card_id: str
    lease: Lease
    limit_minor: int


def leases_at_station(kit: Kit, kind: str = "line") -> list[Lease]:
    """The leases that the station has pulled."""
    found = [decode(Lease, document["body"]) for document in kit.station.bodies("lease")]
    return [lease for lease in found if lease.kind.value == kind]


def grant(kit: Kit, farmer_id: str, consent_id: str) -> None:
    consent = Consent(
        consent_id, farmer_id, ConsentAction.GRANT, ("automated_decision",), "lender",
        "a" * 64, spoken=True, helped=False,
    )  # fmt: skip
    kit.station.write(MONEY, "consent", consent, kit.clock.at_ms)


def card_of(
    kit: Kit,
    application: Application,
    available_minor: int,
    purposes: tuple[str, ...] = ("automated_decision",),
) -> DecisionCard:
    """The card that a station would make, with the registered model."""
    registered = kit.read(models.active)
    inputs = DecisionInputs(
        application=application,
        station=STATION,
        home_station=STATION,
        features=tuple(
            FeatureValue(name, 5)
            for name in ("area_m2", "household_size_count", "past_seasons_repaid_count")
        ),
        purposes=purposes,
        consent_ids=("consent-1",) if purposes else (),
        evidence_ids=(),
        readings=(),
        available_minor=available_minor,
        capacity_minor=available_minor,
        model_sha256=registered.sha256,
        model_version=registered.version,
        model_stale=False,
        policy_version=kit.product.policy_version(),
        decided_on=civil_day(kit.clock.at_ms).isoformat(),
        decided_at_ms=kit.clock.at_ms,
        error_ms=500,
    )
    outcome = decide(inputs, model(), kit.product)
    return DecisionCard(f"card-{application.application_id}", inputs, outcome)


def write_card(kit: Kit, card: DecisionCard, signer: Signer | None = None) -> None:
    signed = sign_document(CARD, encode(card), signer or kit.station.keys)
    document = parse_canonical(signed, DOCUMENT_BYTES_MAX)
    record = DecisionRecord(card.inputs.application.application_id, document)
    kit.station.write(MONEY, "decision", record, kit.clock.at_ms)


def open_at_kiosk(
    kit: Kit,
    number: int = 1,
    asked_minor: int = 500_000,
    *,
    tampered: bool = False,
    cash: tuple[CashMonth, ...] | None = None,
) -> Opening:
    """Farmer C consents and applies; the station decides and opens the line, offline."""
    lease = next(
        each
        for each in leases_at_station(kit, "onboarding")
        if each.product_id == kit.product.product_id
    )
    application = Application(
        f"app-{number}", "farmer-c", kit.product.product_id, ("plot-c1",), asked_minor, "KES",
        cash=cash,
    )  # fmt: skip
    grant(kit, "farmer-c", f"consent-{number}")
    kit.station.write(MONEY, "application", application, kit.clock.at_ms)
    card = card_of(kit, application, lease.per_line_minor)
    if tampered:
        card = replace(card, outcome=replace(card.outcome, score=card.outcome.score + 1))
    write_card(kit, card)
    opened = LineOpened(
        f"line-{number}", application.application_id, "farmer-c", kit.product.product_id,
        lease.lease_id, application.subject_ids, card.outcome.amount_minor, "KES", cash,
    )  # fmt: skip
    kit.station.write(MONEY, "line_opened", opened, kit.clock.at_ms)
    return Opening(
        opened.line_id, application.application_id, card.card_id, lease, opened.limit_minor
    )


def draw(
    kit: Kit, draw_id: str, line_id: str, lease_id: str, amount_minor: int, *states: str
) -> None:
    """Write a draw's states (pending, then posted or voided) into the money log."""
    on = civil_day(kit.clock.at_ms)
    price = quote(kit.product, amount_minor, date(2026, 5, 1))
    for state in states or ("pending", "posted"):
        body = Drawdown(
            draw_id, line_id, lease_id, DrawState(state), amount_minor, price.fee_minor, "KES",
            "consent-1", price.apr_ppm, on.isoformat(),
        )  # fmt: skip
        kit.station.write(MONEY, "drawdown", body, kit.clock.at_ms)


def give_back(kit: Kit, lease_id: str, posted_minor: int) -> None:
    kit.station.write(MONEY, "lease_closed", LeaseClosed(lease_id, posted_minor), kit.clock.at_ms)


def deliver(kit: Kit, first: int = 1, last: int | None = None, log: LogClass = MONEY) -> Answer:
    """Send a run of a log to the centre."""
    return accept_envelope(kit.centre, kit.station.envelope(log, first, last))


def flags(kit: Kit) -> list[Any]:
    return [record.flag for _, record in kit.read(logs.flagged)]


def drawn_by_farmer_b(kit: Kit, on: date, amount_minor: int = 1_000_000) -> str:
    """Farmer B's line, opened by the centre and drawn on at the station on a day; its id."""
    open_known(kit)
    kit.station.pull(kit.centre)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    [lease] = [each for each in leases_at_station(kit) if each.line_id == line.line_id]
    kit.clock.set_day(on)
    draw(kit, "draw-1", line.line_id, lease.lease_id, amount_minor)
    deliver(kit)
    line_id: str = line.line_id
    return line_id
