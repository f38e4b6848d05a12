from __future__ import annotations

import pytest

from core.canonical import canonical_bytes
from core.errors import CanonicalError, ShapeError, SignatureError, UnknownDocumentError
from core.signing import DocumentType, key_id_of, open_document, sign_document
from tests.support.signing import KnownKeys, NumberSigner

KIND = DocumentType("watermark", 1)
ALICE, MALLORY = NumberSigner(1), NumberSigner(2)
BODY = {"device": "soil-1", "epoch": "e1", "upto": 7}


def test_a_signed_document_opens() -> None:
    opened = open_document(sign_document(KIND, BODY, ALICE), KIND, KnownKeys.of(ALICE))
    assert (opened.body, opened.key_id) == (BODY, ALICE.key_id)


def test_every_flipped_byte_is_noticed() -> None:
    data = sign_document(KIND, BODY, ALICE)
    for i in range(len(data)):
        altered = data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]
        with pytest.raises((CanonicalError, ShapeError, SignatureError, UnknownDocumentError)):
            open_document(altered, KIND, KnownKeys.of(ALICE))


def test_another_hand_is_refused() -> None:
    with pytest.raises(SignatureError, match="known key"):
        open_document(sign_document(KIND, BODY, MALLORY), KIND, KnownKeys.of(ALICE))


def test_a_document_cannot_pass_as_another_kind() -> None:
    data = sign_document(DocumentType("lease", 1), BODY, ALICE)
    with pytest.raises(UnknownDocumentError, match="harvestline/watermark/v1"):
        open_document(data, KIND, KnownKeys.of(ALICE))
    relabelled = data.replace(b"harvestline/lease/v1", b"harvestline/watermark/v1")
    with pytest.raises(SignatureError):
        open_document(relabelled, KIND, KnownKeys.of(ALICE))


def test_a_newer_major_version_is_refused_by_name() -> None:
    data = sign_document(DocumentType("watermark", 2), BODY, ALICE)
    with pytest.raises(UnknownDocumentError, match="v2"):
        open_document(data, KIND, KnownKeys.of(ALICE))


@pytest.mark.parametrize("signature", ["", "zz", "00", 7, "00" * 65])
def test_a_malformed_signature_is_refused(signature: object) -> None:
    wrapped = {"body": BODY, "key_id": ALICE.key_id, "sig": signature, "type": str(KIND)}
    with pytest.raises(SignatureError):
        open_document(canonical_bytes(wrapped), KIND, KnownKeys.of(ALICE))


def test_a_key_has_thirty_two_bytes() -> None:
    assert key_id_of(b"\0" * 32) == "66687aadf862bd776c8fc18b8e9f8e20"
    with pytest.raises(SignatureError, match="32 bytes"):
        key_id_of(b"short")
