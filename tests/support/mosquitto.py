"""A real Mosquitto on a free port of the loopback, which a test may kill and start again."""

from __future__ import annotations

import getpass
import queue
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.support.requirements import require

HOST = "127.0.0.1"
START_S_MAX = 60


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """The broker's process.

    Parameters
    ----------
    folder
        Where its configuration goes.
    passwords
        Who may connect, user name to password; anybody if none are given.
    """

    def __init__(self, folder: Path, passwords: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self._executable = require("mosquitto")
        self._config = folder / "mosquitto.conf"
        self._config.write_text(self._settings(folder, passwords), encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None

    def _settings(self, folder: Path, passwords: Mapping[str, str] | None) -> str:
        lines = [
            f"user {getpass.getuser()}",  # started by root it would lose its folder otherwise
            f"listener {self.port} {HOST}",
            "persistence false",
            "log_dest stderr",
            "max_inflight_messages 0",
            "max_queued_messages 0",
            f"allow_anonymous {'false' if passwords else 'true'}",
        ]
        if passwords:
            path = folder / "passwords"
            text = "".join(f"{user}:{word}\n" for user, word in passwords.items())
            path.write_text(text, encoding="utf-8")
            path.chmod(0o700)
            hasher = shutil.which("mosquitto_passwd")
            assert hasher, "Debian's mosquitto brings mosquitto_passwd along"
            subprocess.run([hasher, "-U", path], check=True)
            lines.append(f"password_file {path}")
        return "\n".join(lines) + "\n"

    def start(self) -> None:
        """Start it and wait until it says that it runs."""
        self._process = subprocess.Popen(
            [self._executable, "-c", self._config], stderr=subprocess.PIPE, text=True
        )
        said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_drain, args=(self._process, said), daemon=True).start()
        lines = []
        while not (lines and lines[-1].rstrip().endswith("running")):
            lines.append(said.get(timeout=START_S_MAX))
            assert lines[-1], f"mosquitto ended: {''.join(lines)}"

    def kill(self) -> None:
        """``kill -9``."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it politely, if it runs."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_S_MAX)
            self._process = None


def _drain(process: subprocess.Popen[str], said: queue.Queue[str]) -> None:
    """Read what it says to the end, so that it never blocks on a full pipe."""
    if process.stderr is not None:
        with process.stderr:
            for line in process.stderr:
                said.put(line)
    said.put("")
