from __future__ import annotations

from typing import Any

import pytest

from core.errors import ShapeError
from core.shape import decode, encode
from core.wire.evidence import Stage, YieldEstimate
from core.wire.records import ConsentAction, EvidenceDigest, LineStatus
from core.wire.telemetry import Batch, Sample

BATCH: dict[str, Any] = {
    "device": "soil-1",
    "epoch": "e1",
    "boot": 1,
    "oldest": 1,
    "samples": [{"seq": 1, "at_ms": 5, "error_ms": 0, "values": {"battery_mv": 3700}}],
}


def test_a_document_reads_back_as_itself() -> None:
    batch = Batch("soil-1", "e1", 1, 1, (Sample(1, 5, 0, {"battery_mv": 3700}),))
    assert encode(batch) == BATCH
    assert decode(Batch, BATCH) == batch


def test_unknown_fields_of_a_newer_writer_are_passed_over() -> None:
    assert decode(Batch, {**BATCH, "colour": "green"}) == decode(Batch, BATCH)


def test_an_absent_value_is_an_absent_key() -> None:
    digest = EvidenceDigest("e", "s", "p", "2026-05-01", Stage.HEADING.value)
    assert "yield_p10_kg_per_ha" not in encode(digest)
    assert decode(EvidenceDigest, encode(digest)) == digest


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("device", None, "expected str at $.device"),
        ("device", "UPPER", "expected device of a-z"),
        ("boot", "1", "expected int at $.boot"),
        ("boot", True, "expected int at $.boot"),
        ("boot", 2**60, "53 bits"),
        ("samples", {}, "expected a list"),
        ("samples", [], "expected 1 to 256 samples"),
        ("samples", [{"seq": 0, "at_ms": 1, "error_ms": 0, "values": {"x": 1}}], "seq from 1"),
        ("samples", [{"seq": 1, "at_ms": 1, "error_ms": -1, "values": {"x": 1}}], "error_ms"),
        ("samples", [{"seq": 1, "at_ms": 1, "error_ms": 0, "values": {}}], "1 to 16 metrics"),
        ("samples", [{"seq": 1, "at_ms": 1, "error_ms": 0, "values": {"x": 1.5}}], "values.x"),
        ("oldest", 2, "expected oldest from 1 to 1"),
    ],
)
def test_a_wrong_field_is_named(path: str, value: object, says: str) -> None:
    with pytest.raises(ShapeError) as caught:
        decode(Batch, {**BATCH, path: value})
    assert says in str(caught.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ShapeError, match=r"Batch\.device"):
        decode(Batch, {key: value for key, value in BATCH.items() if key != "device"})


def test_an_unknown_choice_lists_the_known_ones() -> None:
    with pytest.raises(ShapeError, match="opened, raised, cut, held, frozen"):
        decode(LineStatus, {**_line(), "movement": "jumped"})
    assert ConsentAction("grant") is ConsentAction.GRANT


def test_quantiles_must_rise() -> None:
    with pytest.raises(ShapeError, match="rising"):
        YieldEstimate(5, 4, 6, 7, 8, "average", "00")


def _line() -> dict[str, object]:
    return {
        "line_id": "l", "farmer_id": "f", "product_id": "p", "subject_ids": ["s"],
        "currency": "KES", "limit_minor": 1, "principal_minor": 0, "interest_minor": 0,
        "fee_minor": 0, "rate_ppm": 1, "due_on": "2026-09-15", "as_of": "2026-05-01",
        "movement": "held", "reasons": [], "evidence_ids": [], "open": True,
    }  # fmt: skip
