"""The parts of a running station as they are watched: what each may be quiet for, and why.

The pages are asked over their own door, so that a server whose loop or whose workers hang
is seen although it takes connections. The sync may be quiet for an hour: at 2 kbit/s the
largest exchange takes 45 minutes.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_node.commands.heart import Turns
from edge_node.config import LOOPBACK_ADDRESS, Settings
from edge_node.files import write_whole
from edge_node.sync.wires import Answer, CentreClient

QUIET_S_MAX = 60.0  # of a thread that turns every second, on a busy board
PROBE_EVERY_S = 10.0
PROBE_S_MAX = 5.0
ANSWER_BYTES_MAX = 1024 * 1024
SYNC_QUIET_S_MAX = 3_600.0
FEATURES_QUIET_S_MAX = 1_800.0  # after a month in the dark there are many days to compute
LOOK_EVERY_MS = 10_000  # where nobody says how often
ALIVE, STATUS = "/api/v1/station/alive", "/api/v1/station/status"
RUNTIME = "run.json"
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  (asked on the loopback, not bound)


class TurningCentreClient(CentreClient):
    """Counts its exchanges as turns: a slow link is not a stuck thread."""

    def __init__(self, settings: Settings, elapsed_ms: Callable[[], int], turns: Turns) -> None:
        super().__init__(settings.server_url, elapsed_ms, authority=settings.server_authority_file)
        self._turns = turns

    def post(self, path: str, content: bytes, content_type: str) -> Answer:
        """Post, and count."""
        self._turns.turn()
        return super().post(path, content, content_type)

    def get(self, path: str, headers: Mapping[str, str], answer_bytes_max: int) -> Answer:
        """Get, and count."""
        self._turns.turn()
        return super().get(path, headers, answer_bytes_max)


def intake_quiet_s(settings: Settings) -> float:
    """How long the intake's threads may be quiet: a pause before another try is as long [s]."""
    return QUIET_S_MAX + 2 * settings.retry_s_max


def sync_quiet_s(settings: Settings) -> float:
    """How long the sync may be quiet [s]."""
    return SYNC_QUIET_S_MAX + settings.sync_every_s + settings.retry_s_max


def probe_pages(
    ask: Callable[[], bool], turns: Turns, stop: threading.Event, every_s: float = PROBE_EVERY_S
) -> None:
    """Ask the pages whether they are alive, and count each time that they say so."""
    while True:
        if ask():
            turns.turn()
        if stop.wait(every_s):
            return


def page_alive(host: str, port: int, authority: Path | None) -> bool:
    """Whether the pages answer within a time, their workers too."""
    return bool(ask_pages(ALIVE, host, port, authority))


def ask_pages(path: str, host: str, port: int, authority: Path | None) -> dict[str, Any]:
    """What the pages say, as JSON; empty if they do not answer within a time."""
    address = LOOPBACK_ADDRESS if host in _EVERYWHERE else host
    connection: http.client.HTTPConnection
    if authority is None:
        connection = http.client.HTTPConnection(address, port, timeout=PROBE_S_MAX)
    else:
        context = ssl.create_default_context(cafile=str(authority))
        connection = http.client.HTTPSConnection(
            address, port, timeout=PROBE_S_MAX, context=context
        )
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read(ANSWER_BYTES_MAX))
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        return found if answer.status == http.client.OK else {}


def write_runtime(folder: Path, ready: Mapping[str, object]) -> None:
    """Leave word of where a running station is reached, for `doctor`; by rename."""
    write_whole(folder / RUNTIME, (json.dumps(dict(ready)) + "\n").encode())


def ask_running(settings: Settings, path: str = ALIVE) -> dict[str, Any]:
    """What the pages of a running station say; empty if it does not run, or not answer."""
    page = str(read_runtime(settings.folder).get("page", ""))
    if not page:
        return {}
    authority = settings.tls_folder / "ca.pem" if page.startswith("https") else None
    return ask_pages(path, settings.page_host, int(page.rpartition(":")[2]), authority)


def read_runtime(folder: Path) -> dict[str, object]:
    """Where the station is reached; empty if it does not run."""
    try:
        found: dict[str, object] = json.loads((folder / RUNTIME).read_text(encoding="utf-8"))
        os.kill(int(str(found["pid"])), 0)
    except PermissionError:
        return found  # it runs as another user
    except (OSError, ValueError, KeyError):
        return {}
    return found
