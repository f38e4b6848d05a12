"""Where updates are read from: a folder that was carried here, or the link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from edge_node.store.ballast import NO_ROOM
from edge_node.store.database import DiskFullError, StoreError
from edge_node.updates.errors import UpdateSourceError

PIECE_BYTES = 256 * 1024


class Source(Protocol):
    """Files of a repository by their path, from an offset on, piece by piece."""

    def pieces(self, path: str, offset: int, bytes_max: int) -> Iterator[bytes]:
        """The bytes of a file from an offset to its end, at most so many.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        HarvestlineError
            If it cannot be read now; what came before stands.
        """
        ...


class FolderSource:
    """A repository in a folder, as ``harvestline-server updates export`` writes it."""

    __slots__ = ("_folder",)

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pieces(self, path: str, offset: int, bytes_max: int) -> Iterator[bytes]:
        """The bytes of a file; see :class:`Source`."""
        try:
            with (self._folder / path).open("rb") as file:
                file.seek(offset)
                left = bytes_max
                while left > 0 and (piece := file.read(min(PIECE_BYTES, left))):
                    left -= len(piece)
                    yield piece
        except FileNotFoundError:
            raise
        except OSError as error:
            raise UpdateSourceError(f"expected to read {path}, the stick says: {error}") from error


def disk_error(error: OSError) -> StoreError | DiskFullError:
    """A fault of the station's own disk, by the catalogue."""
    if error.errno in NO_ROOM:
        return DiskFullError(f"expected room for an update: {error}")
    return StoreError(f"expected a disk that can be written: {error}")
