"""The promise of consent: what is cited was granted by the farmer whose data it is, for that."""

from __future__ import annotations

from core.wire.consents import Cell, cells_of_consent
from core.wire.personal_data import Purpose, Recipient
from core.wire.records import ConsentAction
from server.services.audit.finding import Look, Looks, first_fault
from server.services.centre import Centre
from server.store import consent_uses, line_pages, lines, reports
from server.store.consent_uses import DataUse
from server.store.engine import Tx
from server.store.lines import LineMovement

_DECIDING = frozenset(
    {
        (Purpose.DECISION.value, Recipient.LENDER.value),
        (Purpose.BUREAU_QUERY.value, Recipient.LENDER.value),  # what is owed elsewhere
        (Purpose.INSURANCE.value, Recipient.INSURER.value),  # an insurer's word behind the line
    }
)


def granted(_: Centre, tx: Tx) -> Looks:
    """Movements and uses name grants of the same farmer, and for such a use."""
    for page in line_pages.pages(tx):
        with tx.remembering() as remembering:
            reports.learn_consents(remembering, sorted({line.farmer_id for line in page}))
            for line in page:
                grants = _grants(remembering, line.farmer_id)
                for moved in lines.movements_of(remembering, line.line_id):
                    yield _of_movement(moved, grants)
    for use in consent_uses.every_use(tx):
        yield _of_use(use, _grants(tx, use.farmer_id))


def _grants(tx: Tx, farmer_id: str) -> dict[str, frozenset[Cell]]:
    return {
        kept.consent.consent_id: cells_of_consent(kept.consent)
        for kept in reports.consents_of(tx, farmer_id)
        if kept.consent.action is ConsentAction.GRANT
    }


def _of_movement(moved: LineMovement, grants: dict[str, frozenset[Cell]]) -> Look:
    wrong = [
        consent_id
        for consent_id in moved.consent_ids
        if not any(
            (cell.purpose, cell.recipient) in _DECIDING for cell in grants.get(consent_id, ())
        )
    ]
    expected = "consents of its farmer to decide on a limit"
    return first_fault("movements", moved.movement_id, (bool(wrong), expected, ", ".join(wrong)))


def _of_use(use: DataUse, grants: dict[str, frozenset[Cell]]) -> Look:
    cell = Cell(use.purpose, use.data_class, use.recipient)
    wrong = [each for each in use.consent_ids if cell not in grants.get(each, frozenset())]
    bare = use.basis == "consent" and not use.consent_ids
    return first_fault(
        "data_uses",
        f"{use.kind}/{use.object_id}",
        (bool(wrong), "consents of the farmer to this use", ", ".join(wrong)),
        (bare, "a consent that it rests on", "none"),
    )
