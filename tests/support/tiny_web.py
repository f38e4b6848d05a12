"""A web server over a folder, with ranges and ETags, that fails as it is told."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self


class TinyWeb:
    """Serves ``root`` on this machine; ``asked`` lists (path, range) of every request.

    ``faults`` answers instead of a file while it has entries: a status, or a status
    and a Location. ``on_get`` is called with each path before it is served. ``gate``
    takes path and query, and answers in place of the file unless it gives None.
    """

    def __init__(  # noqa: C901  # a handler of its own for each server
        self, root: Path, *, etags: bool = True, ranges: bool = True
    ) -> None:
        self.root = root
        self.asked: list[tuple[str, str]] = []
        self.faults: list[tuple[int, str]] = []
        self.on_get: Callable[[str], None] = lambda _path: None
        self.gate: Callable[[str, str], tuple[int, bytes] | None] = lambda _path, _query: None
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # one packet an answer: no 40 ms of waiting for an acknowledgement

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                span = self.headers.get("range", "")
                web.asked.append((path, span))
                web.on_get(path)
                if web.faults:
                    status, location = web.faults.pop(0)
                    return self._answer(status, b"", {"location": location} if location else {})
                answer = web.gate(path, query)
                if answer is not None:
                    return self._answer(*answer, {})
                file = web.root / path.lstrip("/")
                if not file.is_file():
                    return self._answer(404, b"", {})
                data = file.read_bytes()
                headers = {}
                if etags:
                    headers["etag"] = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
                    if self.headers.get("if-match") not in (None, headers["etag"]):
                        return self._answer(412, b"", {})
                found = re.fullmatch(r"bytes=(\d+)-(\d+)", span)
                if not (found and ranges):
                    return self._answer(200, data, headers)
                start, end = int(found[1]), min(int(found[2]) + 1, len(data))
                headers["content-range"] = f"bytes {start}-{end - 1}/{len(data)}"
                return self._answer(206, data[start:end], headers)

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
