"""Files that are there whole or not at all: written aside, synced, then renamed.

A power cut leaves the file before or the one after. The folder is synced too, so that
the new name survives a stick that is pulled out. Errors are the system's own; who
calls knows what the file was for.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PRIVATE = 0o600
_AS_THE_UMASK_SAYS = 0o666


@contextlib.contextmanager
def whole_file(path: Path, mode: int = _AS_THE_UMASK_SAYS) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its place when it was written to the end.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is untouched.
    """
    if path.exists() and not path.is_file():  # a rename would replace a device for every program
        raise OSError(errno.EEXIST, "a folder, a device or a pipe is there, and no file", str(path))
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        with new_file(temporary, mode) as file:
            yield file
        temporary.replace(path)
        settle(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, mode: int = _AS_THE_UMASK_SAYS) -> None:
    """Write a file whole, or leave what was there.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with whole_file(path, mode) as file:
        file.write(data)


@contextlib.contextmanager
def new_file(path: Path, mode: int = PRIVATE) -> Iterator[IO[bytes]]:
    """A file that is not there yet, on the disk for good at the end.

    Raises
    ------
    FileExistsError
        If it is there.
    OSError
        If it cannot be written.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def settle(path: Path) -> None:
    """Let what was written to a file, or renamed in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
