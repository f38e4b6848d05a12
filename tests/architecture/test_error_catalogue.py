"""Every refusal has one number, one class, and one line in the docs."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache

from core.errors import CATALOGUE
from tests.support.tree import REPOSITORY, ROOMS, parse, python_files
from tools.errors_page import PAGE, errors_page
from tools.errors_page import ROOMS as PAGE_ROOMS

ROOM_OF_PACKAGE = {
    "core": "CORE",
    "edge_node": "EDGE",
    "satellite": "SAT",
    "server": "SRV",
    "firmware_sim": "SIM",
}


@cache
def declared_codes() -> tuple[tuple[str, str, str], ...]:
    """Package, class and code of every class that declares a catalogue number."""
    return tuple(
        (path.relative_to(REPOSITORY).parts[0], node.name, statement.value.value)
        for path in python_files(*ROOMS)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and str(statement.value.value).startswith("HL-")
    )


def test_every_error_class_has_a_number_of_its_own():
    counts = Counter(code for _, _, code in declared_codes())
    shared = sorted(code for code, count in counts.items() if count > 1)
    assert not shared, f"carried by more than one class: {', '.join(shared)}"


def test_every_number_in_the_catalogue_has_its_class():
    unused = sorted(CATALOGUE.keys() - {code for _, _, code in declared_codes()})
    assert not unused, f"carried by no class: {', '.join(unused)}"


def test_every_class_takes_its_number_from_its_rooms_section():
    strangers = [
        (package, name, code)
        for package, name, code in declared_codes()
        if code.split("-")[1] != ROOM_OF_PACKAGE[package]
    ]
    assert strangers == []


def test_catalogue_numbers_have_one_form_and_sane_statuses():
    for code, entry in CATALOGUE.items():
        assert re.fullmatch(r"HL-(CORE|EDGE|SAT|SRV|SIM)-\d{3}", code), code
        assert 400 <= entry.http_status < 600, code
        assert entry.exit_code > 2, code
    assert len({entry.title + code.split("-")[1] for code, entry in CATALOGUE.items()}) == len(
        CATALOGUE
    )


def test_page_of_errors_equals_the_catalogue():
    assert {code.split("-")[1] for code in CATALOGUE} == set(PAGE_ROOMS)
    assert PAGE.read_text(encoding="utf-8") == errors_page(), "run: make docs"
