from __future__ import annotations

from typing import Any

import pytest

from core.errors import ShapeError
from core.scoring.features import DailyFeature
from core.shape import decode, encode
from core.wire.evidence import (
    CurvePoint,
    Flag,
    Hazard,
    Observation,
    PictureRef,
    Season,
    Stage,
    YieldEstimate,
)
from core.wire.records import ConsentAction, EvidenceDigest, LineStatus
from core.wire.registry import Subject
from core.wire.telemetry import Batch, Sample
from core.wire.weather import Forecast

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


@pytest.mark.parametrize(
    ("cls", "body", "name"),
    [
        (Observation, {"mean_e4": 1, "valid_ppm": 1, "scene_id": "s", "used": True}, "day"),
        (CurvePoint, {"mean_e4": 1, "low_e4": 1, "high_e4": 1}, "day"),
        (Season, {}, "start_on"),
        (Season, {}, "peak_on"),
        (Season, {}, "end_on"),
        (Hazard, {"kind": "hail", "raised_on": "2026-05-01"}, "since_on"),
        (Hazard, {"kind": "hail", "since_on": "2026-05-01"}, "raised_on"),
        (Flag, {"code": "c", "precision_ppm": 1, "base_rate_ppm": 1, "facts": {}}, "raised_on"),
        (
            PictureRef,
            {"kind": "index", "sha256": "s", "media_type": "image/png", "size_bytes": 1},
            "day",
        ),
        (Forecast, {"place": "", "rain_um": [1]}, "issued_on"),
        (
            DailyFeature,
            {"subject_id": "s", "feature": "f", "value": 1, "coverage_ppm": 1,
             "readings_count": 1, "readings_sha256": "s"},
            "day",
        ),
        (
            Subject,
            {"subject_id": "s", "kind": "plot", "farmer_id": "f", "name": "n", "area_m2": 1},
            "sown_on",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["20260501", "2026-05-1"])
def test_a_day_that_is_none_is_refused_where_it_is_read(
    cls: type, body: dict[str, Any], name: str, text: str
) -> None:
    decode(cls, {**body, name: "2026-05-01"})
    with pytest.raises(ShapeError, match=rf"{name} must be a date"):
        decode(cls, {**body, name: text})
