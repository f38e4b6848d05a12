"""A file on the web, read in pieces: only what is asked for, and never two versions of it.

GDAL has a reader for the web of its own, but what that fetches cannot be bounded,
kept from private networks, or pinned to one version of the file. Here a piece is
asked for by range, with ``If-Match`` where the server states a strong ETag; a file
that changes between two pieces is a fault, never a mixture. Reading on, the pieces
grow, so that a whole band takes tens of requests and not thousands.
"""

from __future__ import annotations

import io
import re
from collections import OrderedDict
from typing import Self

from satellite.scenes.faults import WebError
from satellite.scenes.place import Url
from satellite.scenes.web import HTTP_PARTIAL, Answer, Web

CHUNK_BYTES = 1 << 16
AHEAD_CHUNKS_MAX = 64  # 4 MiB in one request
KEPT_CHUNKS_MAX = 256  # 16 MiB a file
FILE_BYTES_MAX = 2 << 30  # a 10 m band of a tile has 0.1 to 0.3 GB
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RemoteFile:
    """One file of a web server; ``fault`` is what kept a reader from going on."""

    def __init__(self, url: Url, web: Web | None = None) -> None:
        self.url = url
        self.fault: WebError | None = None
        self.fetched_bytes = 0
        self._web = web or Web()
        self._size: int | None = None
        self._etag = ""
        self._modified = ""
        self._chunks: OrderedDict[int, bytes] = OrderedDict()
        self._next = -1
        self._ahead = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    @property
    def size_bytes(self) -> int:
        """The file's size, asked for with its first piece.

        Raises
        ------
        WebError
            If the server does not answer ranges, or the file is larger than any band.
        """
        if self._size is None:
            self._fetch(0, 1)
        if self._size is None:
            raise WebError(f"expected a size of {self.url}, got none")
        return self._size

    @property
    def etag(self) -> str:
        """The server's strong ETag; empty where it states none or a weak one."""
        return self._etag

    @property
    def modified(self) -> str:
        """The server's Last-Modified; empty where it states none."""
        return self._modified

    def reader(self) -> _Reader:
        """A file object for GDAL."""
        return _Reader(self)

    def read(self, start: int, count: int) -> bytes:
        """Bytes from ``start``, fewer at the file's end.

        Raises
        ------
        WebError
            If a piece cannot be had, or the file changed since the first.
        """
        end = min(start + count, self.size_bytes)
        if end <= start:
            return b""
        first, last = start // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
        data = b"".join(self._chunk(i, last) for i in range(first, last + 1))
        return data[start - first * CHUNK_BYTES : end - first * CHUNK_BYTES]

    def _chunk(self, i: int, last: int) -> bytes:
        if i not in self._chunks:
            self._ahead = min(self._ahead * 2, AHEAD_CHUNKS_MAX) if i == self._next else 1
            self._fetch(i, min(max(self._ahead, last - i + 1), AHEAD_CHUNKS_MAX))
        self._chunks.move_to_end(i)
        return self._chunks[i]

    def _fetch(self, i: int, chunks: int) -> None:
        start, end = i * CHUNK_BYTES, (i + chunks) * CHUNK_BYTES
        headers = {"range": f"bytes={start}-{end - 1}"}
        if self._etag:
            headers["if-match"] = self._etag
        answer = self._web.ask("GET", self.url, end - start, headers)
        body, size = self._checked(answer, start, end)
        self.fetched_bytes += len(body)
        self._size = size
        self._next = i + chunks
        for k in range(chunks):
            piece = body[k * CHUNK_BYTES : (k + 1) * CHUNK_BYTES]
            if piece:
                self._chunks[i + k] = piece
                self._chunks.move_to_end(i + k)
        while len(self._chunks) > KEPT_CHUNKS_MAX:
            self._chunks.popitem(last=False)

    def _checked(self, answer: Answer, start: int, end: int) -> tuple[bytes, int]:
        body, stated = answer.body, _RANGE.fullmatch(answer.headers.get("content-range", ""))
        if answer.status == HTTP_PARTIAL and stated is not None:
            size = int(stated[3])
            whole = int(stated[1]) == start and len(body) == min(end, size) - start
        else:  # a server that ignores ranges; all of a small file is as good as a piece
            size, whole = len(body), start == 0
        if not whole:
            raise WebError(f"expected bytes {start} to {end} of {self.url}, got others")
        if size > FILE_BYTES_MAX:
            raise WebError(f"expected at most {FILE_BYTES_MAX} bytes at {self.url}, got {size}")
        etag = answer.headers.get("etag", "")
        etag = "" if etag.startswith("W/") else etag[:200]
        modified = answer.headers.get("last-modified", "")[:40]
        if self._size is not None and (size, etag, modified) != (
            self._size, self._etag, self._modified,
        ):  # fmt: skip
            raise WebError(f"expected one version of {self.url}, but it changed while it was read")
        self._etag, self._modified = etag, modified
        return body, size


class _Reader(io.RawIOBase):
    """A position in a remote file, as GDAL's opener wants it."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position [bytes]."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; the end of a file that cannot be had is its start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size()}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """Bytes from the position; none once a fault was met."""
        if self._file.fault is not None:
            return b""
        wanted = self._size() - self._at if size < 0 else size
        try:
            data = self._file.read(self._at, wanted)
        except WebError as error:
            self._file.fault = error
            return b""
        self._at += len(data)
        return data

    def _size(self) -> int:
        try:
            return self._file.size_bytes
        except WebError as error:
            self._file.fault = error
            return 0
