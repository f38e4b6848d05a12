"""Hostile envelopes and carriers' files: each is refused by name, soon, and in little memory.

A bomb must be signed by a known writer to be looked into at all; these are.
"""

from __future__ import annotations

import io
import json
import tracemalloc
import unicodedata
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.errors import CanonicalError, EnvelopeDamagedError, HarvestlineError
from core.shape import encode
from core.signing import bytes_to_sign
from core.wire import carrier
from core.wire.envelope import (
    ENVELOPE,
    GENESIS,
    HEADER_BYTES_MAX,
    MAGIC,
    PAYLOAD_BYTES_MAX,
    Header,
    LogClass,
    LogName,
    Record,
    chain_head,
    pack,
    peek,
    unpack,
)
from core.wire.payload import RAW_BYTES_MAX, RECORD_BYTES_MAX, VALUES_MAX
from tests.support.signing import KnownKeys, NumberSigner

STATION = NumberSigner(3)
KEYS = KnownKeys.of(STATION)
NAME = LogName("kijani", LogClass.MONEY)
RECORDS = tuple(Record(i, "consent", 1000 + i, 5, {"n": i, "text": "ü" * i}) for i in range(1, 6))
GOOD = pack(NAME, GENESIS, RECORDS, STATION)
# A bomb is refused before it is parsed; what it is inflated to may be there twice (the
# inflater's pieces and the whole), and one record of it parsed and written again.
MEMORY_BYTES_MAX = 3 * RAW_BYTES_MAX
HONEST_VALUE_BYTES_MAX = 100


def forged(payload: bytes, raw_bytes: int, **changes: object) -> bytes:
    """An envelope around any payload, well signed by a writer who means harm."""
    header = Header(
        writer="kijani", log=LogClass.MONEY, stream="", first=1, last=1, previous=GENESIS,
        head="ab" * 32, payload_sha256=sha256_hex(payload), raw_bytes=raw_bytes,
        key_id=STATION.key_id,
    )  # fmt: skip
    text = canonical_bytes(encode(replace(header, **changes)))  # type: ignore[arg-type]
    signature = STATION.sign(bytes_to_sign(ENVELOPE, text))
    return MAGIC + len(text).to_bytes(4, "big") + text + signature + payload


def bombed(raw: bytes) -> bytes:
    return forged(zlib.compress(raw, 9), len(raw))


