"""The demonstration that pictures are taken of: played anew, looked at again, or one that runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.timeline import CLOCK_SETTING, DEMO_SETTING, parse_clock_text
from core.units import civil_day
from firmware_sim.story.process import Child, Surroundings, run_once
from tools.catalogues import REPOSITORY

READY = "The pages stay up"
# Enough for a page of each kind and a drought, few enough for a few minutes: on day 108 the link
# is back after thirty dark days, and what had waited has arrived.
FARMERS, DAYS = 16, 112
OURS = REPOSITORY / ".harvestline" / "shots-demo"
# In the demonstration's folder: settings, and the clock that its season stands at.
CENTRE, STATION = Path("centre") / "server.toml", Path("station") / "station.toml"
CLOCK, SECRETS = "clock", Path("secrets")
PLAYED = "played"  # there once a season of ours has ended
_STOP_S_MAX = 60.0  # for the demonstration to end in order


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Where it keeps all, its addresses and log-ins."""

    folder: Path
    console: str
    kiosk: str
    passwords: Mapping[str, str]
    cards: tuple[str, ...]

    def invited(self) -> str:
        """The address with a one-time code for one more tablet."""
        count = len(self.edge("tablets", "list").splitlines())
        who = ("--tablet", f"tab-{count + 1}", "--agent", "agent-1", "--name", "Juma Otieno")
        enrol_at: str = json.loads(self.edge("tablets", "invite", *who))["enrol_at"]
        return enrol_at

    @property
    def today(self) -> str:
        """The day that its season stands at."""
        at_ms = parse_clock_text((self.folder / CLOCK).read_text(encoding="ascii"))
        return civil_day(at_ms).isoformat()

    def edge(self, *words: str) -> str:
        """What a command of its station says."""
        return self.command("harvestline-edge", *words, "--config", str(self.folder / STATION))

    def centre(self, *words: str) -> str:
        """What a command of its centre says."""
        return self.command("harvestline-server", *words, "--config", str(self.folder / CENTRE))

    def officer(self, name: str, *words: str) -> str:
        """What the centre says to an officer's command."""
        proof = ("--officer", name, "--password-file", str(self.password_file(name)))
        return self.centre(*words, *proof)

    def password_file(self, name: str) -> Path:
        """Where an officer's password stands."""
        return self.folder / SECRETS / f"{name}.password"

    def command(self, name: str, *words: str) -> str:
        """What a command says, by the season's clock: a station trusts no other."""
        program = str(Path(sys.executable).parent / name)
        around = {**os.environ, **_on_its_clock(self.folder)}
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, check=False, env=around
        )
        if done.returncode:
            sys.exit(
                f"expected {name} {' '.join(words[:2])} to be done, got:\n{done.stderr[-2000:]}"
            )
        return done.stdout


def _on_its_clock(folder: Path) -> dict[str, str]:
    return {CLOCK_SETTING: str(folder / CLOCK), DEMO_SETTING: "1"}


def told_by(text: str, folder: Path) -> Demonstration:
    """A demonstration, by its table of addresses and log-ins."""
    joined = re.sub(r"│\n│ +│ ", "", text)
    return Demonstration(
        folder=folder,
        console=_first(r"lender +│ (http://[^\s│]+)", joined),
        kiosk=_first(r"farmer-001\) +│ (http://[^\s│]+)", joined),
        passwords=dict(re.findall(r"(lender|supervisor|auditor) / (\w+)", joined)),
        cards=tuple(re.findall(r"card (\w+)", joined)),
    )


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        sys.exit(f"expected the demonstration's table of addresses, got none like {pattern}")
    return found[1]


@contextmanager
def demonstration(
    output: Path | None, folder: Path, size: tuple[int, int] = (FARMERS, DAYS), *, again: bool
) -> Iterator[Demonstration]:
    """The demonstration that runs, told by its output; the last of ours again; or a new one."""
    if output is not None:
        yield told_by(output.read_text(encoding="utf-8"), folder)
        return
    with reopened(OURS) if again else played(OURS, size) as found:
        yield found


@contextmanager
def played(folder: Path, size: tuple[int, int]) -> Iterator[Demonstration]:
    """A season of so many farmers and days, played anew and ended with the block.

    It stands in a session of its own: Ctrl-C reaches this program alone, which then asks it
    once to end, so that it stops its centre, station and devices before it goes.
    """
    sim = str(Path(sys.executable).parent / "harvestline-sim")
    farmers, days = (f"{each}" for each in size)
    command = [sim, "demo", "--pictures", "--farmers", farmers, "--days", days]
    with subprocess.Popen(
        [*command, "--folder", str(folder)],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            told = told_until_ready(process.stdout)
            (folder / PLAYED).touch()
            yield told_by(told, folder)
        finally:
            ended(process)


@contextmanager
def reopened(folder: Path) -> Iterator[Demonstration]:
    """The centre and the station of a season that was played to its end, on its clock."""
    if not (folder / PLAYED).exists():
        sys.exit(
            f"expected a season that was played to its end in {folder}: leave --again out once"
        )
    around = Surroundings(folder / "logs", _on_its_clock(folder))
    with ExitStack() as stack:
        config = ["--config", str(folder / CENTRE)]
        run_once(around, "harvestline-server", "migrate", *config)  # what has changed since then
        centre = Child(around, "centre", ["harvestline-server", "run", *config])
        stack.callback(centre.stop)
        console = str(centre.start()["url"])
        _point_at(folder / STATION, console)
        config = ["--config", str(folder / STATION)]
        station = Child(around, "station", ["harvestline-edge", "run", *config])
        stack.callback(station.stop)
        kiosk = str(station.start()["page"])
        secrets = folder / SECRETS
        passwords = {
            each.stem: each.read_text(encoding="utf-8") for each in secrets.glob("*.password")
        }
        rows = json.loads((secrets / "cards.json").read_bytes())
        cards = {str(row["farmer_id"]): str(row["token"]) for row in rows}
        in_order = tuple(cards[farmer_id] for farmer_id in sorted(cards))
        yield Demonstration(folder, console, kiosk, passwords, in_order)


def _point_at(settings: Path, url: str) -> None:
    """Let a station look for its centre where it is now."""
    lines = settings.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("server_url")]
    settings.write_text("\n".join([*kept, f'server_url = "{url}"', ""]), encoding="utf-8")


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
