"""A farmer's own data, in one document: all that the centre keeps of one person.

Personal Information Protection Law, articles 45 and 44: to read and to take along. Evidence
and telemetry are named by what they were read from; pictures and signed documents stay where
they are and are named by their hashes.
"""

from __future__ import annotations

from typing import Any

from core.shape import encode
from core.wire.consents import granted_names
from core.wire.personal_data import CLASSES, USES, Recipient
from server.services.centre import Work
from server.services.standing import owed, zone_minutes
from server.store import (
    agreements,
    consent_uses,
    evidence,
    leases,
    ledger,
    lines,
    registry,
    reports,
)
from server.store.engine import Tx
from server.store.lines import Line

FORMAT = "harvestline/farmer-export/v1"


def export(work: Work, farmer_id: str) -> dict[str, Any]:
    """All that is kept of a farmer, as plain values.

    Raises
    ------
    NotKnownError
        If there is no such farmer.
    """
    tx = work.tx
    farmer = registry.farmer(tx, farmer_id)
    owned = registry.subjects_of(tx, farmer_id)
    dossier = registry.find_dossier(tx, farmer_id)
    every = [a for a in reports.every_application(tx) if a.application.farmer_id == farmer_id]
    return {
        "format": FORMAT,
        "made_at_ms": work.at_ms,
        "lender": work.settings.name,
        "identity": encode(farmer),
        "registered": [encode(each) for each in owned],
        "history": encode(dossier) if dossier else {},
        "consents": [_consent(kept) for kept in reports.consents_of(tx, farmer_id)],
        "allowed_now": {
            name: list(ids)
            for name, ids in granted_names(
                reports.facts_of(tx, farmer_id), farmer_id, Recipient.LENDER.value
            ).items()
        },
        "applications": [_application(tx, each.application.application_id) for each in every],
        "lines": [_line(work, line) for line in lines.of_farmer(tx, farmer_id)],
        "evidence": [_evidence(tx, each.subject_id) for each in owned],
        "uses": [encode(use) for use in consent_uses.uses_of(tx, farmer_id)],
        "looked_at_by": [_look(one) for one in consent_uses.accesses_of(tx, farmer_id)],
        "catalogue": {
            "classes": [encode(each) for each in CLASSES],
            "uses": [encode(each) for each in USES],
        },
    }


def _consent(kept: reports.KeptConsent) -> dict[str, Any]:
    return {**encode(kept.consent), "written_by": kept.writer, "at_ms": kept.at_ms}


def _application(tx: Tx, application_id: str) -> dict[str, Any]:
    found = reports.find_application(tx, application_id)
    decided = reports.decisions_of(tx, application_id)
    return {
        "application": encode(found.application) if found else {},
        "decisions": [
            {
                "card_id": each.card_id,
                "verdict": each.verdict,
                "score": each.score,
                "pd_ppm": each.pd_ppm,
                "amount_minor": each.amount_minor,
                "document_sha256": each.document_sha256,
                "at_ms": each.at_ms,
            }
            for each in decided
        ],
        "steps": [
            {
                "event": step.event.value,
                "state": step.state.value,
                "on": step.on_day,
                "party": step.party.value,
                "reason": step.reason.value,
            }
            for step in agreements.life(tx, application_id)
        ],
    }


def _line(work: Work, line: Line) -> dict[str, Any]:
    tx, on = work.tx, work.today(zone_minutes(work.tx, line.farmer_id))
    return {
        "line_id": line.line_id,
        "product_id": line.product_id,
        "currency": line.currency,
        "limit_minor": line.limit_minor,
        "due_on": line.due_on,
        "open": line.is_open,
        "owed_minor": owed(tx, line, on).total_minor,
        "movements": [
            {
                "as_of": moved.as_of,
                "movement": moved.movement.value,
                "limit_minor": moved.limit_minor,
                "reasons": [reason.sentence() for reason in moved.reasons],
                "evidence_ids": list(moved.evidence_ids),
                "consent_ids": list(moved.consent_ids),
            }
            for moved in lines.movements_of(tx, line.line_id)
        ],
        "drawdowns": [
            {
                "draw_id": draw.draw_id,
                "state": draw.state.value,
                "amount_minor": draw.amount_minor,
                "fee_minor": draw.fee_minor,
                "on": draw.effective_on,
                "consent_id": draw.consent_id,
            }
            for draw in leases.draws_of_line(tx, line.line_id)
        ],
        "repayments": [
            {
                "repayment_id": paid.repayment_id,
                "amount_minor": paid.amount_minor,
                "on": paid.effective_on,
            }
            for paid in ledger.repayments_of(tx, line.line_id)
        ],
    }


def _evidence(tx: Tx, subject_id: str) -> dict[str, Any]:
    newest = evidence.latest(tx, subject_id)
    if newest is None:
        return {"subject_id": subject_id}
    return {
        "subject_id": subject_id,
        "newest": newest.evidence_id,
        "as_of": newest.as_of,
        "stage": newest.stage.value,
        "sha256": newest.sha256,
    }


def _look(one: consent_uses.KeptAccess) -> dict[str, Any]:
    return {
        "at_ms": one.at_ms,
        "role": one.role,
        "purpose": one.purpose,
        "classes": list(one.classes),
        "way": one.way,
        "shown": one.shown,
    }
