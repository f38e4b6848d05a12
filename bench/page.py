"""``docs/figures.md``: the tables of a run, and the short table that README includes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.report import report_of, table

MARK_BEGIN, MARK_END = "<!-- figures -->", "<!-- /figures -->"
HEAD = """# Figures

Written by `make bench ARGS="--json FILE --page docs/figures.md"`. Each figure stands
beside a peer or a limit that was measured in the same run.

Measured on a machine of two cores that other work shares at times; the load before the
first bench stands under each table. **Trust the ratios, not the absolute values**, which
moved by a factor of two to three. Values are medians of several repeats, `×` the median of
the ratios of runs made in turns. No ARM board was at hand.
"""


def page(found: Mapping[str, Any]) -> str:
    """The page of all benches that a JSON file holds."""
    parts = [HEAD, readme_block(found)]
    for name, entry in found["benches"].items():
        report = report_of(entry["report"])
        stamp = f"`python -m bench {name}`, {entry['on']}, {_words(entry['machine'])}."
        parts.append(f"{report.markdown()}\n{stamp}\n")
    return "\n".join(parts)


def readme_block(found: Mapping[str, Any]) -> str:
    """The README's table between its markers."""
    entries = found["benches"].values()
    figures = [figure for entry in entries for figure in report_of(entry["report"]).figures]
    rows = [(figure.what, figure.value, figure.beside) for figure in figures]
    last = max(entries, key=lambda entry: entry["on"])
    stamp = (
        f"{last['on']}, {_words(last['machine'], short=True)}; medians, "
        f"load {last['machine']['load']}."
    )
    return (
        f"{MARK_BEGIN}\n{table(('what', 'measured', 'beside it'), rows)}\n\n{stamp}\n{MARK_END}\n"
    )


def _words(machine: Mapping[str, str], *, short: bool = False) -> str:
    words = [
        f"{machine['cores']} cores",
        machine["processor"],
        machine["memory"],
        f"Python {machine['python']}",
        f"SQLite {machine['sqlite']}",
    ]
    return ", ".join(words if short else [*words, machine["system"], f"load {machine['load']}"])
