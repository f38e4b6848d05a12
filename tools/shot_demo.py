"""The demonstration that pictures are taken of: started and ended in order, or one that runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.timeline import CLOCK_SETTING, DEMO_SETTING
from tools.catalogues import REPOSITORY

READY = "The pages stay up"
# Enough for a page of each kind and a drought, few enough for a few minutes.
FARMERS, DAYS = 16, 120
# In the demonstration's folder: the station's settings, and the clock that its season stands at.
STATION, CLOCK = Path("station") / "station.toml", "clock"
_STOP_S_MAX = 60.0  # for the demonstration to end in order


class Demonstration:
    """Addresses and log-ins, as the demonstration's table tells them."""

    def __init__(self, told: str, folder: Path) -> None:
        self.folder = folder
        joined = re.sub(r"│\n│ +│ ", "", told)
        self.console = _first(r"lender +│ (http://[^\s│]+)", joined)
        self.passwords = dict(re.findall(r"(lender|supervisor|auditor) / (\w+)", joined))
        self.kiosk = _first(r"farmer-001\) +│ (http://[^\s│]+)", joined)
        self.cards = re.findall(r"card (\w+)", joined)

    def invited(self) -> str:
        """The address with a one-time code for one more tablet."""
        count = len(self._edge("list").splitlines())
        who = ("--tablet", f"tab-{count + 1}", "--agent", "agent-1", "--name", "Juma Otieno")
        enrol_at: str = json.loads(self._edge("invite", *who))["enrol_at"]
        return enrol_at

    def _edge(self, *words: str) -> str:
        """What a command about tablets says, by the season's clock: a station trusts no other."""
        edge = str(Path(sys.executable).parent / "harvestline-edge")
        command = [edge, "tablets", *words, "--config", str(self.folder / STATION)]
        around = {**os.environ, CLOCK_SETTING: str(self.folder / CLOCK), DEMO_SETTING: "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=around)
        return done.stdout


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        sys.exit(f"expected the demonstration's table of addresses, got none like {pattern}")
    return found[1]


@contextmanager
def demonstration(
    output: Path | None, folder: Path, farmers: int = FARMERS, days: int = DAYS
) -> Iterator[Demonstration]:
    """The demonstration that runs, told by its output; or one of our own, ended with the block.

    Ours stands in a session of its own: Ctrl-C reaches this program alone, which then asks it
    once to end, so that it stops its centre, station and devices before it goes.
    """
    if output is not None:
        yield Demonstration(output.read_text(encoding="utf-8"), folder)
        return
    sim = str(Path(sys.executable).parent / "harvestline-sim")
    folder = REPOSITORY / ".harvestline" / "shots-demo"
    size = ("--farmers", f"{farmers}", "--days", f"{days}")
    command = [sim, "demo", "--pictures", *size, "--folder", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Demonstration(told_until_ready(process.stdout), folder)
        finally:
            ended(process)


def ended(process: subprocess.Popen[str], within_s: float = _STOP_S_MAX) -> None:
    """Ask a process to end and wait for it; one that does not is killed, and that is said."""
    process.terminate()
    try:
        process.communicate(timeout=within_s)  # reads on, so that a full pipe holds up no end
    except subprocess.TimeoutExpired:
        process.kill()
        sys.stderr.write(
            f"expected the demonstration to end within {within_s:g} s, but it did not: it was "
            f"killed; see whether what it started (ps -ef | grep {process.pid}) still runs\n"
        )


def told_until_ready(lines: IO[str] | None) -> str:
    """What a demonstration prints until its pages stay up."""
    told: list[str] = []
    for line in lines or ():
        told.append(line)
        if READY in line:
            return "".join(told)
    return sys.exit(
        "expected the demonstration to stay up, but it ended; it last said:\n" + "".join(told[-5:])
    )
