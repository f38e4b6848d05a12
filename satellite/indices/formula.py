"""Formulas of indices: arithmetic over bands, read from text without ever running it.

The text is parsed by ``ast`` and only this is understood: numbers, names of bands,
``+ - * /``, ``**`` with a plain number, parentheses, and the functions of
``FUNCTIONS``. Everything else (attributes, indexing, comparisons, other names, calls
with keywords) is refused by name, so a file of indices can do nothing but arithmetic.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from core.errors import HarvestlineError
from satellite.scenes.bands import ALIASES, SCL

Values = TypeVar("Values")  # an array of any library that numpy's functions work on

BANDS = tuple(band for band in ALIASES if band != SCL)
TEXT_CHARS_MAX = 400
NODES_MAX = 100
DEPTH_MAX = 20
EXPONENT_MAX = 4.0
NUMBER_MAX = 1e6
OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "sqrt": (1, np.sqrt),
    "tanh": (1, np.tanh),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
}
LANGUAGE = (
    f"numbers, the bands {', '.join(BANDS)}, + - * / **, parentheses and {', '.join(FUNCTIONS)}"
)


class IndexDefinitionError(HarvestlineError):
    """An index is defined by something else than arithmetic over bands, or by a wrong table."""

    code = "HL-SAT-011"


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read: its text, the bands in it, and how to work it out."""

    text: str
    bands: tuple[str, ...]
    _tree: ast.expr = field(repr=False, compare=False)  # follows from the text

    def __call__(self, bands: Mapping[str, Values]) -> Values:
        """The index from reflectances [0–1], one array a band.

        Where a denominator is zero the result is not finite; whoever calls drops that.
        """
        result: Values = _worked_out(self._tree, bands)
        return result


def read_formula(text: str) -> Formula:
    """A formula from its text.

    Raises
    ------
    IndexDefinitionError
        If it is too long, does not parse, or holds what the language lacks.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise IndexDefinitionError(f"expected at most {TEXT_CHARS_MAX} characters, got {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise IndexDefinitionError(
            f"expected {LANGUAGE}, got {text!r}, which does not parse"
        ) from error
    nodes = sum(1 for _ in ast.walk(tree))
    if nodes > NODES_MAX:
        raise IndexDefinitionError(f"expected at most {NODES_MAX} parts in a formula, got {nodes}")
    _require(tree, text, 1)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - FUNCTIONS.keys()
    if not used:
        raise IndexDefinitionError(f"expected at least one band in {text!r}: {', '.join(BANDS)}")
    return Formula(text, tuple(band for band in BANDS if band in used), tree)


def _require(node: ast.expr, text: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise IndexDefinitionError(
            f"expected at most {DEPTH_MAX} levels of parentheses in {text!r}"
        )
    match node:
        case ast.Constant(value=value):
            _require_number(value, text)
        case ast.Name(id=name):
            if name not in BANDS:
                raise IndexDefinitionError(
                    f"expected a band ({', '.join(BANDS)}), got {name!r} in {text!r}"
                )
        case ast.UnaryOp(op=sign, operand=inner) if type(sign) in SIGNS:
            _require(inner, text, depth + 1)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            _require(left, text, depth + 1)
            _require_exponent(right, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            _require(left, text, depth + 1)
            _require(right, text, depth + 1)
        case ast.Call():
            _require_call(node, text, depth)
        case _:
            part = ast.get_source_segment(text.strip(), node) or type(node).__name__
            raise IndexDefinitionError(f"expected {LANGUAGE}, got {part!r} in {text!r}")


def _require_call(node: ast.Call, text: str, depth: int) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if name not in FUNCTIONS or node.keywords:
        raise IndexDefinitionError(
            f"expected one of {', '.join(FUNCTIONS)}, got {name}(…) in {text!r}"
        )
    count, _ = FUNCTIONS[name]
    if len(node.args) != count:
        raise IndexDefinitionError(
            f"expected {count} values for {name}, got {len(node.args)} in {text!r}"
        )
    for inner in node.args:
        _require(inner, text, depth + 1)


def _require_number(value: object, text: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(float(str(value))) or abs(float(str(value))) > NUMBER_MAX:
        raise IndexDefinitionError(
            f"expected a number up to {NUMBER_MAX:g}, got {value!r} in {text!r}"
        )


def _require_exponent(node: ast.expr, text: str) -> None:
    inner = node.operand if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS else node
    if not isinstance(inner, ast.Constant):
        raise IndexDefinitionError(f"expected a plain number after ** in {text!r}")
    _require_number(inner.value, text)
    if float(str(inner.value)) > EXPONENT_MAX:
        raise IndexDefinitionError(f"expected an exponent up to {EXPONENT_MAX:g} in {text!r}")


def _worked_out(node: ast.expr, bands: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return bands[name]
        case ast.UnaryOp(op=sign, operand=inner):
            return SIGNS[type(sign)](_worked_out(inner, bands))
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_worked_out(left, bands), _worked_out(right, bands))
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name][1](*(_worked_out(inner, bands) for inner in args))
        case _:
            raise IndexDefinitionError(f"expected {LANGUAGE}, got {ast.unparse(node)!r}")
