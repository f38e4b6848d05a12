"""Files that a reader meets whole, and a power cut leaves whole: the old one or the new."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside another that takes its place when it is written and on the disk.

    Raises
    ------
    OSError
        If the folder or the file cannot be written; nothing is left beside it then.
    """
    require_place_for_file(path)
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        _settle(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _settle(path.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Bytes as a whole file.

    Raises
    ------
    OSError
        If the folder or the file cannot be written.
    """
    with whole(path) as part:
        part.write_bytes(data)


def require_place_for_file(path: Path) -> None:
    """Return if a file may take the place at a path, where a file is or nothing.

    Raises
    ------
    OSError
        If a folder, a device or a pipe is there: a rename would replace ``/dev/null`` for all.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "a folder, a device or a pipe is there, and no file", str(path))


def _settle(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
