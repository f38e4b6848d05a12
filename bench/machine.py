"""The machine that a figure was measured on, in words."""

from __future__ import annotations

import os
import platform
import sqlite3
from pathlib import Path

import psutil

BYTES_PER_GIB = 1024**3
_CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, str]:
    """Cores, processor, memory, kernel, Python and SQLite, and how busy it is now."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{psutil.virtual_memory().total / BYTES_PER_GIB:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": f"{os.getloadavg()[0]:.1f} before the first bench",
    }


def _processor() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text(encoding="utf-8").splitlines():
            if line.startswith(("model name", "Hardware")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
