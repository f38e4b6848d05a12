"""One example of each document and record that agents' tablets bring about."""

from __future__ import annotations

from typing import Any

from core.canonical import parse_canonical
from core.lending.accrual import DayCount
from core.lending.draw_terms import DrawTerms
from core.lending.terms import ScheduleKind, ScheduleTerms
from core.shape import encode
from core.signing import DOCUMENT_BYTES_MAX, DocumentType, Signer, sign_document
from core.wire import fieldwork as field
from core.wire import photos, slips
from core.wire import subleases as sub
from core.wire.records import Down, Up

OPERATION = field.Operation(
    "op-1", "tab-1", 1, "00" * 32, 1_775_000_000_000, field.OperationKind.VISIT,
    encode(field.FieldVisit(
        "v-1", "f-1", "plot-1", "2026-04-02", field.VisitPurpose.LOSS, "heading", "Hail.",
        (field.Photo("34" * 32, "image/webp", 61_440, "plot"),), ("643000000000001",),
        damage_percent=40, lon_e7=370_000_000, lat_e7=-1_000_000, accuracy_cm=480,
    )),
)  # fmt: skip

PART = sub.SubLease(
    "s-1", 1, "kijani", "tab-1", "ab" * 32, "agent-1", "le-1", "line-1", "f-1", "crop-season",
    400_000, 1_775_000_000_000, 1_776_209_600_000, 10_800_000,
    DrawTerms(
        "KES", 50_000, 15_000, 140_000, DayCount.ACT_365F, "2026-09-15",
        ScheduleTerms(ScheduleKind.BULLET), 360_000,
    ),
)  # fmt: skip
DRAW = sub.FieldDraw(
    "d-1", "s-1", "line-1", "f-1", 250_000, "2026-04-02", 1_775_100_000_000, 1_000, 3_750,
    269_668, "2026-09-15", 181_172, "c-1", "cd" * 32, "sw", spoken=False,
)  # fmt: skip
PAID = field.Operation(
    "op-2", "tab-1", 2, "12" * 32, 1_775_100_000_000, field.OperationKind.DRAW, encode(DRAW)
)


def tablet_documents() -> dict[str, tuple[DocumentType, Any]]:
    """Name of the golden file to type and body of the documents of tablets."""
    return {
        "tablet-operation": (field.OPERATION, OPERATION),
        "tablet-hello": (field.HELLO, field.Hello("tab-1", "0f" * 24)),
        "sub-lease": (sub.SUBLEASE, PART),
        "tablet-vouch": (
            slips.TABLET_VOUCH,
            slips.TabletVouch("kijani", "tab-1", "ab" * 32, "s-1", "KES", 400_000),
        ),
        "tablet-draw": (field.OPERATION, PAID),
        "photo-part": (
            photos.PHOTO_PART,
            photos.PhotoPart("kijani", "34" * 32, 16_384, "56" * 32, 1_775_000_000_000),
        ),
        "photo-held": (
            photos.PHOTO_HELD,
            photos.PhotoHeld("kijani", "34" * 32, 32_768, whole=False),
        ),
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
    part = parse_canonical(sign_document(sub.SUBLEASE, encode(PART), signer), DOCUMENT_BYTES_MAX)
    granted = sub.SubLeaseEvent("s-1", sub.SubLeaseAct.GRANTED, document=part)
    return {
        "tablet_event": (Up.TABLET_EVENT, event),
        "tablet_operation": (Up.TABLET_OPERATION, taken),
        "sub_lease": (Up.SUB_LEASE, granted),
        "operation": (Down.OPERATION, verdict),
    }
