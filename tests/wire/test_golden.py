"""Golden bytes: a reader of today must read, and a writer must write, version 1 for ever.

A change that breaks this file breaks stations in the field. A new version gets new
golden files beside the old ones (``python -m tools.golden`` writes only what is
missing).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from core.shape import decode
from core.signing import open_document
from core.wire import evidence, telemetry
from core.wire.envelope import unpack
from core.wire.modelfile import MODEL, Model
from tests.support.examples import SIGNER, golden
from tests.support.signing import KnownKeys

FOLDER = Path(__file__).parent / "golden"
KEYS = KnownKeys.of(SIGNER)


@pytest.mark.parametrize("name", sorted(golden()))
def test_today_s_writer_writes_the_golden_bytes(name: str) -> None:
    assert golden()[name] == (FOLDER / name).read_bytes()


def test_no_golden_file_is_left_without_an_example() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(golden())


@pytest.mark.parametrize(
    ("name", "kind", "shape"),
    [
        ("telemetry", telemetry.BATCH, telemetry.Batch),
        ("evidence", evidence.EVIDENCE, evidence.Evidence),
        ("evidence-findings", evidence.EVIDENCE, evidence.Evidence),
        ("model", MODEL, Model),
    ],
)
def test_today_s_reader_reads_the_golden_bytes(
    name: str, kind: telemetry.DocumentType, shape: type
) -> None:
    opened = open_document((FOLDER / f"{name}.v1.json").read_bytes(), kind, KEYS)
    assert isinstance(decode(shape, opened.body), shape)


def test_the_golden_envelope_opens() -> None:
    opened = unpack((FOLDER / "envelope.v1.hle").read_bytes(), KEYS)
    assert [record.kind for record in opened.records] == [
        "consent", "drawdown", "line_opened", "lease_closed", "daily_feature",
    ]  # fmt: skip
