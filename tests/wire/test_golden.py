"""Golden bytes: a reader of today must read, and a writer must write, version 1 for ever.

A change that breaks this file breaks stations in the field. A new version gets new
golden files beside the old ones (``python -m tools.golden`` writes only what is
missing).
"""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import core
from core.canonical import canonical_bytes, parse_canonical
from core.decision.card import CARD
from core.lending.lease import LEASE
from core.lending.product import Product, parse_product
from core.shape import decode
from core.signing import DOCUMENT_BYTES_MAX, DocumentType, open_document
from core.wire import carrier, evidence, telemetry
from core.wire.envelope import unpack
from core.wire.modelfile import MODEL, Model
from core.wire.records import Down, Up
from tests.support.examples import SIGNER, golden, record_examples
from tests.support.signing import KnownKeys

FOLDER = Path(__file__).parent / "golden"
KEYS = KnownKeys.of(SIGNER)


@pytest.mark.parametrize("name", sorted(golden()))
def test_today_s_writer_writes_the_golden_bytes(name: str) -> None:
    assert golden()[name] == (FOLDER / name).read_bytes()


def document_types() -> set[DocumentType]:
    """Every type of signed document that a module of core declares."""
    modules = [import_module(one.name) for one in walk_packages(core.__path__, "core.")]
    return {value for each in modules for value in vars(each).values()
            if isinstance(value, DocumentType)}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(document_types(), key=str), ids=lambda kind: kind.name)
def test_every_signed_document_has_golden_bytes(kind: DocumentType) -> None:
    found = list(FOLDER.glob(f"{kind.name}.v{kind.version}.*"))
    assert len(found) == 1, f"no golden bytes of {kind}: add an example to tests/support/examples"


@pytest.mark.parametrize("kind", [*Up, *Down], ids=lambda kind: kind.value)
def test_every_kind_of_record_has_golden_bytes(kind: Up | Down) -> None:
    named = {path.name.partition(".")[0].removeprefix("record-").partition("-")[0]
             for path in FOLDER.glob("record-*.v1.json")}  # fmt: skip
    assert kind.value in named, "add an example to tests/support/record_examples"


@pytest.mark.parametrize("name", sorted(record_examples()))
def test_today_s_reader_reads_every_record_as_it_was_meant(name: str) -> None:
    _, body = record_examples()[name]
    data = (FOLDER / name).read_bytes()
    if isinstance(body, Product):
        assert parse_product(parse_canonical(data, DOCUMENT_BYTES_MAX)) == body
    else:
        assert decode(type(body), parse_canonical(data, DOCUMENT_BYTES_MAX)) == body


@pytest.mark.parametrize(
    ("name", "place", "kind"),
    [
        ("decision", "card", CARD),
        ("telemetry", "", telemetry.BATCH),
        ("lease", "", LEASE),
        ("model", "", MODEL),
    ],
)
def test_a_signed_body_still_verifies_out_of_its_record(
    name: str, place: str, kind: DocumentType
) -> None:
    body = parse_canonical((FOLDER / f"record-{name}.v1.json").read_bytes(), DOCUMENT_BYTES_MAX)
    assert isinstance(body, dict)
    inner = body[place] if place else body
    assert open_document(canonical_bytes(inner), kind, KEYS).key_id == SIGNER.key_id


def test_the_golden_carrier_s_file_gives_its_documents() -> None:
    data = (FOLDER / "carrier.v1.hls").read_bytes()
    found = list(carrier.documents_in(io.BytesIO(data).read, "golden"))
    assert len(found) == 3
    assert found[0] == (FOLDER / "envelope.v1.hle").read_bytes()
    assert found[1] == (FOLDER / "receipt.v1.json").read_bytes()
    assert found[2] == (FOLDER / "pull.v1.json").read_bytes()


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
