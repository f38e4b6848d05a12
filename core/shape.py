"""Documents to frozen values and back, once, at the boundary.

A wire document is a frozen dataclass; its annotations are its schema. Decoding
names the path of whatever is missing or wrong. Unknown keys are passed over, so
that an older reader survives a newer writer within one major version (W6);
whoever stores a document stores its bytes, not the decoded value.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, Union, cast

from core.errors import HarvestlineError, ShapeError
from core.units import SAFE_INTEGER_MAX

T = TypeVar("T")
_SCALARS = (bool, int, str)
TEXT_MAX = 4096  # characters in any one string of a document
ITEMS_MAX = 20_000  # members in any one list or map of a document


def decode(cls: type[T], body: object, path: str = "$") -> T:
    """Build a frozen dataclass from a parsed document.

    Raises
    ------
    ShapeError
        If a field is missing, of another type, or outside its bound; the message
        carries the field's path.
    """
    return cast("T", _decode_dataclass(cls, body, path))


def encode(value: object) -> Any:
    """A dataclass as plain lists, maps and scalars; absent (None) fields are left out."""
    kind: Any = type(value)
    if kind is int or kind is str:
        return value
    if kind not in _KNOWN:
        _KNOWN[kind] = _getter(kind)
    if (found := _KNOWN[kind]) is not None:
        names, read = found
        fields = {}
        for name, inner in zip(names, read(value)):  # noqa: B905 - the word costs a third of it
            if inner is not None:
                kind = type(inner)
                fields[name] = inner if kind is int or kind is str else encode(inner)
        return fields
    if kind is dict or isinstance(value, Mapping):
        return {key: encode(inner) for key, inner in value.items()}  # type: ignore[attr-defined]  # a dict or a Mapping, by the line above
    if isinstance(value, list | tuple):
        return [encode(inner) for inner in value]
    return value.value if isinstance(value, Enum) else value


_Getter = tuple[tuple[str, ...], Callable[[object], tuple[Any, ...]]]
# By type, so no more than there are; a lookup here is cheaper than a cached call.
_KNOWN: dict[type, _Getter | None] = {}


def _getter(kind: type) -> _Getter | None:
    """The names of a dataclass's fields and what reads them all at once; None of other types."""
    if not dataclasses.is_dataclass(kind):
        return None
    names = tuple(field.name for field in dataclasses.fields(kind))
    if len(names) > 1:
        return names, attrgetter(*names)
    return names, lambda value: tuple(getattr(value, name) for name in names)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


@cache
def _fields(cls: type) -> tuple[tuple[str, Any, bool], ...]:
    """Name, annotation and whether it must be there, of every field."""
    hints, missing = _hints(cls), dataclasses.MISSING
    return tuple(
        (f.name, hints[f.name], f.default is missing and f.default_factory is missing)
        for f in dataclasses.fields(cls)
    )


def _decode_dataclass(cls: type, body: object, path: str) -> object:
    if not isinstance(body, dict):
        raise ShapeError(f"expected an object at {path}, got {type(body).__name__}")
    found = {}
    for name, hint, required in _fields(cls):
        if name in body:
            value = body[name]
            found[name] = (
                value if _is_sound(hint, value) else _decode(hint, value, f"{path}.{name}")
            )
        elif required:
            raise ShapeError(f"expected {cls.__name__}.{name} at {path}, got no such field")
    try:
        return cls(**found)
    except ShapeError:
        raise
    except HarvestlineError as error:
        raise ShapeError(f"at {path}: {error}") from error


def _decode(hint: Any, value: object, path: str) -> object:
    decoder, argument = _decoder(hint)
    return decoder(argument, value, path)


@cache
def _decoder(hint: Any) -> tuple[Callable[[Any, object, str], object], Any]:
    """What decodes an annotation, and with which argument; looked at once for each."""
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return _decoder(next(arg for arg in typing.get_args(hint) if arg is not type(None)))
    if origin is tuple:
        return _decode_list, typing.get_args(hint)
    if origin is not None and issubclass(origin, Mapping):
        return _decode_map, typing.get_args(hint)[1]
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass, hint
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _decode_enum, hint
    return _decode_scalar, hint


def _decode_list(args: tuple[Any, ...], value: object, path: str) -> tuple[object, ...]:
    if not isinstance(value, list) or len(value) > ITEMS_MAX:
        raise ShapeError(f"expected a list of at most {ITEMS_MAX} at {path}, got {_say(value)}")
    if args[-1] is Ellipsis:
        return tuple(_decode(args[0], v, f"{path}[{i}]") for i, v in enumerate(value))
    if len(value) != len(args):
        raise ShapeError(f"expected {len(args)} members at {path}, got {len(value)}")
    return tuple(
        _decode(arg, v, f"{path}[{i}]") for i, (arg, v) in enumerate(zip(args, value, strict=True))
    )


def _decode_map(hint: Any, value: object, path: str) -> dict[str, object]:
    if not isinstance(value, dict) or len(value) > ITEMS_MAX:
        raise ShapeError(f"expected a map of at most {ITEMS_MAX} at {path}, got {_say(value)}")
    return {
        key: v if _is_sound(hint, v) else _decode(hint, v, f"{path}.{key}")
        for key, v in value.items()
    }


def _decode_enum(hint: type[Enum], value: object, path: str) -> Enum:
    try:
        return hint(value)
    except ValueError as error:
        known = ", ".join(str(member.value) for member in hint)
        raise ShapeError(f"expected one of {known} at {path}, got {_say(value)}") from error


def _is_sound(hint: Any, value: Any) -> bool:
    """Whether a scalar certainly passes :func:`_decode_scalar`, whose errors name a path."""
    if type(value) is not hint:
        return False
    if hint is int:
        return bool(-SAFE_INTEGER_MAX <= value <= SAFE_INTEGER_MAX)
    return hint is str and len(value) <= TEXT_MAX


def _decode_scalar(hint: Any, value: object, path: str) -> object:
    if hint is Any:
        return value
    if hint not in _SCALARS:
        raise TypeError(f"{path}: documents cannot carry {hint}")
    if type(value) is not hint:
        raise ShapeError(f"expected {hint.__name__} at {path}, got {_say(value)}")
    if isinstance(value, str) and len(value) > TEXT_MAX:
        raise ShapeError(f"expected at most {TEXT_MAX} characters at {path}, got {len(value)}")
    if isinstance(value, int) and abs(value) > SAFE_INTEGER_MAX:
        raise ShapeError(f"expected an integer within 53 bits at {path}, got {value}")
    return value


def _say(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
