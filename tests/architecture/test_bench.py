"""``make bench`` can be asked what there is, and every bench says what it compares."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from bench.__main__ import BENCHES, docstring
from bench.page import MARK_BEGIN, MARK_END, page, readme_block
from bench.report import Figure, Report, as_json, report_of
from tests.support.tree import REPOSITORY, parse

MODULES = sorted((REPOSITORY / "bench").glob("*.py"))
COMPARES = ("against", "beside", "compare")
REPORT = Report(
    "Rate", ("what", "per s"), (("ours", "2"), ("theirs", "1")), "How.",
    (Figure("rate", "2 /s", "theirs 1 /s"),), {"ours_per_s": 2.0},
)  # fmt: skip


def test_the_list_names_every_bench_and_measures_nothing():
    result = subprocess.run(
        [sys.executable, "-m", "bench", "--list"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(BENCHES)


def test_an_unknown_bench_is_refused_by_name():
    result = subprocess.run(
        [sys.executable, "-m", "bench", "speed"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert "speed" in result.stderr


@pytest.mark.parametrize("name", BENCHES)
def test_bench_says_what_it_compares(name: str):
    assert any(word in docstring(name).lower() for word in COMPARES), name


def test_every_module_that_measures_is_listed():
    measuring = {
        path.stem
        for path in MODULES
        if any(isinstance(n, ast.FunctionDef) and n.name == "measure" for n in parse(path).body)
    }
    assert measuring == set(BENCHES)


def test_a_report_survives_its_json():
    assert report_of(json.loads(json.dumps(as_json(REPORT)))) == REPORT


def test_the_page_holds_the_table_that_readme_includes():
    machine = dict.fromkeys(
        ("cores", "processor", "memory", "system", "python", "sqlite", "load"), "x"
    )
    entry = {"on": "2026-01-01", "machine": machine, "report": as_json(REPORT)}
    block = readme_block({"benches": {"rate": entry}})
    assert block.startswith(MARK_BEGIN)
    assert block.rstrip().endswith(MARK_END)
    assert block in page({"benches": {"rate": entry}})
    assert "| rate | 2 /s     | theirs 1 /s |" in block
