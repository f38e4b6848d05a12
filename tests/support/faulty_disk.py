"""A disk under SQLite that forgets what was not synced, and fails when it is told to.

The very SQLite library that Python's ``sqlite3`` is linked to gets another default VFS:
its own one for Unix, whose writes, truncations, syncs and deletions of one folder pass
through here. So the station's code runs as it is, with its own statements and settings.
Reads and locks, and every other file, go where they always went.

What is simulated is the storage below ``fsync``: the file on the real disk plays the page
cache, and what would be on the platter is kept in memory, file by file, with all that
was written since the last sync. A power cut keeps of that whatever it likes: all,
nothing, a beginning, or some sectors, and tears some of those. A failed sync is as mean
as Linux: what was waiting counts as clean afterwards, and a second sync does not bring it
back. Not simulated: a device that acknowledges a flush and lies, and bytes that change
although nobody wrote them; SQLite's "powersafe overwrite" is taken as given.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import threading
from collections.abc import Callable, Iterator
from ctypes import c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from tests.support.requirements import lack

SECTOR_BYTES = 512
OK, IOERR_WRITE, IOERR_FSYNC, IOERR_TRUNCATE, FULL = 0, 778, 1034, 1546, 13
JOURNALS = ("-journal", "-wal")
WRITE, TRUNCATE, SYNC, DELETE = "write", "truncate", "sync", "delete"

_OPEN = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_CLOSE = ctypes.CFUNCTYPE(c_int, c_void_p)
_WRITE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = ctypes.CFUNCTYPE(c_int, c_void_p, c_int)


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods``, version 3."""

    _fields_: ClassVar = [
        ("version", c_int),
        *((name, c_void_p) for name in (
            "close", "read", "write", "truncate", "sync", "file_size", "lock", "unlock",
            "check_reserved_lock", "file_control", "sector_size", "characteristics",
            "shm_map", "shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch",
        )),
    ]  # fmt: skip


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs``, version 3."""

    _fields_: ClassVar = [
        ("version", c_int), ("os_file_bytes", c_int), ("path_bytes_max", c_int),
        ("next", c_void_p), ("name", c_char_p), ("app_data", c_void_p),
        *((name, c_void_p) for name in (
            "open", "delete", "access", "full_pathname", "dl_open", "dl_error", "dl_sym",
            "dl_close", "randomness", "sleep", "current_time", "last_error",
            "current_time_64", "set_system_call", "get_system_call", "next_system_call",
        )),
    ]  # fmt: skip


@dataclass
class _File:
    """A file: what is on the platter, and what was done to it since the last sync."""

    name: str
    durable: bytes | None = None  # None: its name was never synced
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut to size

    def settled(self) -> bytes:
        """Its content if all that waits is written."""
        content = bytearray(self.durable or b"")
        for offset, data in self.pending:
            _apply(content, offset, data)
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    if data is None:
        del content[offset:]
    else:
        content[offset : offset + len(data)] = data


class Disk:
    """A folder of databases whose syncs count.

    ``before`` is called ahead of each operation with its kind and the file's name and may
    return a result code of SQLite that is then its outcome; 0 lets it happen.
    """

    def __init__(self, folder: Path, chance: Random) -> None:
        self.folder, self.chance = folder, chance
        self.before: Callable[[str, str], int] = lambda _kind, _name: OK
        self.operations = 0
        self._files: dict[str, _File] = {}
        self._deleted: list[_File] = []  # whose deletion was not synced
        self._open: dict[int, _File] = {}
        self._unsynced: set[int] = set()  # handles that nothing was synced through yet
        self._lock = threading.RLock()

    def image(self) -> dict[str, bytes]:
        """What the folder may hold after a power cut at this moment."""
        with self._lock:
            found = {}
            for file in self._deleted:
                if self.chance.random() < 0.5 and file.durable is not None:
                    found[file.name] = self._after_cut(file)
            for name, file in self._files.items():
                if file.durable is not None or self.chance.random() < 0.5:
                    found[name] = self._after_cut(file)
            return found

    def _after_cut(self, file: _File) -> bytes:
        """The durable content with some of what was waiting: nothing, a beginning, scattered."""
        content, chance = bytearray(file.durable or b""), self.chance
        share = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        beginning = chance.random() < 0.5
        last = chance.randrange(len(file.pending) + 1)
        for number, (offset, data) in enumerate(file.pending):
            if beginning:
                if number < last:
                    _apply(content, offset, data)
                elif number == last and data is not None:
                    self._scatter(content, offset, data, share)
            elif data is None:
                if chance.random() < share:
                    _apply(content, offset, None)
            else:
                self._scatter(content, offset, data, share)
        return bytes(content)

    def _scatter(self, content: bytearray, offset: int, data: bytes, share: float) -> None:
        start = 0
        while start < len(data):
            end = start + SECTOR_BYTES - (offset + start) % SECTOR_BYTES
            piece = data[start:end]
            if self.chance.random() < share:
                if self.chance.random() < 0.1:  # torn: only its beginning arrived
                    piece = piece[: self.chance.randrange(len(piece))]
                _apply(content, offset + start, piece)
            start = end

    def _asked(self, kind: str, name: str) -> int:
        self.operations += 1
        return self.before(kind, name)

    def _opened(self, handle: int, name: str) -> None:
        with self._lock:
            path = self.folder / name
            if name not in self._files:
                found = path.stat().st_size and path.read_bytes()
                self._files[name] = _File(name, found or None)
            self._open[handle] = self._files[name]
            self._unsynced.add(handle)

    def _wrote(self, handle: int, offset: int, data: bytes | None) -> None:
        self._open[handle].pending.append((offset, data))

    def _synced(self, handle: int) -> None:
        file = self._open[handle]
        file.durable, file.pending = file.settled(), []
        if handle in self._unsynced and file.name.endswith(JOURNALS):
            # SQLite syncs the folder with a journal's first sync: names are durable from then on.
            self._deleted = []
            for other in self._files.values():
                other.durable = other.durable or b""
        self._unsynced.discard(handle)

    def _sync_failed(self, file: _File) -> None:
        """Some of it arrived; the rest counts as clean and will never be written."""
        file.durable, file.pending = self._after_cut(file), []

    def _gone(self, name: str, *, durably: bool) -> None:
        with self._lock:
            file = self._files.pop(name, None)
            if file is not None and not durably:
                self._deleted.append(file)


class _Library:
    """SQLite's C interface as far as a VFS needs it."""

    def __init__(self) -> None:
        try:
            handle = ctypes.CDLL(importlib.import_module("_sqlite3").__file__)
            self.find, self.register = handle.sqlite3_vfs_find, handle.sqlite3_vfs_register
            self.unregister = handle.sqlite3_vfs_unregister
        except (OSError, AttributeError, TypeError) as error:  # linked into the interpreter
            lack(
                "sqlite-library",
                f"this Python shows no SQLite library to put a disk under: {error}",
            )
        self.find.restype, self.find.argtypes = c_void_p, [c_char_p]
        self.register.argtypes, self.unregister.argtypes = [c_void_p, c_int], [c_void_p]


