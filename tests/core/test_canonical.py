from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import canonical_bytes, canonical_hash, parse_canonical
from core.errors import CanonicalError
from tests.support.requirements import oracle

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(
    lambda s: __import__("unicodedata").normalize("NFC", s)
)
SCALARS = st.booleans() | st.integers(-(2**53 - 1), 2**53 - 1) | TEXT
KEYS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_what_is_written_reads_back_the_same(value: dict[str, object]) -> None:
    assert parse_canonical(canonical_bytes(value), 1_000_000) == value


@given(VALUES)
def test_bytes_equal_the_rfc_8785_reference(value: object) -> None:
    rfc8785 = oracle("rfc8785")
    assert canonical_bytes(value) == rfc8785.dumps(value)


def test_order_of_keys_does_not_change_the_hash() -> None:
    assert canonical_hash({"a": 1, "b": [2]}) == canonical_hash({"b": [2], "a": 1})


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"a": 1.5}, "float"),
        ({"a": None}, "NoneType"),
        ({"a": 2**53}, "53 bits"),
        ({"é": 1}, "ASCII keys"),
        ({"a": "e\u0301"}, "NFC"),
        ({"a": "\ud800"}, "surrogates"),
        ({"a": [{"b": float("nan")}]}, r"\$\.a\[0\]\.b"),
    ],
)
def test_what_no_runtime_agrees_on_is_refused(value: object, names: str) -> None:
    with pytest.raises(CanonicalError, match=names):
        canonical_bytes(value)


def test_deep_nesting_is_refused_before_it_hurts() -> None:
    value: object = 1
    for _ in range(40):
        value = [value]
    with pytest.raises(CanonicalError, match="levels"):
        canonical_bytes(value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":"\\u0041"}',
        b"[1]",
        b"not json",
        b'{"a":NaN}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_any_other_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        parse_canonical(data, 1_000_000)


def test_too_much_is_refused_before_parsing() -> None:
    with pytest.raises(CanonicalError, match="at most 10 bytes"):
        parse_canonical(json.dumps({"a": "x" * 100}).encode(), 10)
