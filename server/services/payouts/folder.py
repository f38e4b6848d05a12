"""Putting a file where somebody else takes it away, exactly once, whenever the power fails.

Presence alone cannot tell *not put yet* from *taken already*. So the file is written
aside, then a mark says that it is complete, then it is moved into place: as long as the
part is there it was not put, and once the part is gone and the mark is there it was.
"""

from __future__ import annotations

import os
from pathlib import Path

ASIDE = ".handed"
FILE_MODE = 0o600


def put_once(folder: Path, name: str, data: bytes) -> bool:
    """Put a file into a folder unless it was put before; whether it was put now.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    aside = folder / ASIDE
    aside.mkdir(mode=0o700, exist_ok=True)
    part, mark = aside / f"{name}.part", aside / f"{name}.put"
    if mark.exists() and not part.exists():
        return False
    if not mark.exists():
        _write(part, data)
        _write(mark, b"")
        _sync(aside)
    part.replace(folder / name)
    _sync(folder)
    _sync(aside)
    return True


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