class _Hooks:
    """The VFS that stands before SQLite's own one."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._library = _Library()
        self._below_at = self._library.find(None)
        self._below = _Vfs.from_address(self._below_at)
        self._vfs = _Vfs.from_buffer_copy(self._below)
        self._vfs.name = b"faulty-disk"
        self._methods: dict[int, _Methods] = {}
        self._kept: list[Any] = []
        self._vfs.open = self._made(_OPEN(self._xopen))
        self._vfs.delete = self._made(_DELETE(self._xdelete))
        self._open_below = _OPEN(self._below.open)
        self._delete_below = _DELETE(self._below.delete)

    def mount(self) -> None:
        self._library.register(ctypes.byref(self._vfs), 1)

    def unmount(self) -> None:
        self._library.unregister(ctypes.byref(self._vfs))
        self._library.register(self._below_at, 1)

    def _made(self, callback: Any) -> int | None:
        self._kept.append(callback)
        return ctypes.cast(callback, c_void_p).value

    def _name(self, path: bytes | None) -> str | None:
        if not path:
            return None
        found = Path(path.decode())
        watched = found.parent == self._disk.folder and not found.name.endswith("-shm")
        return found.name if watched else None

    def _xopen(self, _vfs: int, path: int, file: int, flags: int, out: int) -> int:
        done: int = self._open_below(self._below_at, path, file, flags, out)
        name = self._name(ctypes.string_at(path) if path else None)
        if done == OK and name is not None:
            self._disk._opened(file, name)
            methods = c_void_p.from_address(file)
            methods.value = ctypes.addressof(self._hooked(methods.value or 0))
        return done

    def _xdelete(self, _vfs: int, path: bytes, sync_folder: int) -> int:
        name = self._name(path)
        if name is not None and (fault := self._disk._asked(DELETE, name)):
            return fault
        done: int = self._delete_below(self._below_at, path, sync_folder)
        if done == OK and name is not None:
            self._disk._gone(name, durably=bool(sync_folder))
        return done

    def _hooked(self, address: int) -> _Methods:
        if address not in self._methods:
            below = _Methods.from_address(address)
            mine = _Methods.from_buffer_copy(below)
            mine.write = self._made(_WRITE(self._writer(_WRITE(below.write))))
            mine.truncate = self._made(_TRUNCATE(self._cutter(_TRUNCATE(below.truncate))))
            mine.sync = self._made(_SYNC(self._syncer()))
            mine.close = self._made(_CLOSE(self._closer(_CLOSE(below.close))))
            self._methods[address] = mine
        return self._methods[address]

    def _writer(self, below: Any) -> Callable[[int, int, int, int], int]:
        def write(file: int, buffer: int, size: int, offset: int) -> int:
            disk = self._disk
            with disk._lock:
                if fault := disk._asked(WRITE, disk._open[file].name):
                    return fault
                disk._wrote(file, offset, ctypes.string_at(buffer, size))
                return int(below(file, buffer, size, offset))

        return write

    def _cutter(self, below: Any) -> Callable[[int, int], int]:
        def truncate(file: int, size: int) -> int:
            disk = self._disk
            with disk._lock:
                if fault := disk._asked(TRUNCATE, disk._open[file].name):
                    return fault
                disk._wrote(file, size, None)
                return int(below(file, size))

        return truncate

    def _syncer(self) -> Callable[[int, int], int]:
        def sync(file: int, _flags: int) -> int:
            disk = self._disk
            with disk._lock:
                known = disk._open[file]
                if fault := disk._asked(SYNC, known.name):
                    disk._sync_failed(known)
                    return fault
                disk._synced(file)
                return OK  # the real disk below need not be waited for

        return sync

    def _closer(self, below: Any) -> Callable[[int], int]:
        def close(file: int) -> int:
            with self._disk._lock:
                self._disk._open.pop(file, None)
            return int(below(file))

        return close


@contextlib.contextmanager
def faulty_disk(folder: Path, chance: Random) -> Iterator[Disk]:
    """Databases opened in the folder meanwhile stand on this disk; close them before its end."""
    disk = Disk(folder, chance)
    hooks = _Hooks(disk)
    hooks.mount()
    try:
        yield disk
    finally:
        hooks.unmount()
        assert not disk._open, f"still open: {[file.name for file in disk._open.values()]}"
