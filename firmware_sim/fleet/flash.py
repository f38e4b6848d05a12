"""Where the devices' flash is kept.

In this process, in pages that a power cut may tear, or as a file a device in a folder.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Protocol

from core.errors import CanonicalError, ShapeError
from firmware_sim.config import OutputFolderError, SettingError, output_folder
from firmware_sim.device.memory import FLASH_BYTES_MAX, Flash, flash_bytes, read_flash

_PAGE_HEAD_BYTES = 16  # turn, length, CRC-32
_ERASED = b"\xff"  # a page is erased before it is written


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


class FlashPages:
    """Flash as cheap chips have it: pages with a checksum, written in turns.

    A page that power left half written fails its checksum, and the one before counts.
    With one slot alone there is none before: the device has lost its memory.

    Parameters
    ----------
    slots
        How many pages a device writes in turns.
    """

    def __init__(self, slots: int = 2) -> None:
        if slots < 1:
            raise SettingError(f"expected at least one slot of flash, got {slots}")
        self._slots = slots
        self._pages: dict[str, list[bytes]] = {}
        self._turns: dict[str, int] = {}

    def load(self, device: str) -> Flash | None:
        """The newest page that is whole; None if there is none."""
        found = [read for page in self._pages.get(device, ()) if (read := _opened_page(page))]
        if not found:
            return None
        turn, body = max(found)
        self._turns[device] = turn
        return read_flash(body)

    def save(self, device: str, flash: Flash) -> None:
        """Write the next page."""
        self._write(device, flash, torn=False)

    def tear(self, device: str, flash: Flash) -> None:
        """Lose power in the middle of the next page."""
        self._write(device, flash, torn=True)

    def _write(self, device: str, flash: Flash, *, torn: bool) -> None:
        turn = self._turns.get(device, 0) + 1
        pages = self._pages.setdefault(device, [b""] * self._slots)
        page, slot = _page(turn, flash_bytes(flash)), turn % self._slots
        if torn:
            half = len(page) // 2
            page = page[:half] + _ERASED * (len(page) - half)
        pages[slot] = page
        self._turns[device] = turn


def _page(turn: int, body: bytes) -> bytes:
    head = turn.to_bytes(8, "big") + len(body).to_bytes(4, "big")
    return head + zlib.crc32(head + body).to_bytes(4, "big") + body


def _opened_page(page: bytes) -> tuple[int, bytes] | None:
    """Turn and content of a page; None if its checksum is wrong."""
    if len(page) < _PAGE_HEAD_BYTES:
        return None
    head, checksum = page[:12], int.from_bytes(page[12:_PAGE_HEAD_BYTES], "big")
    body = page[_PAGE_HEAD_BYTES : _PAGE_HEAD_BYTES + int.from_bytes(head[8:], "big")]
    return (int.from_bytes(head[:8], "big"), body) if zlib.crc32(head + body) == checksum else None


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
        self._folder = output_folder(folder)

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
