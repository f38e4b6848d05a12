"""What runs on a worker: installed code, called by name, on values that were sent.

A worker keeps the tasks that it opened last, so that plots are prepared and plans are
built once a worker and grid, and not once a scene.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import core
import satellite
from core.canonical import sha256_hex
from core.errors import HarvestlineError
from satellite.cluster.work import Task

TASKS_MAX = 2  # kept open by a worker
# What the bytes of a result may depend on, beside our own code.
PACKAGES = ("distributed", "exactextract", "numpy", "pyproj", "rasterio", "shapely", "zarr")

_opened: OrderedDict[str, Callable[[Any], Any]] = OrderedDict()
_guard = threading.Lock()


class WorkerSoftwareError(HarvestlineError):
    """A worker has other code than the process that gives the orders."""

    code = "HL-SAT-019"


@cache
def software() -> Mapping[str, str]:
    """What runs here: a hash of our code, and the versions that results may depend on."""
    return {"code": _code_sha256(), **{name: _version(name) for name in PACKAGES}}


@cache
def software_mark() -> str:
    """One word for ``software``, sent with every order."""
    return sha256_hex(repr(sorted(software().items())).encode())


def unseen(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the paths that are not there."""
    return tuple(path for path in paths if not Path(path).exists())


def hold(task: Task[Any, Any]) -> Task[Any, Any]:
    """A task as it came: a result of the scheduler's, so that it outlives any worker."""
    return task


def carry_out(task: Task[Any, Any], order: Any, mark: str) -> Any:
    """One order of a task.

    Raises
    ------
    WorkerSoftwareError
        If this worker's software is not that of the sender.
    """
    if mark != software_mark():
        raise WorkerSoftwareError(
            "expected a worker with the sender's software, got another that joined since: "
            "install the same release and restart it"
        )
    return _opened_task(task)(order)


def _opened_task(task: Task[Any, Any]) -> Callable[[Any], Any]:
    # The lock is held while a task is opened: a second thread waits and finds it open.
    with _guard:
        if task.key not in _opened:
            _opened[task.key] = task.open()
        _opened.move_to_end(task.key)
        while len(_opened) > TASKS_MAX:
            _opened.popitem(last=False)
        return _opened[task.key]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _code_sha256() -> str:
    """Over every source and data file of the packages that do the work."""
    parts: list[bytes] = []
    for package in (core, satellite):
        root = Path(str(package.__file__)).parent
        for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".toml")):
            data = path.read_bytes()
            parts += [str(path.relative_to(root.parent)).encode(), str(len(data)).encode(), data]
    return sha256_hex(b"\0".join(parts))
