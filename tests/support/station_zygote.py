"""Stations by the hundred: a process that has imported everything forks one whenever asked.

Each station is a process of its own that is killed as any other; only the second of
importing is saved. It speaks in lines: ``start SETTINGS`` gives ``PROCESS PORT``, ``kill
PROCESS`` ends one by SIGKILL and answers once it is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Brokers are imported when one is made; here they are to be there before the first fork.
import edge_node.intake.broker.embedded
import edge_node.intake.broker.mosquitto  # noqa: F401
from tests.support.edge_station_process import heard

_START = f"""
import sys
sys.modules["numpy"] = sys.modules["pandas"] = None
from {__name__} import main
main()
"""


def main() -> None:
    """Answer until standard input ends; then end what still runs."""
    living: set[int] = set()
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "start":
            process, port = _forked(Path(rest))
            living.add(process)
            answer = f"{process} {port}"
        else:
            _ended(int(rest))
            living.discard(int(rest))
            answer = "gone"
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for process in living:
        _ended(process)


def _ended(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def _forked(settings_path: Path) -> tuple[int, str]:
    out, into = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(out)
        with heard(settings_path) as port:
            os.write(into, b"%d" % port)
            os.close(into)
            while True:
                signal.pause()
    os.close(into)
    with os.fdopen(out) as told:
        return process, told.read()


class Zygote:
    """The forking process, from the side of a test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, settings_path: Path) -> int:
        """A station that hears devices; its process."""
        process, port = self._ask(f"start {settings_path}").split(" ")
        assert port, "the station ended at its start: see its errors above"
        return int(process)

    def kill(self, process: int) -> None:
        """``kill -9``, and wait until it is gone."""
        assert self._ask(f"kill {process}") == "gone"

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def zygote() -> Iterator[Zygote]:
    """The process; its stations end with it."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _START],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    try:
        yield Zygote(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
