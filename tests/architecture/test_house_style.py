"""What a reader can rely on in every file: names that mean something, and small pieces."""

from __future__ import annotations

from tests.support.tree import REPOSITORY, ROOMS, at, functions, parse, python_files

JUNK_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "lib"}
FILE_LINES_MAX = 400  # non-blank
FUNCTION_LINES_MAX = 60
EVERYWHERE = (*ROOMS, "tests", "tools", "bench")


def test_no_module_is_named_for_nothing():
    junk = [
        str(path.relative_to(REPOSITORY))
        for path in python_files(*EVERYWHERE)
        if JUNK_NAMES & {part.removesuffix(".py") for part in path.relative_to(REPOSITORY).parts}
    ]
    assert not junk


def test_every_file_fits_in_the_head():
    sizes = {
        str(path.relative_to(REPOSITORY)): sum(
            1 for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        )
        for path in python_files(*EVERYWHERE)
    }
    assert {name: lines for name, lines in sizes.items() if lines > FILE_LINES_MAX} == {}


def test_every_function_says_one_thing():
    long = {
        at(path, node): node.end_lineno - node.lineno + 1
        for path in python_files(*EVERYWHERE)
        for node in functions(parse(path))
        if node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert long == {}
