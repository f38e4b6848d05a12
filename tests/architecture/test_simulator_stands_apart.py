"""The simulator's crop and the satellite's estimate of it share no formula.

If both held the same growth formula or parameter, the yield intervals would be
tested against themselves. Three rules, on the syntax trees: no function of the one
equals a function of the other up to its names; no constant with three or more
significant digits stands in both; no parameter has the same name and value in
both. Constants of nature and of the calendar are excepted by name below.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tests.support.tree import FunctionNode, at, functions, parse, python_files

T = TypeVar("T")
NODES_MIN = 30  # below this a body is an accessor or a guard, not a formula
DIGITS_MIN = 3
SHARED_BY_NATURE = {
    273.15,  # 0 °C [K]
    365.25,  # mean year [days]
}
TRIVIAL = {0.0, 0.5, 1.0}


class _Renamed(ast.NodeTransformer):
    """Names in order of appearance, so that two spellings of one formula are equal."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def _short(self, name: str) -> str:
        return self.names.setdefault(name, f"v{len(self.names)}")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._short(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._short(node.arg))


def shape_of(function: FunctionNode) -> str | None:
    """The body without names and docstring, or None if it is too small to matter."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if sum(1 for statement in body for _ in ast.walk(statement)) < NODES_MIN:
        return None
    fresh = ast.parse(ast.unparse(ast.Module(body, type_ignores=[])))
    return ast.dump(_Renamed().visit(fresh))


def significant_digits(value: float) -> int:
    digits, _, _ = f"{abs(value):.12e}".partition("e")
    return len(digits.replace(".", "").rstrip("0"))


def floats(tree: ast.AST) -> set[float]:
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, float)
        and significant_digits(node.value) >= DIGITS_MIN
    }


def parameters(tree: ast.AST) -> Iterator[tuple[str, float]]:
    """Every named float: assignments, defaults of fields, keywords, entries of maps."""
    for node in ast.walk(tree):
        for name, value in _named(node):
            number = value.value if isinstance(value, ast.Constant) else None
            if isinstance(number, float) and number not in TRIVIAL:
                yield name.lower().lstrip("_"), number


def _named(node: ast.AST) -> Iterable[tuple[str, ast.expr | None]]:
    if isinstance(node, ast.Assign):
        return [(t.id, node.value) for t in node.targets if isinstance(t, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [(node.target.id, node.value)]
    if isinstance(node, ast.keyword) and node.arg:
        return [(node.arg, node.value)]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [(str(k.value), v) for k, v in pairs if isinstance(k, ast.Constant)]
    return []


def simulator() -> list[Path]:
    return python_files("firmware_sim")


def imagery() -> list[Path]:
    return python_files("satellite")


def test_no_function_of_the_simulator_stands_in_the_satellite():
    ours = {shape_of(f): at(p, f) for p in imagery() for f in functions(parse(p))}
    ours.pop(None, None)
    twins = [
        (at(path, function), ours[shape])
        for path in simulator()
        for function in functions(parse(path))
        if (shape := shape_of(function)) in ours
    ]
    assert twins == []


def crop_formulas(paths: list[Path], rooms: tuple[str, ...]) -> list[Path]:
    return [
        path for path in paths if set(rooms) & {part.removesuffix(".py") for part in path.parts}
    ]


def test_no_parameter_of_the_simulated_crop_stands_in_the_satellite():
    theirs = crop_formulas(simulator(), ("district",))
    ours = crop_formulas(imagery(), ("yields", "season", "series"))
    assert theirs, "expected the simulator's crop under firmware_sim/district"
    assert ours, "expected the satellite's estimate under satellite/yields and season"
    shared = _all(floats, theirs) & _all(floats, ours) - SHARED_BY_NATURE
    assert shared == set()
    named = _all(parameters, theirs) & _all(parameters, ours)
    assert named == set()


def _all(find: Callable[[ast.AST], Iterable[T]], paths: list[Path]) -> set[T]:
    return {found for path in paths for found in find(parse(path))}


def test_rule_sees_a_formula_under_other_names():
    grown = "def g(rain, t):\n    leaf = rain * 2 + t ** 2 - rain * t\n    return leaf / (1 + leaf)"
    again = "def y(a, b):\n    'Doc.'\n    c = a * 2 + b ** 2 - a * b\n    return c / (1 + c)"
    other = "def y(a, b):\n    c = a * 3 + b ** 2 - a * b\n    return c / (1 + c)"
    first, second, third = (shape_of(next(functions(ast.parse(t)))) for t in (grown, again, other))
    assert first == second is not None
    assert first != third


def test_rule_sees_parameters_wherever_they_are_named():
    text = (
        "HARVEST_INDEX = 0.45\nx = f(rue=1.6)\nm = {'kc': 1.15}\n"
        "class A:\n    kc_mid: float = 1.2\n"
    )
    assert set(parameters(ast.parse(text))) == {
        ("harvest_index", 0.45), ("rue", 1.6), ("kc", 1.15), ("kc_mid", 1.2),
    }  # fmt: skip
    assert floats(ast.parse("a = 0.408 + 17.27 + 0.5 + 100.0")) == {0.408, 17.27}
