"""A real Dask cluster for tests: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S_MAX = 60
DASK = [sys.executable, "-m", "dask"]
ROOT = Path(__file__).resolve().parents[2]
# No dashboard, and no waiting for each other longer than a test wants to.
QUIET = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s", "PYTHONWARNINGS": "default"}


class Process:
    """A process that says on its standard error when it is ready."""

    def __init__(self, words: list[str], ready: str, folder: Path = ROOT) -> None:
        self._process = subprocess.Popen(
            [*DASK, *words], cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL, text=True, env={**os.environ, **QUIET},
            start_new_session=True,
        )  # fmt: skip
        self._said: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.log: list[str] = []
        self.ready = self.wait_for(ready)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.put(line)
        self._said.put(None)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The line that the process says next of this form."""
        while True:
            line = self._said.get(timeout=START_S_MAX)
            if line is None:
                raise AssertionError(f"ended before it said {pattern}: {''.join(self.log)}")
            self.log.append(line)
            found = re.search(pattern, line)
            if found is not None:
                return found

    def kill(self) -> None:
        """SIGKILL, to it and its children; it is gone afterwards."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(START_S_MAX)
        self._reader.join(START_S_MAX)
        if self._process.stderr is not None:
            self._process.stderr.close()


class DaskCluster:
    """A scheduler on a free port of the loopback, and the workers that were started."""

    def __init__(self, tls: list[str] | None = None) -> None:
        self._tls = tls or []
        protocol = ["--protocol", "tls"] if tls else []
        self.scheduler = Process(
            ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *protocol,
             *self._tls],
            r"Scheduler at:\s+(\S+)",
        )  # fmt: skip
        self.address = self.scheduler.ready[1]
        self.workers: list[Process] = []

    def add_worker(self, folder: Path = ROOT) -> Process:
        """One more worker of one thread, with the packages that lie in a folder."""
        worker = Process(
            ["worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny",
             "--memory-limit", "0", "--host", "127.0.0.1", *self._tls],
            r"Registered to:\s+(\S+)", folder,
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    @property
    def pids(self) -> list[int]:
        """The processes of the workers."""
        return [worker.pid for worker in self.workers]

    def close(self) -> None:
        """End all of it."""
        for process in (*self.workers, self.scheduler):
            process.kill()


@contextmanager
def dask_cluster(workers: int = 0, tls: list[str] | None = None) -> Iterator[DaskCluster]:
    """A cluster that lives as long as the block."""
    cluster = DaskCluster(tls)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.close()
