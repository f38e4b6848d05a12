"""Keys: signatures and seals that only the right hands can make and open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.canonical import canonical_bytes
from core.errors import SignatureError
from core.signing import DocumentType, open_document, sign_document
from edge_node.keys import (
    KeyFileError,
    KeyRing,
    PeerSealer,
    StationOpener,
    StationSigner,
    create_key_file,
    load_key_file,
    public_path,
    read_identity,
)

KIND = DocumentType("note", 1)
ALICE, MALLORY = StationSigner(bytes([1]) * 32), StationSigner(bytes([2]) * 32)
OPENER = StationOpener(bytes([3]) * 32)


def counting_entropy(n: int) -> bytes:
    return bytes(range(n))


def test_document_opens_with_the_signers_key_only():
    data = sign_document(KIND, {"n": 1}, ALICE)
    assert open_document(data, KIND, KeyRing([ALICE.public_key])).body == {"n": 1}
    with pytest.raises(SignatureError, match="expected one of"):
        open_document(data, KIND, KeyRing([MALLORY.public_key]))


def test_altered_document_does_not_verify():
    data = sign_document(KIND, {"n": 1}, ALICE).replace(b'"n":1', b'"n":2')
    with pytest.raises(SignatureError, match="does not verify"):
        open_document(data, KIND, KeyRing.of_hex(ALICE.public_key.hex()))


@pytest.mark.parametrize("extra", [{}, {"zz": 1}, {"aa": 1}, {"aa": {"body": 2}, "c": [1]}])
def test_signature_covers_the_body_wherever_it_stands(extra: dict[str, object]):
    whole = json.loads(sign_document(KIND, {"n": 1, "s": "é"}, ALICE))
    data = canonical_bytes({**whole, **extra})
    assert open_document(data, KIND, KeyRing([ALICE.public_key])).body == {"n": 1, "s": "é"}
    forged = data.replace(b'"n":1', b'"n":2')
    with pytest.raises(SignatureError, match="does not verify"):
        open_document(forged, KIND, KeyRing([ALICE.public_key]))


@pytest.mark.parametrize("text", ["zz", "ab" * 31])
def test_public_key_must_be_32_bytes_of_hex(text: str):
    with pytest.raises(SignatureError, match="expected a key"):
        KeyRing.of_hex(text)


def test_sealed_message_opens_for_its_recipient_and_context_only():
    sealed = PeerSealer([OPENER.seal_key], counting_entropy).seal(OPENER.key_id, b"maize", b"c")
    assert OPENER.open(sealed, b"c") == b"maize"
    with pytest.raises(SignatureError, match="altered"):
        OPENER.open(sealed, b"other")
    with pytest.raises(SignatureError, match="altered"):
        StationOpener(bytes([4]) * 32).open(sealed, b"c")
    with pytest.raises(SignatureError, match="altered"):
        OPENER.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), b"c")
    with pytest.raises(SignatureError, match="sealed message"):
        OPENER.open(b"short", b"c")


def test_seal_has_the_bytes_that_the_other_rooms_expect():
    sealed = PeerSealer([OPENER.seal_key], counting_entropy).seal(OPENER.key_id, b"maize", b"c")
    assert sealed.hex() == (
        "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
        "000102030405060708090a0b" + sealed[44:].hex()
    )
    assert len(sealed) == 32 + 12 + len(b"maize") + 16


def test_unknown_recipient_is_refused():
    with pytest.raises(SignatureError, match="expected a recipient"):
        PeerSealer([], counting_entropy).seal(OPENER.key_id, b"x", b"c")


def test_key_file_is_private_and_comes_back(tmp_path: Path):
    path = tmp_path / "keys" / "kijani-1.json"
    made = create_key_file(path, "kijani-1", bytes([1]) * 32, bytes([3]) * 32)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key_file(path, "kijani-1").identity == made.identity
    assert read_identity(public_path(path)) == made.identity
    assert made.identity.public_key == ALICE.public_key.hex()
    assert "sign" not in public_path(path).read_text()


def test_key_file_is_never_overwritten(tmp_path: Path):
    path = tmp_path / "kijani-1.json"
    create_key_file(path, "kijani-1", bytes([1]) * 32, bytes([3]) * 32)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="File exists"):
        create_key_file(path, "kijani-1", bytes([5]) * 32, bytes([6]) * 32)
    assert path.read_bytes() == before


def test_key_file_that_others_can_read_is_refused(tmp_path: Path):
    path = tmp_path / "kijani-1.json"
    create_key_file(path, "kijani-1", bytes([1]) * 32, bytes([3]) * 32)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key_file(path, "kijani-1")


@pytest.mark.parametrize("text", ["", "{}", '{"sign": "00", "seal": "00"}', '{"sign": 1}', "[]"])
def test_damaged_key_file_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "kijani-1.json"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(KeyFileError):
        load_key_file(path, "kijani-1")


@pytest.mark.parametrize("text", ["{}", '{"name": "x", "public_key": "zz", "seal_key": "00"}'])
def test_damaged_identity_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "centre.pub.json"
    path.write_text(text)
    with pytest.raises(KeyFileError, match="public identity"):
        read_identity(path)
