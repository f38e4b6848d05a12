"""One example of each document and record that agents' tablets bring about."""

from __future__ import annotations

from typing import Any

from core.canonical import parse_canonical
from core.shape import encode
from core.signing import DOCUMENT_BYTES_MAX, DocumentType, Signer, sign_document
from core.wire import fieldwork as field
from core.wire.records import Down, Up

OPERATION = field.Operation(
    "op-1", "tab-1", 1, "00" * 32, 1_775_000_000_000, field.OperationKind.VISIT,
    encode(field.FieldVisit(
        "v-1", "f-1", "plot-1", "2026-04-02", field.VisitPurpose.LOSS, "heading", "Hail.",
        (field.Photo("34" * 32, "image/webp", 61_440, "plot"),), ("643000000000001",),
        damage_percent=40, lon_e7=370_000_000, lat_e7=-1_000_000, accuracy_cm=480,
    )),
)  # fmt: skip


def tablet_documents() -> dict[str, tuple[DocumentType, Any]]:
    """Name of the golden file to type and body of the documents of tablets."""
    return {
        "tablet-operation": (field.OPERATION, OPERATION),
        "tablet-hello": (field.HELLO, field.Hello("tab-1", "0f" * 24)),
        "tablet-chain": (field.CHAIN, field.ChainEnd("tab-1", "ab" * 32, 1, "cd" * 32)),
    }


def tablet_records(signer: Signer, public_key: str) -> dict[str, tuple[Up | Down, Any]]:
    """Name of the golden file to kind and body of the records of tablets."""
    signed = sign_document(field.OPERATION, encode(OPERATION), signer)
    document = parse_canonical(signed, DOCUMENT_BYTES_MAX)
    event = field.TabletEvent(
        "tab-1", "agent-1", field.TabletAct.ENROLLED, public_key, 1_776_000_000_000
    )
    taken = field.TakenOperation("op-1", "tab-1", "agent-1", public_key, "", document)
    verdict = field.OperationVerdict("op-1", accepted=True, words="")
    return {
        "tablet_event": (Up.TABLET_EVENT, event),
        "tablet_operation": (Up.TABLET_OPERATION, taken),
        "operation": (Down.OPERATION, verdict),
    }
