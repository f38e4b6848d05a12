"""Space that is set aside, so that a full disk does not stop money and checkpoints.

On a full disk even a DELETE and a checkpoint fail. So a file of a fixed size lies beside
the database. It is given up when a transaction that may not fail finds little room, or
the intake finds none; and from then on nothing that can wait is written: no readings, no
features, no pictures. It is set aside again when there is clearly more room than it
needs, and only then does the rest go on. What lies between the two bounds keeps it from
coming and going with every transaction. What the file system refuses for another reason
than room passes as the OSError that it is.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a file system says that is full
_BYTES_PER_MIB = 1024 * 1024
_ALLOCATING = threading.Lock()
_SHORT_PART = 4  # less than a quarter of it free beside it: give it up
_SPARE_PART = 2  # half of it free beside it: set it aside again


class Ballast:
    """A file of a fixed size whose blocks are really allocated.

    Parameters
    ----------
    path
        Where it lies; on the file system of the database.
    mib
        How much it sets aside [MiB]; 0 for none.
    """

    def __init__(self, path: Path, mib: int) -> None:
        self._path = path
        self._size_bytes = mib * _BYTES_PER_MIB

    def is_set_aside(self) -> bool:
        """Whether the whole of it is there."""
        if not self._size_bytes:
            return True
        try:
            return self._path.stat().st_size == self._size_bytes
        except FileNotFoundError:
            return False

    def set_aside(self) -> bool:
        """Allocate it if it is not there; False if there is no room for it and a little more."""
        if self.is_set_aside():
            return True
        if self._free_bytes() < self._size_bytes + self._size_bytes // _SPARE_PART:
            return False
        with _ALLOCATING:  # intake, features and sync may all find it missing
            return self.is_set_aside() or self._allocated()

    def release(self) -> bool:
        """Give the space up; False if there was none."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True

    def release_if_short(self) -> bool:
        """Give the space up if hardly any other is left; whether it was given up now."""
        if not self._size_bytes:
            return False
        short = self._free_bytes() < self._size_bytes // _SHORT_PART
        return short and self.release()

    def _free_bytes(self) -> int:
        found = os.statvfs(self._path.parent)
        return found.f_bavail * found.f_frsize

    def _allocated(self) -> bool:
        temporary = self._path.with_name(self._path.name + ".new")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(handle, 0, self._size_bytes)
        except OSError as error:
            temporary.unlink()
            if error.errno in NO_ROOM:
                return False
            raise
        finally:
            os.close(handle)
        try:
            temporary.replace(self._path)
        except FileNotFoundError:  # a command beside the station was quicker
            return self.is_set_aside()
        return True
