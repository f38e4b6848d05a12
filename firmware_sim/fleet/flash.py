"""Where the devices' flash is kept: in this process, or as a file a device in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from core.errors import CanonicalError, ShapeError
from firmware_sim.config import OutputFolderError
from firmware_sim.device.memory import FLASH_BYTES_MAX, Flash, flash_bytes, read_flash


class FlashStore(Protocol):
    """Keeps what survives a device's loss of power."""

    def load(self, device: str) -> Flash | None:
        """What the device last wrote; None if it never did."""
        ...

    def save(self, device: str, flash: Flash) -> None:
        """Keep what the device writes, before its messages go out."""
        ...


class FlashInMemory:
    """Flash that lives as long as the fleet's process."""

    def __init__(self) -> None:
        self._written: dict[str, Flash] = {}

    def load(self, device: str) -> Flash | None:
        """What the device last wrote; None if it never did."""
        return self._written.get(device)

    def save(self, device: str, flash: Flash) -> None:
        """Keep what the device writes."""
        self._written[device] = flash


class FlashFolder:
    """Flash that survives the fleet's process: one file a device, replaced by rename.

    Parameters
    ----------
    folder
        Where the files go; made if it does not exist.

    Raises
    ------
    OutputFolderError
        If the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFolderError(f"expected a folder for flash at {folder}: {error}") from error

    def load(self, device: str) -> Flash | None:
        """What the device last wrote; None if it never did.

        Raises
        ------
        OutputFolderError
            If the file cannot be read or is not a flash.
        """
        path = self._path(device)
        try:
            with path.open("rb") as file:
                return read_flash(file.read(FLASH_BYTES_MAX + 1))
        except FileNotFoundError:
            return None
        except (OSError, CanonicalError, ShapeError) as error:
            raise OutputFolderError(
                f"expected the flash of {device} at {path}: {error}; remove it to begin a new epoch"
            ) from error

    def save(self, device: str, flash: Flash) -> None:
        """Replace the device's file.

        Raises
        ------
        OutputFolderError
            If it cannot be written.
        """
        path = self._path(device)
        partial = path.with_suffix(".partial")
        try:
            partial.write_bytes(flash_bytes(flash))
            partial.replace(path)
        except OSError as error:
            raise OutputFolderError(f"expected to write the flash of {device}: {error}") from error

    def _path(self, device: str) -> Path:
        return self._folder / f"{device}.flash"
