"""The door to Dask: the same orders, carried out by the workers of a cluster.

The scheduler holds the task (plots, index) as a result that can be made again, so a
worker that is killed takes nothing with it: its orders go to another. Few orders are
under way at a time and results are handed over in order. This process alone commits.

``tls://`` takes its certificates from Dask's own settings (``DASK_DISTRIBUTED__COMM__TLS__…``
or a Dask file): they belong to whoever runs the cluster.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import dask
from distributed import Client, Future, KilledWorker
from distributed.comm.core import CommClosedError

from core.errors import HarvestlineError
from satellite.cluster import remote
from satellite.cluster.work import O, R, Task

SCHEMES = ("tcp://", "tls://")
CONNECT_S = 10.0  # a scheduler that is being started again may take that long
WORKERS_S_MAX = 20.0  # without any worker: long enough for one to be started again
POLL_S = 0.5
UNDER_WAY_A_THREAD = 3  # one that runs, one that is ready, one that may come back early
WORKERS_TOLD_MAX = 5
# A task is plots and an index: megabytes, sent once and held by the scheduler.
LARGE_TASK = {"distributed.admin.large-graph-warning-threshold": "1GB"}
T = TypeVar("T")
LOST = (
    asyncio.CancelledError, concurrent.futures.CancelledError, CommClosedError, OSError,
    TimeoutError,
)  # fmt: skip


class ClusterError(HarvestlineError):
    """A scheduler cannot be reached, has no workers, or was lost on the way."""

    code = "HL-SAT-018"


class Cluster:
    """The workers behind one scheduler; closes with the block.

    Parameters
    ----------
    address
        The scheduler's, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.
    connect_s
        How long to wait for it [s].
    """

    def __init__(self, address: str, connect_s: float = CONNECT_S) -> None:
        if not address.startswith(SCHEMES):
            raise ClusterError(f"expected tcp://HOST:PORT or tls://HOST:PORT, got {address!r}")
        self._address = address
        self._connect_s = connect_s
        self._client = _connected(address, connect_s)
        self._number = 0
        try:
            self._require_workers()
            self._require_same_software()
        except HarvestlineError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster as it is, without our orders."""
        self._client.close(timeout=self._connect_s)

    def map(self, task: Task[O, R], orders: Iterable[O]) -> Iterator[R]:
        """The result of each order, in the orders' order.

        Raises
        ------
        ClusterError
            If the cluster is lost, or an order kills every worker that takes it.
        WorkerSoftwareError
            If a worker that joined has other software.
        """
        waiting = iter(orders)
        under_way: deque[Future] = deque()
        held: Future | None = None
        try:
            while True:
                while len(under_way) < self._under_way_max():
                    order = next(waiting, _END)
                    if order is _END:
                        break
                    held = held or self._submit("task", remote.hold, task)
                    mark = remote.software_mark()
                    under_way.append(self._submit("scene", remote.carry_out, held, order, mark))
                if not under_way:
                    return
                yield self._result(under_way.popleft())
        finally:
            for future in (*under_way, *((held,) if held else ())):
                future.release()

    def require_seen(self, path: Path) -> None:
        """Refuse a path that some worker does not see.

        Raises
        ------
        ClusterError
            Names the workers.
        """
        found = self._everywhere(remote.unseen, (str(path.resolve()),))
        blind = [worker for worker, missing in found.items() if missing]
        if blind:
            raise ClusterError(
                f"expected every worker to see {path}, but {_some(blind)} cannot: put catalog "
                "and scenes on storage that all share, under one path, or give an address"
            )

    def _submit(self, kind: str, function: Callable[..., Any], *values: Any) -> Future:
        self._number += 1
        key = f"harvestline-{kind}-{self._client.id}-{self._number}"
        try:
            with dask.config.set(LARGE_TASK):
                return self._client.submit(function, *values, key=key, pure=False)
        except (*LOST, RuntimeError) as error:
            raise self._lost(error) from error

    def _result(self, future: Future) -> Any:
        without_workers_s = 0.0
        while True:
            try:
                return future.result(timeout=POLL_S)
            except (TimeoutError, concurrent.futures.TimeoutError):
                if self._client.status != "running":
                    raise self._lost("the connection is gone") from None
                without_workers_s = 0.0 if self._threads() else without_workers_s + POLL_S
                if without_workers_s >= WORKERS_S_MAX:
                    raise self._lost(f"no worker for {WORKERS_S_MAX:.0f} s") from None
            except KilledWorker as error:
                raise ClusterError(
                    f"a scene ended every worker that took it, the last at {error.last_worker}: "
                    "give workers more memory (dask worker --memory-limit) and run again"
                ) from error
            except LOST as error:
                if future.status == "error":
                    raise  # the order's own fault, not the cluster's
                raise self._lost(error) from error

    def _lost(self, why: object) -> ClusterError:
        return ClusterError(
            f"the cluster at {self._address} was lost: {why or 'its scheduler ended'}; what was "
            "read is kept: start it again and repeat the command"
        )

    def _under_way_max(self) -> int:
        return UNDER_WAY_A_THREAD * max(self._threads(), 1)

    def _threads(self) -> int:
        """Threads of all workers now; asked of the scheduler, so that newcomers count."""
        try:
            found = self._client.nthreads()
        except (*LOST, RuntimeError, KeyError, TypeError) as error:
            raise self._lost(error) from error
        return sum(found.values())

    def _require_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_S_MAX)
        except LOST as error:
            raise ClusterError(
                f"expected workers at {self._address}, got none in {WORKERS_S_MAX:.0f} s: start "
                f"one with: dask worker {self._address} --nthreads 1"
            ) from error

    def _require_same_software(self) -> None:
        mine = remote.software()
        other = {
            worker: [f"{name} {theirs.get(name)} for {own}" for name, own in mine.items()
                     if theirs.get(name) != own]
            for worker, theirs in self._everywhere(remote.software).items()
        }  # fmt: skip
        differing = [f"{worker} ({', '.join(parts)})" for worker, parts in other.items() if parts]
        if differing:
            raise remote.WorkerSoftwareError(
                f"expected workers with this software, got another on {_some(differing)}: "
                "install the same release there and restart them"
            )

    def _everywhere(self, function: Callable[..., T], *values: Any) -> Mapping[str, T]:
        """What a function gives on each worker."""
        try:
            found: Mapping[str, T] = self._client.run(function, *values)
        except (ImportError, AttributeError) as error:
            raise remote.WorkerSoftwareError(
                f"expected workers with harvestline[satellite] installed, got: {error}"
            ) from error
        except LOST as error:
            raise self._lost(error) from error
        return found


