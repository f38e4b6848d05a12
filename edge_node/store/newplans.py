"""Plans that the lender proposes anew for lines here, and what farmers said of them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from core.shape import decode
from core.wire.newplans import NewPlanOffer
from edge_node.store.database import StationDatabase
from edge_node.store.village import UnknownRecordError, as_text


@dataclass(frozen=True, slots=True)
class KeptOffer:
    """An offer, and the farmer's consent to it; empty while there is none."""

    offer: NewPlanOffer
    consent_id: str


def keep(db: StationDatabase, offer: NewPlanOffer) -> None:
    """Keep an offer as the centre tells it; its newest word counts."""
    db.execute(
        "INSERT INTO new_plans (proposal_id, line_id, body, open) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (proposal_id) DO UPDATE SET body = excluded.body, open = excluded.open",
        [offer.proposal_id, offer.line_id, as_text(offer), int(offer.open)],
    )


def mark_consented(db: StationDatabase, proposal_id: str, consent_id: str) -> None:
    """The farmer consented to an offer."""
    db.execute(
        "UPDATE new_plans SET consent_id = ? WHERE proposal_id = ?", [consent_id, proposal_id]
    )


def find(db: StationDatabase, proposal_id: str) -> KeptOffer:
    """An offer.

    Raises
    ------
    UnknownRecordError
        If there is none of that id here.
    """
    row = db.execute(
        "SELECT body, consent_id FROM new_plans WHERE proposal_id = ?", [proposal_id]
    ).fetchone()
    if row is None:
        raise UnknownRecordError(f"expected a plan that is proposed, got {proposal_id[:64]!r}")
    return KeptOffer(decode(NewPlanOffer, json.loads(row[0])), row[1])


def open_of_line(db: StationDatabase, line_id: str, on: str) -> KeptOffer | None:
    """The offer that a farmer may take on a day; None if there is none."""
    rows = db.execute(
        "SELECT body, consent_id FROM new_plans WHERE line_id = ? AND open = 1 "
        "ORDER BY proposal_id DESC",
        [line_id],
    )
    for body, consent_id in rows:
        offer = decode(NewPlanOffer, json.loads(body))
        if offer.until_on >= on:
            return KeptOffer(offer, consent_id)
    return None
