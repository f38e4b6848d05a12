"""Applications and decision cards, as they were asked and made here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from core.canonical import canonical_bytes, canonical_hash
from core.decision.card import DecisionCard
from core.errors import HarvestlineError
from core.shape import decode, encode
from core.wire.records import Application
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
