"""Child processes of the story: start, wait until ready, stop, and kill on purpose.

A long-running command of Harvestline prints one line of JSON when it is ready; the
rest of what it says goes to a log file beside the demo's data.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import HarvestlineError

READY_S_MAX = 60
STOP_S_MAX = 15
TOLD_BYTES_MAX = 2_000
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class PeerProcessError(HarvestlineError):
    """A process of the story did not do what it was started for."""

    code = "HL-SIM-004"


def program(name: str) -> str:
    """Path of one of Harvestline's commands, beside this interpreter.

    Raises
    ------
    PeerProcessError
        If it is not installed there.
    """
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise PeerProcessError(f"expected the command {name} beside {sys.executable}: install it")
    return str(path)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every child process shares: its log folder and its environment."""

    log_folder: Path
    environment: Mapping[str, str]

    def whole(self) -> dict[str, str]:
        """The environment, on top of this process's own; one thread a numeric library."""
        return {**os.environ, **dict.fromkeys(_THREADS, "1"), **self.environment}


def run_once(around: Surroundings, name: str, *arguments: str) -> str:
    """Run a command to its end and return what it printed.

    Raises
    ------
    PeerProcessError
        If it fails; the message carries the end of what it said.
    """
    done = subprocess.run(
        [program(name), *arguments],
        env=around.whole(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-TOLD_BYTES_MAX:]
        raise PeerProcessError(f"{name} {arguments[0]} ended with {done.returncode}: {said}")
    return done.stdout


class Child:
    """A running command of Harvestline.

    Parameters
    ----------
    label
        Its name in logs and messages.
    command
        Program and arguments.
    """

    def __init__(self, around: Surroundings, label: str, command: Sequence[str]) -> None:
        self.label = label
        self._around = around
        self._command = [program(command[0]), *command[1:]]
        self._process: subprocess.Popen[str] | None = None
        self.lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> dict[str, Any]:
        """Start it and return the JSON line that says it is ready.

        Raises
        ------
        PeerProcessError
            If it ends or says nothing for ``READY_S_MAX`` seconds.
        """
        self.launch()
        return self.next_line(READY_S_MAX)

    def launch(self) -> None:
        """Start it without waiting: for a command that speaks only when it has news."""
        self.lines = queue.SimpleQueue()
        log = (self._around.log_folder / f"{self.label}.log").open("a", encoding="utf-8")
        with log:
            self._process = subprocess.Popen(
                self._command,
                env=self._around.whole(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        threading.Thread(target=_read, args=(self._process, self.lines), daemon=True).start()

    def next_line(self, timeout_s: float) -> dict[str, Any]:
        """The next line of JSON that the process prints.

        Raises
        ------
        PeerProcessError
            If none comes in time, or the process ends.
        """
        try:
            found = self.lines.get(timeout=timeout_s)
        except queue.Empty as error:
            raise PeerProcessError(f"{self.label} said nothing for {timeout_s} s") from error
        if not found:
            code = self._process.wait() if self._process else None
            raise PeerProcessError(f"{self.label} ended with {code}: {self._log_end()}")
        return found

    def stop(self) -> None:
        """Ask it to stop; after ``STOP_S_MAX`` seconds, kill it with its children."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._signal_group(signal.SIGKILL)
            self._process.wait()
        self._signal_group(signal.SIGKILL)
        self._process = None

    def kill(self) -> None:
        """``kill -9``, as a power cut does, with its children."""
        if self._process is not None:
            self._signal_group(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal_group(self, number: int) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return  # nothing of the group is left, which is what was wanted

    def _log_end(self) -> str:
        path = self._around.log_folder / f"{self.label}.log"
        return path.read_text(encoding="utf-8", errors="replace")[-TOLD_BYTES_MAX:]


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[dict[str, Any]]) -> None:
    if process.stdout is None:
        raise PeerProcessError("expected a process whose words are read")
    with process.stdout as said:
        for line in said:
            try:
                found = json.loads(line)
            except ValueError:
                continue  # only whole JSON objects are messages; the rest is for people
            if isinstance(found, dict) and found:
                lines.put(found)
    lines.put({})