SMALL = RAW_BYTES_MAX - 64
BOMBS = {
    "more than it says": lambda: forged(zlib.compress(b"0" * 10**8, 9), 1000),
    "says more than is allowed": lambda: forged(zlib.compress(b"0" * 10**8, 9), 10**8),
    "nothing but zeros": lambda: bombed(b"0" * SMALL),
    "empty lists": lambda: bombed(b'{"records":[' + b"[]," * (SMALL // 3) + b"[]]}"),
    "empty objects": lambda: bombed(b'{"records":[' + b"{}," * (SMALL // 3) + b"{}]}"),
    "short strings": lambda: bombed(b'{"records":[' + b'"ab",' * (SMALL // 5) + b'""]}'),
    "small integers": lambda: bombed(b'{"records":[' + b"9," * (SMALL // 2) + b"9]}"),
    "one deep list": lambda: bombed(b"[" * 100_000),
    "one deep list in records": lambda: bombed(
        b'{"records":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    ),
    "one long number": lambda: bombed(b'{"records":[' + b"9" * 1_000_000 + b"]}"),
    "one long string": lambda: bombed(b'{"records":["' + b"a" * (SMALL - 32) + b'"]}'),
    "combining marks": lambda: bombed(b'{"records":["a' + b"\xcc\x81" * 1_000_000 + b'"]}'),
    "repeated keys": lambda: bombed(b'{"records":[{' + b'"a":1,' * 200_000 + b'"a":1}]}'),
    "many keys": lambda: bombed(
        b'{"records":[{' + b",".join(b'"k%06d":1' % n for n in range(200_000)) + b"}]}"
    ),
    "not JSON": lambda: bombed(b"\xff" * 1000),
    "no records": lambda: bombed(b'{"records":[]}'),
    "not compressed": lambda: forged(b"{}" * 100, 200),
    "trailing bytes": lambda: forged(zlib.compress(b'{"records":[]}') + b"x" * 1000, 14),
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_signed_bomb_is_refused_soon_and_in_little_memory(name: str) -> None:
    bomb = BOMBS[name]()
    tracemalloc.start()
    try:
        with pytest.raises(HarvestlineError):
            unpack(bomb, KEYS)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < MEMORY_BYTES_MAX


@pytest.mark.parametrize(
    "name", ["empty lists", "empty objects", "small integers", "short strings"]
)
def test_what_is_counted_is_never_parsed(name: str) -> None:
    bomb = BOMBS[name]()
    tracemalloc.start()
    try:
        with pytest.raises(EnvelopeDamagedError, match="values"):
            unpack(bomb, KEYS)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2.5 * RAW_BYTES_MAX


def test_an_honest_envelope_takes_its_bytes_and_its_values() -> None:
    values = {f"metric_{n}": 100_000 + n for n in range(120)}
    count = 800
    run = [Record(n, "telemetry", n, 5, {"values": values}) for n in range(1, count + 1)]
    data = pack(NAME, GENESIS, run, STATION)
    bytes_max = 2 * peek(data).raw_bytes + HONEST_VALUE_BYTES_MAX * count * 126
    tracemalloc.start()
    try:
        assert len(unpack(data, KEYS).records) == count
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < bytes_max


def test_no_writer_packs_what_no_reader_takes() -> None:
    large = Record(1, "model", 1, 0, {"text": "x" * RECORD_BYTES_MAX})
    with pytest.raises(EnvelopeDamagedError, match="send fewer"):
        pack(NAME, GENESIS, [large], STATION)
    many = [Record(n, "x", 1, 0, {"all": [0] * 60_000}) for n in range(1, 10)]
    with pytest.raises(EnvelopeDamagedError, match=f"at most {VALUES_MAX} values.*send fewer"):
        pack(NAME, GENESIS, many, STATION)


WRITTEN = b",".join(canonical_bytes(encode(one)) for one in RECORDS[:2])


@pytest.mark.parametrize(
    "raw",
    [
        b'{"records":[' + WRITTEN + b",]}",
        b'{"records":[,' + WRITTEN + b"]}",
        b'{"records":[' + WRITTEN + b'],"x":1}',
        b'{"records": [' + WRITTEN + b"]}",
        b'{"records":[' + WRITTEN.replace(b"},{", b"} ,{") + b"]}",
        b'{"records":[' + WRITTEN.replace(b"},{", b"};{") + b"]}",
        b'{"records":[' + WRITTEN.replace(b"},{", b"}{") + b"]}",
        b'{"records":[' + WRITTEN + b"]]}",
        b'{"records":[' + WRITTEN[:-1] + b"]}",
        b'{"records":[[' + WRITTEN + b"]]}",
        b'{"records":["' + b"\\" * 100_000 + b"]}",
        b'{"records":[{"a":"' + b'"' * 1_000_000 + b'"}]}',
        b'{"records":[{"a":' + b"[" * 20 + b"]" * 20 + b"}]}",
    ],
    ids=lambda raw: raw[:30].decode(),
)
def test_a_payload_in_any_other_spelling_is_refused(raw: bytes) -> None:
    with pytest.raises(EnvelopeDamagedError):
        unpack(bombed(raw), KEYS)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text() | st.lists(st.text(), max_size=3), min_size=1, max_size=5))
def test_brackets_quotes_and_backslashes_in_words_split_nothing(words: list[object]) -> None:
    run = tuple(
        Record(n, "note", n, 0, {"word": unicodedata.normalize("NFC", str(word)), "in": [{}, []]})
        for n, word in enumerate(words, start=1)
    )
    try:
        data = pack(NAME, GENESIS, run, STATION)
    except CanonicalError:
        return  # a lone surrogate
    assert unpack(data, KEYS).records == run


def test_a_header_may_not_be_larger_than_its_bound() -> None:
    for size in (HEADER_BYTES_MAX + 1, 2**31, 2**32 - 1):
        with pytest.raises(EnvelopeDamagedError):
            peek(MAGIC + size.to_bytes(4, "big") + b"{" * 5000)
    with pytest.raises(HarvestlineError):
        peek(forged(b"x", 1, writer="w" * 5000))


def test_a_payload_may_not_be_larger_than_its_bound() -> None:
    with pytest.raises(EnvelopeDamagedError, match="payload of at most"):
        peek(forged(b"x" * (PAYLOAD_BYTES_MAX + 1), 1))


@pytest.mark.parametrize(
    "change",
    [
        {"first": 0},
        {"first": -5, "last": -5},
        {"last": 2**53 - 1},
        {"raw_bytes": 0},
        {"raw_bytes": -1},
    ],
)
def test_numbers_that_make_no_sense_are_refused(change: dict[str, int]) -> None:
    raw = canonical_bytes({"records": [encode(RECORDS[0])]})
    changes = {"raw_bytes": len(raw), **change}
    with pytest.raises(HarvestlineError):
        unpack(forged(zlib.compress(raw), **changes), KEYS)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2_000))
def test_any_bytes_are_an_envelope_or_refused(data: bytes) -> None:
    for candidate in (data, MAGIC + data, MAGIC + b"\0\0\0\x02{}" + data):
        for read in (peek, lambda each: unpack(each, KEYS)):
            with pytest.raises(HarvestlineError):
                read(candidate)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_good_envelope_that_is_cut_joined_or_changed_is_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD) - 1))
    end = data.draw(st.integers(start, len(GOOD)))
    put = data.draw(st.binary(max_size=50))
    changed = GOOD[:start] + put + GOOD[end:]
    if changed == GOOD:
        return
    with pytest.raises(HarvestlineError):
        unpack(changed, KEYS)


JSON = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=20) | st.none() | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(JSON, st.booleans())
def test_any_signed_content_is_records_or_refused(content: object, wrapped: bool) -> None:
    raw = json.dumps({"records": [content]} if wrapped else content).encode()
    try:
        records = unpack(bombed(raw), KEYS).records
    except HarvestlineError:
        return
    assert chain_head(NAME, GENESIS, records) == "ab" * 32  # only by a collision


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6), st.data())
def test_a_carriers_file_gives_its_documents_or_is_refused(
    documents: list[bytes], data: st.DataObject
) -> None:
    whole = carrier.MAGIC + b"".join(carrier.framed(each) for each in documents)
    assert list(carrier.documents_in(io.BytesIO(whole).read, "file")) == documents
    cut = whole[: data.draw(st.integers(0, len(whole)))] + data.draw(st.binary(max_size=8))
    found = []
    try:
        for each in carrier.documents_in(io.BytesIO(cut).read, "file"):
            found.append(each)  # noqa: PERF402  (what came before the fault counts)
    except EnvelopeDamagedError:
        pass
    assert sum(len(each) + carrier.LENGTH_BYTES for each in found) <= len(cut)


def test_a_carriers_file_of_too_many_or_too_large_documents_is_refused() -> None:
    many = carrier.MAGIC + carrier.framed(b"x") * (carrier.DOCUMENTS_MAX + 1)
    with pytest.raises(EnvelopeDamagedError, match="at most"):
        list(carrier.documents_in(io.BytesIO(many).read, "file"))
    asked: list[int] = []

    def read(count: int) -> bytes:
        asked.append(count)
        return {4: carrier.MAGIC if len(asked) == 1 else b"\xff\xff\xff\xff"}.get(count, b"")

    with pytest.raises(EnvelopeDamagedError):
        list(carrier.documents_in(read, "file"))
    assert max(asked) <= carrier.DOCUMENT_BYTES_MAX
    with pytest.raises(EnvelopeDamagedError):
        carrier.framed(b"")


def test_a_deep_document_is_refused_before_it_is_walked() -> None:
    for data in (b"[" * 200_000, b'{"a":' * 200_000, b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"):
        with pytest.raises(CanonicalError):
            parse_canonical(data, 10**7)
