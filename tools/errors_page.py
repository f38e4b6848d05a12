"""Writes docs/errors.md from the catalogue in core.errors.

Run as ``python -m tools.errors_page``; a test holds the page equal to its source.
"""

from __future__ import annotations

from pathlib import Path

from core.errors import (
    CATALOGUE,
    EXIT_BAD_INPUT,
    EXIT_REFUSED,
    EXIT_STORAGE,
    EXIT_UNAVAILABLE,
    CatalogueEntry,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "errors.md"
ROOMS = {
    "CORE": "Rules and wire formats (`core`)",
    "EDGE": "The base station (`edge_node`)",
    "SAT": "Imagery (`satellite`)",
    "SRV": "The centre (`server`)",
    "SIM": "Devices in a box (`firmware_sim`)",
}
EXITS = {
    0: "done",
    1: "a fault in Harvestline itself; please report it",
    2: "the command line could not be understood",
    EXIT_BAD_INPUT: "something that was given is not valid",
    EXIT_REFUSED: "it was understood and refused",
    EXIT_UNAVAILABLE: "something else could not be reached; try again later",
    EXIT_STORAGE: "a file, a disk or a database could not be used",
}
INTRODUCTION = """\
# Errors

Everything that Harvestline refuses or reports as broken has a number. The number
never changes its meaning. Over HTTP it comes as `problem+json` (RFC 9457) with the
status below; a command prints it and ends with the exit code below. The text that
comes with it says what was expected, what came, and what to do.

A *business no*, such as a declined application or a drawdown above the lease, is
not an error: it is a decision with reasons.

This page is written by `make docs` from `core/errors.py`.
"""


def errors_page() -> str:
    """The whole page as Markdown."""
    return "\n".join([INTRODUCTION, _exit_table(), *(_room(key) for key in ROOMS)])


def _exit_table() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in EXITS.items()]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def _room(key: str) -> str:
    rows = [_row(code, entry) for code, entry in CATALOGUE.items() if code.split("-")[1] == key]
    head = ["| number | meaning | HTTP | exit |", "|---|---|---|---|"]
    return "\n".join([f"## {ROOMS[key]}", "", *head, *rows, ""])


def _row(code: str, entry: CatalogueEntry) -> str:
    return f"| {code} | {entry.title} | {entry.http_status} | {entry.exit_code} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(errors_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
