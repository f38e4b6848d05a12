"""Where tests keep what no crash must outlive: in memory, where there is room.

Each of thousands of small databases waits for the disk at every commit. Kills and power
cuts of the tests lose the same there: the ones leave the files, the others are simulated.
"""

from __future__ import annotations

import os
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  # memory is the point
MEMORY_BYTES_MIN = 4 * 1024**3


def memory_folder(place: Path = MEMORY) -> Path | None:
    """The folder in memory, if tests may write and run programs there, and hardly fill it."""
    if not os.access(place, os.W_OK):
        return None
    found = os.statvfs(place)
    runs = not found.f_flag & os.ST_NOEXEC
    return place if runs and found.f_bavail * found.f_frsize >= MEMORY_BYTES_MIN else None
