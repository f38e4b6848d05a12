"""``doctor``: what is wrong with a station, what would be lost, and what to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from core.shape import encode
from edge_node.commands.checks import Patient, inside
from edge_node.commands.findings import Finding, Verdict, judged, looked_at
from edge_node.commands.hands import Hands
from edge_node.commands.link import CONFIG
from edge_node.commands.watching import STATUS, ask_running, read_runtime
from edge_node.config import Settings
from edge_node.store.database import StationDatabase, StoreError, open_database

SOMETHING_BAD = 1
UNIT = "harvestline-edge.service"
SYSTEMCTL_S_MAX = 5
PAGE_CHARACTERS = 20
_SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
_RTC = Path("/sys/class/rtc/rtc0")
_MARKS = {Verdict.GOOD: "good", Verdict.WARN: "WARN", Verdict.BAD: "BAD "}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, and the gravest verdict."""

    station: str
    running: bool
    verdict: str
    findings: tuple[Finding, ...]


@click.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--strict", is_flag=True, help="Let a warning count as bad.")
@click.option("--deep", is_flag=True, help="Also let SQLite check the whole file (slow).")
@click.pass_obj
def doctor(hands: Hands, config: Path, *, as_json: bool, strict: bool, deep: bool) -> None:
    """Say what is wrong with this station and what to do; it may run or not.

    Exits with 1 if something is bad, with --strict also for a warning; else with 0.
    """
    settings = hands.settings(config)
    found = diagnose(hands, settings, deep=deep)
    if as_json:
        click.echo(json.dumps(encode(found)))
    else:
        _tell(found)
    bad = {Verdict.BAD.value} | ({Verdict.WARN.value} if strict else set())
    sys.exit(SOMETHING_BAD if found.verdict in bad else 0)


def diagnose(hands: Hands, settings: Settings, *, deep: bool = False) -> Diagnosis:
    """Look at everything; what cannot be looked at is a finding too."""
    runs = read_runtime(settings.folder)
    findings = [*_inside(hands, settings, runs, deep=deep), *_around(settings, runs)]
    order = list(Verdict)
    worst = max((each.verdict for each in findings), key=order.index, default=Verdict.GOOD)
    return Diagnosis(settings.station, bool(runs), worst.value, tuple(findings))


def _inside(
    hands: Hands, settings: Settings, runs: Mapping[str, object], *, deep: bool
) -> list[Finding]:
    try:
        if not settings.database_path.is_file():
            raise StoreError(f"expected a database at {settings.database_path}")
        db = open_database(settings.database_path)
    except StoreError as error:
        to_do = "`init` and `run` make one; if there was one, restore a backup"
        return [Finding("database", Verdict.BAD, "a database", str(error), to_do)]
    try:
        patient = Patient(settings, db, hands.reading(), runs)
        looks: dict[str, Callable[[], Finding]] = dict(inside(patient))
        if deep:
            looks["database"] = lambda: _sound(db)
        return [looked_at(name, look) for name, look in looks.items()]
    finally:
        db.close()


def _sound(db: StationDatabase) -> Finding:
    said = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    to_do = "stop the station, keep the file, restore a backup"
    return judged("database", "ok", said, [(said != "ok", Verdict.BAD, to_do)])


def _around(settings: Settings, runs: Mapping[str, object]) -> list[Finding]:
    return [
        looked_at("running", lambda: _running(settings, runs)),
        looked_at("time_sync", _time_sync),
        looked_at("watchdog", _watchdog),
    ]


def _running(settings: Settings, runs: Mapping[str, object]) -> Finding:
    page = str(runs.get("page", ""))
    if not page:
        return Finding(
            "running", Verdict.WARN, "a running station", "it is stopped",
            f"systemctl start {UNIT}, or `run`",
        )  # fmt: skip
    alive = bool(ask_running(settings))
    stuck = ", ".join(ask_running(settings, STATUS).get("stuck_parts", ())) if alive else ""
    said = f"stuck: {stuck}" if stuck else "answers" if alive else "does not answer"
    to_do = "start it anew, if systemd's watchdog does not; send in the log before parts_stuck"
    return judged(
        "running", "pages that answer, and every part turning",
        f"pid {runs.get('pid')}, {page}, {said}",
        [(not alive or bool(stuck), Verdict.BAD, to_do)],
    )  # fmt: skip


def _time_sync() -> Finding:
    synced, battery = _SYNCHRONIZED.exists(), _RTC.exists()
    found = f"{'in step with' if synced else 'not told by'} a time server, " + (
        "a battery clock" if battery else "no battery clock"
    )
    return judged(
        "time_sync", "a battery clock, or a time server when there is a link", found,
        [(not synced and not battery, Verdict.WARN,
          "fit a battery clock: without a link nothing is paid out after a power cut")],
    )  # fmt: skip


def _watchdog() -> Finding:
    expected = f"{UNIT} runs with a watchdog"
    program = shutil.which("systemctl")
    if program is None:
        to_do = "let some supervisor start the station again when it ends"
        return Finding("watchdog", Verdict.WARN, expected, "no systemd here", to_do)
    asked = ("show", UNIT, "--property=ActiveState,WatchdogUSec,LoadState")
    try:
        said = subprocess.run(
            [program, *asked], capture_output=True, text=True, check=False,
            timeout=SYSTEMCTL_S_MAX,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Finding("watchdog", Verdict.WARN, expected, "systemd does not answer", "look at it")
    told = dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)
    if told.get("LoadState") != "loaded":
        to_do = "install the unit: docs/station.md"
        return Finding("watchdog", Verdict.WARN, expected, "the unit is not installed", to_do)
    wait = told.get("WatchdogUSec", "0")
    off = (wait in {"0", "infinity"}, Verdict.BAD, "set WatchdogSec in the unit")
    stopped = (told.get("ActiveState") != "active", Verdict.WARN, f"systemctl start {UNIT}")
    return judged(
        "watchdog", expected, f"{told.get('ActiveState')}, watchdog {wait}", [off, stopped]
    )


def _tell(found: Diagnosis) -> None:
    state = "running" if found.running else "stopped"
    click.echo(f"Station {found.station} ({state}): {found.verdict}")
    for each in found.findings:
        click.echo(f"  {_MARKS[each.verdict]}  {each.name:<{PAGE_CHARACTERS}} {each.found}")
        if each.verdict is not Verdict.GOOD:
            indent = " " * (PAGE_CHARACTERS + 9)
            click.echo(f"{indent}expected: {each.expected}")
            click.echo(f"{indent}do: {each.do}")
