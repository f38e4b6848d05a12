"""``python -m bench [NAME …]``: run benches, print their tables, keep them as JSON.

A bench is a module with a ``measure``; its docstring says what it compares. It is never
a timed test: it prints what it found and fails only if something does not work.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.page import page
from bench.report import Effort, Report, as_json

FOLDER = Path(__file__).resolve().parent
# In the order in which they run: the season leaves its village to those after it.
BENCHES = (
    "intake",
    "gateway",
    "recovery",
    "crowd",
    "season",
    "decision",
    "payouts",
    "underload",
    "memory",
    "imagery",
    "statistics",
    "uplink",
    "wire",
    "month",
    "rules",
    "price",
    "ledger",
    "limits",
    "console",
    "overlap",
    "smoothing",
    "scale",
    "scorer",
    "loans",
    "years",
    "federated",
    "peers",
    "telemetry",
    "automation",
    "manifest",
)
REPEATS = 3
DAYS = 15  # the lines open on the 13th; newcomers decide two days later


def main() -> None:
    """Run what was asked for."""
    parser = _parser()
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHES):
        parser.error(f"expected benches among {', '.join(BENCHES)}, got {', '.join(unknown)}")
    if asked.list:
        for name in BENCHES:
            print(f"{name:<10} {docstring(name).splitlines()[0]}")
        return
    names = [name for name in BENCHES if name in (asked.names or BENCHES)]
    before = machine()
    print("Machine: " + ", ".join(f"{name} {value}" for name, value in before.items()), "\n")
    with tempfile.TemporaryDirectory(prefix="harvestline-bench-") as scratch:
        effort = Effort(Path(scratch), asked.repeats, asked.days, asked.village, asked.lines)
        for name in names:
            report = _run(name, effort)
            _keep(asked.json, name, report, before)
    if asked.page and asked.json:
        asked.page.write_text(page(json.loads(asked.json.read_text())), encoding="utf-8")


def docstring(name: str) -> str:
    """What a bench says that it compares, read without importing it."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    return ast.get_docstring(tree) or ""


def _run(name: str, effort: Effort) -> Report:
    report: Report = importlib.import_module(f"bench.{name}").measure(effort)
    print(report.markdown(), flush=True)
    return report


def _keep(path: Path | None, name: str, report: Report, before: dict[str, str]) -> None:
    """Put a report into the JSON file; those of other benches stay there."""
    if path is None:
        return
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"benches": {}}
    found["benches"][name] = {
        "on": date.today().isoformat(),  # noqa: DTZ011  # the day on the machine's wall
        "machine": before,
        "report": as_json(report),
    }
    ordered = {each: found["benches"][each] for each in BENCHES if each in found["benches"]}
    path.write_text(json.dumps({"benches": ordered}, indent=1, ensure_ascii=False) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--list", action="store_true", help="say what each bench compares")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results in FILE")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write FILE from --json's FILE")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="each figure is their median")
    parser.add_argument("--days", type=int, default=DAYS, help="how much of the season to tell")
    parser.add_argument(
        "--lines", type=_sizes, default=(), metavar="N,N,…",
        help="of limits alone: books of so many lines, as in 10000,100000",
    )  # fmt: skip
    parser.add_argument(
        "--village", type=Path, metavar="FOLDER",
        help="a demo's folder to take the station from, told before with --leave --days",
    )  # fmt: skip
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(size) for size in text.split(",")))


if __name__ == "__main__":
    main()
