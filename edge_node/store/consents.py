"""Consents as facts: given and taken back here, and elsewhere as the centre tells of them.

What they amount to is the rule of :mod:`core.wire.consents`, which the centre calls too.
"""

from __future__ import annotations

import json

from core.shape import decode
from core.wire.consents import Accesses, KnownConsent
from core.wire.records import Consent
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import ChangedRequestError
from edge_node.store.village import as_text


def keep(db: StationDatabase, consent: Consent, at_ms: int, error_ms: int) -> bool:
    """Write a consent that was given or taken back here; False if it is here already.

    ``at_ms`` is its place among the farmer's consents of this station: never before the one
    that was written before it, or a clock that was set back would undo a withdrawal.

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
        "INSERT INTO consents (consent_id, farmer_id, action, shown_sha256, at_ms, error_ms, "
        "body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            consent.consent_id,
            consent.farmer_id,
            consent.action.value,
            consent.shown_sha256,
            max(at_ms, _last_ms(db, consent.farmer_id) + 1),
            error_ms,
            as_text(consent),
        ],
    )
    return True


def keep_foreign(db: StationDatabase, fact: KnownConsent) -> None:
    """Take a consent that was written elsewhere; the same again changes nothing."""
    db.execute(
        "INSERT INTO foreign_consents (consent_id, farmer_id, writer, at_ms, error_ms, body) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            fact.consent.consent_id,
            fact.consent.farmer_id,
            fact.writer,
            fact.at_ms,
            fact.error_ms,
            as_text(fact.consent),
        ],
    )


def facts_of(db: StationDatabase, station: str, farmer_id: str) -> tuple[KnownConsent, ...]:
    """All that is known here of a farmer's consents, own and foreign, oldest first."""
    rows = db.execute(
        "SELECT ?, at_ms, error_ms, body, consent_id FROM consents WHERE farmer_id = ? "
        "UNION ALL SELECT f.writer, f.at_ms, f.error_ms, f.body, f.consent_id "
        "FROM foreign_consents f WHERE f.farmer_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM consents c WHERE c.consent_id = f.consent_id) ORDER BY 2, 5",
        [station, farmer_id, farmer_id],
    )
    return tuple(
        KnownConsent(decode(Consent, json.loads(body)), writer, at_ms, error_ms)
        for writer, at_ms, error_ms, body, _ in rows
    )


def keep_accesses(db: StationDatabase, told: Accesses) -> None:
    """Take the centre's newest word on who looked at a farmer's data."""
    db.execute(
        "INSERT INTO accesses_told (farmer_id, body) VALUES (?, ?) "
        "ON CONFLICT (farmer_id) DO UPDATE SET body = excluded.body",
        [told.farmer_id, as_text(told)],
    )


def accesses_of(db: StationDatabase, farmer_id: str) -> Accesses | None:
    """Who looked at a farmer's data at the centre; None if nothing was told of it."""
    row = db.execute("SELECT body FROM accesses_told WHERE farmer_id = ?", [farmer_id]).fetchone()
    return decode(Accesses, json.loads(row[0])) if row else None


def _last_ms(db: StationDatabase, farmer_id: str) -> int:
    row = db.execute("SELECT max(at_ms) FROM consents WHERE farmer_id = ?", [farmer_id]).fetchone()
    return row[0] or 0
