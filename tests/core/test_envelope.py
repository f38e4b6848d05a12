"""Envelopes: what is packed opens, what is altered does not, once means once."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.canonical import canonical_bytes
from core.errors import (
    ChainBrokenError,
    EnvelopeDamagedError,
    HarvestlineError,
    SignatureError,
)
from core.shape import encode
from core.signing import bytes_to_sign
from core.wire.envelope import (
    ENVELOPE,
    GENESIS,
    Header,
    LogClass,
    LogName,
    Placement,
    Record,
    chain_head,
    fresh_records,
    pack,
    peek,
    place,
    record_hash,
    text_hash,
    unpack,
)
from tests.support.signing import KnownKeys, NumberSigner, SharedSeal

STATION, STRANGER = NumberSigner(3), NumberSigner(4)
KEYS = KnownKeys.of(STATION)
NAME = LogName("kijani", LogClass.MONEY)
RECORDS = tuple(Record(i, "consent", 1000 + i, 5, {"n": i}) for i in range(1, 6))


def packed(first: int = 1, last: int = 5) -> bytes:
    previous = chain_head(NAME, GENESIS, RECORDS[: first - 1])
    return pack(NAME, previous, RECORDS[first - 1 : last], STATION)


def head_at(seq: int) -> str:
    return chain_head(NAME, GENESIS, RECORDS[:seq])


def test_what_is_packed_opens() -> None:
    opened = unpack(packed(), KEYS)
    assert opened.records == RECORDS
    assert opened.header.head == head_at(5)
    assert peek(packed()) == opened.header


def test_a_sealed_envelope_is_for_one_reader() -> None:
    seal = SharedSeal(9)
    data = pack(NAME, GENESIS, RECORDS, STATION, ("centre", seal))
    assert unpack(data, KEYS, seal.opener("centre")).records == RECORDS
    assert b"consent" not in data
    with pytest.raises(EnvelopeDamagedError, match="no key"):
        unpack(data, KEYS)
    with pytest.raises(SignatureError, match="not for this key"):
        unpack(data, KEYS, SharedSeal(8).opener("centre"))


def test_every_truncation_is_refused() -> None:
    data = packed()
    for length in range(len(data)):
        with pytest.raises(EnvelopeDamagedError):
            unpack(data[:length], KEYS)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_altered_byte_is_refused(data: st.DataObject) -> None:
    whole = packed()
    i = data.draw(st.integers(0, len(whole) - 1))
    altered = whole[:i] + bytes([whole[i] ^ data.draw(st.integers(1, 255))]) + whole[i + 1 :]
    with pytest.raises(HarvestlineError):
        unpack(altered, KEYS)


def test_a_strangers_envelope_is_refused() -> None:
    with pytest.raises(SignatureError):
        unpack(pack(NAME, GENESIS, RECORDS, STRANGER), KEYS)


def test_the_writer_cannot_sign_records_that_do_not_chain() -> None:
    """Even a valid signature over a header whose head is wrong is refused."""
    header = replace(peek(packed()), head="0" * 64)
    with pytest.raises(ChainBrokenError, match="signed head"):
        unpack(_forge(header, zlib.compress(_raw(RECORDS), 9)), KEYS)


def test_a_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(b"0" * 50_000_000, 9)
    header = replace(peek(packed()), payload_sha256=_sha(bomb), raw_bytes=1000)
    with pytest.raises(EnvelopeDamagedError, match="expected 1000 bytes"):
        unpack(_forge(header, bomb), KEYS)
    huge = replace(header, raw_bytes=50_000_000)
    with pytest.raises(EnvelopeDamagedError, match="at most"):
        unpack(_forge(huge, bomb), KEYS)


@pytest.mark.parametrize(
    "records", [(), RECORDS[::2], (replace(RECORDS[0], seq=0),), RECORDS[::-1]]
)
def test_a_run_has_no_hole(records: tuple[Record, ...]) -> None:
    with pytest.raises(ChainBrokenError):
        pack(NAME, GENESIS, records, STATION)


@pytest.mark.parametrize(
    ("first", "last", "high", "where", "fresh"),
    [
        (1, 3, 0, Placement.NEXT, [1, 2, 3]),
        (1, 3, 3, Placement.KNOWN, []),
        (1, 3, 5, Placement.KNOWN, []),
        (2, 5, 3, Placement.NEXT, [4, 5]),
        (4, 5, 3, Placement.NEXT, [4, 5]),
        (5, 5, 3, Placement.EARLY, None),
    ],
)
def test_placement(
    first: int, last: int, high: int, where: Placement, fresh: list[int] | None
) -> None:
    envelope = unpack(packed(first, last), KEYS)
    assert place(envelope.header, high) is where
    if fresh is None:
        with pytest.raises(ChainBrokenError, match="expected record 4"):
            fresh_records(envelope, high, head_at(high))
    else:
        assert [r.seq for r in fresh_records(envelope, high, head_at(high))] == fresh


def test_a_fork_is_noticed() -> None:
    other = (*RECORDS[:2], replace(RECORDS[2], body={"n": 99}), *RECORDS[3:])
    forked = unpack(pack(NAME, GENESIS, other, STATION), KEYS)
    with pytest.raises(ChainBrokenError, match="forked"):
        fresh_records(forked, 3, head_at(3))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=12))
def test_any_order_and_repetition_applies_each_record_once(runs: list[tuple[int, int]]) -> None:
    applied: list[int] = []
    for first, last in (*runs, (1, 5)):
        if first > last:
            continue
        envelope = unpack(packed(first, last), KEYS)
        if place(envelope.header, len(applied)) is Placement.NEXT:
            applied += [r.seq for r in fresh_records(envelope, len(applied), head_at(len(applied)))]
    assert applied == [1, 2, 3, 4, 5]


def _raw(records: tuple[Record, ...]) -> bytes:
    return canonical_bytes({"records": [encode(record) for record in records]})


def _sha(data: bytes) -> str:
    return __import__("hashlib").sha256(data).hexdigest()


def _forge(header: Header, payload: bytes) -> bytes:
    text = canonical_bytes(encode(header))
    signature = STATION.sign(bytes_to_sign(ENVELOPE, text))
    return b"HLE1" + len(text).to_bytes(4, "big") + text + signature + payload


@pytest.mark.parametrize(
    "body", [{}, {"b": 1, "a": ["x\u00e9", True]}, {"text": 'a "quoted" \\ line\n'}]
)
def test_a_record_s_hash_is_the_same_from_its_body_s_text(body: dict[str, Any]):
    name = LogName("centre", LogClass.DOWN, "st-\u00e9")
    record = Record(7, 'a "kind"', 1_775_000_000_000, 3, body)
    text = canonical_bytes(body).decode()
    assert text_hash(name, "0" * 64, record, text) == record_hash(name, "0" * 64, record)
