"""Receipts that prove themselves: what a code holds, and what no alteration survives."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import canonical_bytes, parse_canonical
from core.errors import ShapeError, SignatureError
from core.shape import encode
from core.signing import sign_document
from core.wire.slips import (
    PREFIX,
    SLIP_BYTES_MAX,
    VOUCH,
    Slip,
    SlipKind,
    Vouch,
    base45,
    from_base45,
    open_slip,
    parts_of,
    vouched_key,
    write_slip,
)
from edge_node.keys import KeyRing, StationSigner

STATION, CENTRE, THIEF = (StationSigner(bytes([n]) * 32) for n in (1, 2, 3))
SLIP = Slip(SlipKind.DRAW, "draw-1", "kijani", "2026-04-02", "KES", 300_000, 322_500, "2026-09-15")
QR_CHARACTERS = set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


def ring(signer: StationSigner) -> KeyRing:
    return KeyRing([signer.public_key])


def vouch_by(signer: StationSigner, station: str = "kijani", key: StationSigner = STATION):
    document = sign_document(VOUCH, encode(Vouch(station, key.public_key.hex())), signer)
    return parse_canonical(document, SLIP_BYTES_MAX)


def opened(code: str, centre: StationSigner = CENTRE) -> Slip:
    signed, vouch = parts_of(code)
    expected = vouched_key(vouch, ring(centre))
    return open_slip(signed, KeyRing.of_hex(expected.public_key), expected)


def test_a_code_says_the_receipt_to_whoever_knows_the_centre_alone() -> None:
    code = write_slip(SLIP, STATION, vouch_by(CENTRE))
    assert opened(code) == SLIP
    assert set(code) <= QR_CHARACTERS
    assert len(code) < 900, "a square of 384 dots holds no more"


@pytest.mark.parametrize(
    "code",
    [
        write_slip(SLIP, THIEF, vouch_by(CENTRE)),  # by another key than the vouched one
        write_slip(replace(SLIP, station="mlima"), STATION, vouch_by(CENTRE)),  # of another station
        write_slip(SLIP, STATION, vouch_by(THIEF)),  # vouched for by nobody
        write_slip(SLIP, STATION, vouch_by(CENTRE, key=THIEF)),  # a vouch for another key
    ],
)
def test_a_receipt_that_nobody_vouches_for_is_not_true(code: str) -> None:
    with pytest.raises(SignatureError):
        opened(code)


def test_another_amount_under_the_same_signature_is_not_true() -> None:
    parts = parse_canonical(
        zlib.decompress(from_base45(write_slip(SLIP, STATION, vouch_by(CENTRE))[len(PREFIX) :])),
        SLIP_BYTES_MAX,
    )
    parts["slip"]["body"]["amount_minor"] = 900_000
    forged = PREFIX + base45(zlib.compress(canonical_bytes(parts)))
    with pytest.raises(SignatureError):
        opened(forged)


@pytest.mark.parametrize(
    "text", ["", "HL1:", "HL1:a", "HL2:00", "HL1:" + "0" * 3000, PREFIX + base45(b"no"),
             PREFIX + base45(zlib.compress(b'{"vouch":{}}')),
             PREFIX + base45(zlib.compress(b"0" * 10_000_000))],
)  # fmt: skip
def test_what_is_no_receipt_is_refused_in_words(text: str) -> None:
    with pytest.raises(ShapeError, match=r"receipt|base45"):
        parts_of(text)


@given(st.binary(max_size=200))
def test_base45_is_its_own_inverse(data: bytes) -> None:
    assert from_base45(base45(data)) == data


def test_base45_is_that_of_the_standard() -> None:
    assert base45(b"Hello!!") == "%69 VD92EX0"  # RFC 9285, section 4.3
    assert from_base45("QED8WEX0") == b"ietf!"


@pytest.mark.parametrize("text", ["a", "GGW", "0000", ":::"])
def test_what_is_no_base45_is_refused(text: str) -> None:
    with pytest.raises(ShapeError, match="base45"):
        from_base45(text)
