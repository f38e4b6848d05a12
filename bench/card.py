"""A memory card under SQLite: the disk as it is, but a sync takes as long as on a card.

The SQLite library that Python's ``sqlite3`` is linked to gets another default VFS: its
own one for Unix, whose ``xSync`` waits for a given time and leaves the real disk alone,
so that a row says what the card costs and not what other processes write meanwhile. Every
database that is opened in this process stands on it, whoever opens it. Reads and writes
go where they always went: a card is slow there too, but both sides write the same bytes.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from ctypes import c_void_p

from tests.support.faulty_disk import _OPEN, _SYNC, OK, _Library, _Methods, _Vfs


class Card:
    """The VFS of one card; counts the syncs that it was asked for."""

    def __init__(self, sync_ms: float) -> None:
        self.syncs_count = 0
        self._sync_s, self._pause = sync_ms / 1e3, threading.Event()
        self._library = _Library()
        self._below_at = self._library.find(None)
        below = _Vfs.from_address(self._below_at)
        self._open_below = _OPEN(below.open)
        self._methods: dict[int, _Methods] = {}
        self._open, self._sync = _OPEN(self._xopen), _SYNC(self._xsync)
        self._vfs = _Vfs.from_buffer_copy(below)
        self._vfs.name = b"memory-card"
        self._vfs.open = ctypes.cast(self._open, c_void_p).value

    def mount(self) -> None:
        """Let databases stand on it from now on."""
        self._library.register(ctypes.byref(self._vfs), 1)

    def unmount(self) -> None:
        """Give the place back; what was opened on it must be closed."""
        self._library.unregister(ctypes.byref(self._vfs))
        self._library.register(self._below_at, 1)

    def _xopen(self, _vfs: int, path: int, file: int, flags: int, out: int) -> int:
        done: int = self._open_below(self._below_at, path, file, flags, out)
        methods = c_void_p.from_address(file)
        if done == OK and methods.value:
            methods.value = ctypes.addressof(self._slow(methods.value))
        return done

    def _slow(self, address: int) -> _Methods:
        if address not in self._methods:
            mine = _Methods.from_buffer_copy(_Methods.from_address(address))
            mine.sync = ctypes.cast(self._sync, c_void_p).value
            self._methods[address] = mine
        return self._methods[address]

    def _xsync(self, _file: int, _flags: int) -> int:
        self.syncs_count += 1
        self._pause.wait(self._sync_s)
        return OK


@contextlib.contextmanager
def card(sync_ms: float | None) -> Iterator[None]:
    """Databases opened meanwhile stand on such a card; on the real disk without a time [ms]."""
    if sync_ms is None:
        yield
        return
    found = Card(sync_ms)
    found.mount()
    try:
        yield
    finally:
        found.unmount()
