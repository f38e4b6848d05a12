"""Between rows and frozen values."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar, cast

from core.canonical import canonical_bytes
from core.shape import encode

T = TypeVar("T")
_DECODER = json.JSONDecoder()
_OPENS = ("{", "[")  # what is written here begins with one of them, and ends with the other
_QUOTED = "\\json:"  # before a text that is kept as JSON


def read_as(cls: type[T], row: Mapping[str, Any]) -> T:
    """A row as a frozen dataclass; the columns bear the fields' names."""
    return cls(*_reader(cast("Any", cls))(row))


@cache
def _reader(cls: type) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """What reads a dataclass's fields from a row all at once."""
    names = [field.name for field in dataclasses.fields(cast("Any", cls))]
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: (row[names[0]],)


def json_text(value: object) -> str:
    """A structured value as canonical JSON, for a text column."""
    if type(value) is tuple and (plain := _plain_texts(value)) is not None:
        return plain
    return canonical_bytes(encode(value)).decode()


def plain_json(value: dict[str, Any] | list[Any]) -> str:
    """The same of what holds no dataclass any more."""
    return canonical_bytes(value).decode()


def _plain_texts(values: tuple[Any, ...]) -> str | None:
    """The same of texts that need no escape, as ids do; None of anything else."""
    if not values:
        return "[]"
    if type(values[0]) is not str:
        return None
    try:
        joined = '","'.join(values)
    except TypeError:
        return None
    plain = joined.isascii() and joined.isprintable() and "\\" not in joined
    return f'["{joined}"]' if plain and joined.count('"') == 2 * (len(values) - 1) else None


def from_json(text: str) -> Any:
    """What stands in a text column, read back."""
    if text == "[]":
        return []
    if text[:1] in _OPENS:
        value, end = _DECODER.raw_decode(text)  # looks for no space before and after
        if end == len(text):
            return value
    return json.loads(text)


def holds_nul(value: object) -> bool:
    """Whether a text anywhere in a parsed document holds a NUL, which PostgreSQL cannot keep."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(holds_nul(key) or holds_nul(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return any(holds_nul(inner) for inner in value)
    return False


def without_nul(text: str) -> str:
    """A text for people, with every NUL shown as its symbol."""
    return text.replace("\0", "\u2400")


def kept_text(text: str) -> str:
    """A text that must come back as it was, though it may hold a NUL."""
    if "\0" in text or text.startswith(_QUOTED):
        return _QUOTED + json.dumps(text)
    return text


def read_text(kept: str) -> str:
    """What :func:`kept_text` was given."""
    if not kept.startswith(_QUOTED):
        return kept
    found: str = json.loads(kept.removeprefix(_QUOTED))
    return found
