"""Between rows and frozen values."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from core.canonical import canonical_bytes
from core.shape import encode

T = TypeVar("T")


def read_as(cls: type[T], row: Mapping[str, Any]) -> T:
    """A row as a frozen dataclass; the columns bear the fields' names."""
    names = [field.name for field in dataclasses.fields(cast("Any", cls))]
    return cls(**{name: row[name] for name in names})


def json_text(value: object) -> str:
    """A structured value as canonical JSON, for a text column."""
    return canonical_bytes(encode(value)).decode()


def from_json(text: str) -> Any:
    """What stands in a text column, read back."""
    return json.loads(text)
