"""The tutorial of imagery does what its page says: its blocks run in order, as a newcomer would.

A ``sh`` block is run by bash in one folder for the whole page; the ``text`` block after it
is what it printed. In a ``text`` block ``…`` stands for anything on a line, and a line of
nothing else for any number of lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import REPOSITORY

PAGE = REPOSITORY / "docs" / "tutorial-imagery.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
BLOCKS_MIN = 10


def blocks(page: str) -> list[tuple[str, str]]:
    """Commands and what the page shows of their output (empty if it shows nothing)."""
    return [(commands, shown) for commands, shown in BLOCK.findall(page)]


def shows(shown: str, printed: str) -> bool:
    """Whether an output is what a page shows of it."""
    lines = (
        r"(?:.*\n)*?"
        if line.strip() == "…"
        else ".*?".join(re.escape(part) for part in line.rstrip("\n").split("…")) + "\n"
        for line in shown.splitlines(keepends=True)
    )
    return re.fullmatch("".join(lines), printed) is not None


@pytest.mark.timeout(600)  # twenty seconds of an idle machine, two minutes of a busy one
def test_every_block_of_the_tutorial_does_what_the_page_says(
    data_folder: Path, tmp_path: Path
) -> None:
    told = blocks(PAGE.read_text(encoding="utf-8"))
    assert len(told) >= BLOCKS_MIN
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = os.environ | {"HARVESTLINE_DATA": str(data_folder.resolve()), "PATH": path}
    environ |= {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
    for commands, shown in told:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path, env=environ, text=True, encoding="utf-8", check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{commands}\nprinted\n{done.stdout}"
        assert shows(shown, done.stdout), f"{commands}\nprinted\n{done.stdout}\nnot\n{shown}"


def test_every_block_shows_what_it_prints() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(blocks(page)) == page.count("```sh\n")
    assert page.count("```text\n") == page.count("```sh\n"), "each is followed by its output"
    assert all(shown for _, shown in blocks(page))


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("one\ntwo\n", "one\ntwo\n", True),
        ("one\n", "one\ntwo\n", False),
        ("size … kB\n", "size 260 kB\n", True),
        ("size … kB\n", "size 260 kB\nmore\n", False),
        ("one\n…\nlast\n", "one\ntwo\nthree\nlast\n", True),
        ("one\n…\nlast\n", "one\ntwo\nthree\n", False),
        ("a.b\n", "aXb\n", False),
    ],
)
def test_a_page_is_held_to_the_letter_but_for_what_it_leaves_out(
    shown: str, printed: str, *, same: bool
) -> None:
    assert shows(shown, printed) is same
