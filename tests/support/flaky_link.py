"""A link that a test cuts: a TCP door before a server, on a port of its own."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from urllib.parse import urlsplit

PIECE_BYTES = 64 * 1024


class FlakyLink:
    """Passes bytes on while it is up; ``cut`` breaks every connection in the middle.

    ``bytes_left`` cuts by itself after so many more bytes to the server, -1 never does.
    """

    def __init__(self, url: str) -> None:
        self.lead_to(url)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"{urlsplit(url).scheme}://127.0.0.1:{self._door.getsockname()[1]}"
        self.is_up, self.bytes_left, self.cuts_count = True, -1, 0
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break every connection, and take none until ``mend``."""
        self.is_up, self.bytes_left = False, -1
        with self._turn:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            _end(pair)
        self.cuts_count += 1

    def mend(self, bytes_left: int = -1) -> None:
        """Take connections again."""
        self.bytes_left, self.is_up = bytes_left, True

    def lead_to(self, url: str) -> None:
        """Lead to another server from the next connection on."""
        told, self.leads_to = urlsplit(url), url
        self._target = (told.hostname, told.port)

    def close(self) -> None:
        """End the link for good."""
        self.cut()
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            if not self.is_up:
                near.close()
                continue
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            with self._turn:
                self._pairs.add((near, far))
            threading.Thread(target=self._carry, args=((near, far),), daemon=True).start()

    def _carry(self, pair: tuple[socket.socket, socket.socket]) -> None:
        near, far = pair
        with selectors.DefaultSelector() as waiting, contextlib.suppress(OSError, ValueError):
            waiting.register(near, selectors.EVENT_READ, far)
            waiting.register(far, selectors.EVENT_READ, near)
            while self.is_up:
                for key, _ in waiting.select(1):
                    data = key.fileobj.recv(PIECE_BYTES)
                    if not data:
                        raise OSError("one side has ended")
                    key.data.sendall(data)
                    if key.fileobj is near and self._is_spent(len(data)):
                        self.cut()
                        return
        with self._turn:
            self._pairs.discard(pair)
        _end(pair)

    def _is_spent(self, count_bytes: int) -> bool:
        if self.bytes_left < 0:
            return False
        self.bytes_left = max(0, self.bytes_left - count_bytes)
        return self.bytes_left == 0


def _end(pair: tuple[socket.socket, socket.socket]) -> None:
    for one in pair:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
