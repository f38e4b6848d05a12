"""Space that is set aside, so that a full disk does not stop money and checkpoints.

On a full disk even a DELETE and a checkpoint fail. The ballast is given up when the
intake finds the disk full; the intake itself goes on only when the ballast can be
set aside again, so what it released is left to others.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BYTES_PER_MIB = 1024 * 1024


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
        return self._path.exists() and self._path.stat().st_size == self._size_bytes

    def set_aside(self) -> bool:
        """Allocate it if it is not there; False if there is no room.

        Raises
        ------
        OSError
            If the file cannot be written for another reason than room.
        """
        if self.is_set_aside():
            return True
        temporary = self._path.with_name(self._path.name + ".new")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(handle, 0, self._size_bytes)
        except OSError as error:
            temporary.unlink()
            if error.errno in _NO_ROOM:
                return False
            raise
        finally:
            os.close(handle)
        temporary.replace(self._path)
        return True

    def release(self) -> bool:
        """Give the space up; False if there was none."""
        if not self._path.exists():
            return False
        self._path.unlink()
        return True
