"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

from satellite.config import OutputError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole: to a neighbour, then renamed over it.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    if path.exists() and not path.is_file():  # a rename would replace a device for every program
        raise OutputError(
            f"expected to write {path}, got: a device, a pipe or a folder, and no file"
        )
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"expected to write {path}, got: {error}") from error
