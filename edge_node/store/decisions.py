"""Consents, applications and decision cards, as they were given and made here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from core.canonical import canonical_bytes, canonical_hash
from core.decision.card import DecisionCard
from core.errors import HarvestlineError
from core.shape import decode, encode
from core.wire.records import Application, Consent, ConsentAction
from edge_node.store.database import StationDatabase
from edge_node.store.village import UnknownRecordError, as_text

CARDS_MAX = 50


class ChangedRequestError(HarvestlineError):
    """An id was used before for a request with other content."""

    code = "HL-EDGE-017"


@dataclass(frozen=True, slots=True)
class KeptCard:
    """A decision card with its signed document; ``line_id`` is empty unless approved."""

    card: DecisionCard
    line_id: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Granted:
    """A purpose that is consented to now, and by which consent."""

    purpose: str
    consent_id: str


def keep_consent(db: StationDatabase, consent: Consent, at_ms: int) -> bool:
    """Write a consent; False if it is here already.

    ``at_ms`` is its place among the farmer's consents: never before the one that was
    written before it, or a clock that was set back would undo a withdrawal.

    Raises
    ------
    ChangedRequestError
        If the id belongs to a consent with other content.
    """
    row = db.execute(
        "SELECT body FROM consents WHERE consent_id = ?", [consent.consent_id]
    ).fetchone()
    if row is not None:
        if row[0] != as_text(consent):
            raise ChangedRequestError(f"consent {consent.consent_id} exists with other content")
        return False
    db.execute(
        "INSERT INTO consents (consent_id, farmer_id, action, shown_sha256, at_ms, body) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            consent.consent_id,
            consent.farmer_id,
            consent.action.value,
            consent.shown_sha256,
            max(at_ms, _last_consent_ms(db, consent.farmer_id) + 1),
            as_text(consent),
        ],
    )
    return True


def _last_consent_ms(db: StationDatabase, farmer_id: str) -> int:
    row = db.execute("SELECT max(at_ms) FROM consents WHERE farmer_id = ?", [farmer_id]).fetchone()
    return row[0] or 0


def granted(db: StationDatabase, farmer_id: str) -> tuple[Granted, ...]:
    """What a farmer consents to now, in order of purpose; the latest word on each counts."""
    rows = db.execute(
        "SELECT body FROM consents WHERE farmer_id = ? ORDER BY at_ms, consent_id", [farmer_id]
    )
    standing: dict[str, str] = {}
    for (body,) in rows:
        consent = decode(Consent, json.loads(body))
        for purpose in consent.purposes:
            if consent.action is ConsentAction.GRANT:
                standing[purpose] = consent.consent_id
            else:
                standing.pop(purpose, None)
    return tuple(Granted(purpose, standing[purpose]) for purpose in sorted(standing))


def keep_application(db: StationDatabase, application: Application, at_ms: int) -> bool:
    """Write an application; False if it is here already.

    Raises
    ------
    ChangedRequestError
        If the id belongs to an application with other content.
    """
    request_sha256 = canonical_hash(encode(application))
    row = db.execute(
        "SELECT request_sha256 FROM applications WHERE application_id = ?",
        [application.application_id],
    ).fetchone()
    if row is not None:
        if row[0] != request_sha256:
            raise ChangedRequestError(
                f"application {application.application_id} exists with other content"
            )
        return False
    db.execute(
        "INSERT INTO applications (application_id, farmer_id, at_ms, request_sha256, body) "
        "VALUES (?, ?, ?, ?, ?)",
        [
            application.application_id,
            application.farmer_id,
            at_ms,
            request_sha256,
            as_text(application),
        ],
    )
    return True


def keep_card(
    db: StationDatabase, card: DecisionCard, document: dict[str, Any], line_id: str
) -> None:
    """Write a signed decision card."""
    application = card.inputs.application
    db.execute(
        "INSERT INTO decision_cards (card_id, application_id, farmer_id, verdict, line_id, "
        "document) VALUES (?, ?, ?, ?, ?, ?)",
        [
            card.card_id,
            application.application_id,
            application.farmer_id,
            card.outcome.verdict.value,
            line_id,
            canonical_bytes(document).decode(),
        ],
    )


def card(db: StationDatabase, card_id: str) -> KeptCard:
    """A decision card.

    Raises
    ------
    UnknownRecordError
        If the station never made it.
    """
    row = db.execute(
        "SELECT document, line_id FROM decision_cards WHERE card_id = ?", [card_id]
    ).fetchone()
    if row is None:
        raise UnknownRecordError(f"expected a decision card that was made here, got {card_id!r}")
    return _kept(row)


def card_of_application(db: StationDatabase, application_id: str) -> KeptCard | None:
    """The card by which an application was decided, if it was."""
    row = db.execute(
        "SELECT document, line_id FROM decision_cards WHERE application_id = ?", [application_id]
    ).fetchone()
    return _kept(row) if row else None


def card_ids(db: StationDatabase) -> tuple[str, ...]:
    """All decision cards, oldest first by id."""
    return tuple(row[0] for row in db.execute("SELECT card_id FROM decision_cards ORDER BY 1"))


def cards_of(db: StationDatabase, farmer_id: str) -> tuple[KeptCard, ...]:
    """A farmer's newest decision cards, newest first."""
    rows = db.execute(
        "SELECT d.document, d.line_id FROM decision_cards d JOIN applications a "
        "USING (application_id) WHERE d.farmer_id = ? ORDER BY a.at_ms DESC, d.card_id DESC "
        "LIMIT ?",
        [farmer_id, CARDS_MAX],
    )
    return tuple(_kept(row) for row in rows)


def _kept(row: tuple[str, str]) -> KeptCard:
    document = json.loads(row[0])
    return KeptCard(decode(DecisionCard, document["body"]), row[1], document)
