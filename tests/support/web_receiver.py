"""A real HTTP server on the loopback that remembers what it was posted and answers as told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WAIT_S_MAX = 60


class _Server(ThreadingHTTPServer):
    """With room for all who knock at once: one who is turned away is a try that failed."""

    request_queue_size = 128
    daemon_threads = True


@dataclass(frozen=True)
class Posted:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What is answered; ``hold`` is waited for first."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


@dataclass
class Receiver:
    """What came so far, and how the next request is answered."""

    url: str
    answer: Callable[[Posted], Answer]
    posted: list[Posted] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int) -> list[Posted]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.posted) >= count, WAIT_S_MAX), self.posted
            return list(self.posted)

    def take(self, posted: Posted) -> Answer:
        with self.came:
            self.posted.append(posted)
            self.came.notify_all()
        return self.answer(posted)


@contextmanager
def receiving(answer: Callable[[Posted], Answer] | None = None) -> Iterator[Receiver]:
    """A receiver on a free port of the loopback, for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", 0))
            heard = {name.lower(): value for name, value in self.headers.items()}
            told = found.take(Posted(self.path, heard, self.rfile.read(size)))
            if told.hold is not None:
                told.hold.wait(WAIT_S_MAX)
            try:
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(told.body)))
                self.end_headers()
                self.wfile.write(told.body)
            except (BrokenPipeError, ConnectionResetError):
                return  # whoever asked did not wait for the answer

        def log_message(self, *_: object) -> None:
            return

    with _Server(("127.0.0.1", 0), Handler) as server:
        found = Receiver(
            f"http://127.0.0.1:{server.server_port}/in", answer or (lambda _: Answer())
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join(WAIT_S_MAX)