_END: Any = object()


class _OwnedClient(Client):  # type: ignore[misc]  # Dask has no types
    """A client that is closed by its owner alone.

    Dask's is closed by the garbage collector too, which may come while its thread holds the
    lock that closing takes: then both wait for ever.
    """

    def __init__(self, address: str, connect_s: float) -> None:
        try:
            super().__init__(address, timeout=connect_s, set_as_default=False)
        except (*LOST, ValueError, TypeError):
            self.close(timeout=connect_s)
            raise

    def __del__(self) -> None:
        """Leave it: who owned it has closed it."""


def _connected(address: str, connect_s: float) -> Client:
    try:
        with warnings.catch_warnings():
            # Versions are compared below, and by more than Dask's own.
            warnings.filterwarnings("ignore", message="(?s).*Mismatched versions")
            return _OwnedClient(address, connect_s)
    except (*LOST, ValueError, TypeError) as error:
        raise ClusterError(
            f"expected a Dask scheduler at {address}, got: {str(error)[:300]}; start one with: "
            "dask scheduler"
        ) from error


def _some(names: list[str]) -> str:
    more = len(names) - WORKERS_TOLD_MAX
    told = ", ".join(names[:WORKERS_TOLD_MAX])
    return f"{told} and {more} more" if more > 0 else told
