"""A centre for protocol tests: keeps logs, answers with signed receipts, leases nothing.

It speaks the station's side of docs/wire.md over real HTTP and judges envelopes as
strictly as a centre must. What it sends down is what a test puts into its log.
"""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from core.canonical import canonical_bytes, parse_canonical
from core.errors import ChainBrokenError, EnvelopeDamagedError, HarvestlineError, SignatureError
from core.lending.lease import LEASE, Lease
from core.shape import decode, encode
from core.signing import key_id_of, open_document, sign_document
from core.wire import envelope as env
from core.wire.envelope import LogClass, LogName, Record
from core.wire.modelfile import MODEL, Model
from core.wire.records import Down
from core.wire.registry import Identity
from edge_node.keys import KeyRing, PeerSealer, StationOpener, StationSigner
from tests.support.tls import Certificate

ENVELOPES_AT_ONCE_MAX = 4096
KEEP_ALIVE_S = 120


def elapsed_ms() -> int:
    """A clock that is never set [ms]."""
    return time.monotonic_ns() // 1_000_000


def entropy(name: str) -> Any:
    """Bytes that nobody could guess who did not read this line."""
    state = [0]

    def take(count: int) -> bytes:
        state[0] += 1
        return hashlib.shake_256(f"{name}/{state[0]}".encode()).digest(count)

    return take


@dataclass
class Received:
    """What the centre has of one log."""

    records: list[Record] = field(default_factory=list)
    head: str = env.GENESIS
    held: list[bytes] = field(default_factory=list)


class Centre:
    """Keeps one station's logs and its own log for it.

    ``lose_answers`` lets so many requests be carried out whose answers are lost,
    ``is_dark`` refuses every request, as a dead uplink would.
    """

    def __init__(self, station: Identity, name: str = "centre", number: int = 77) -> None:
        self.signer = StationSigner(bytes([number]) * 32)
        self.opener = StationOpener(bytes([number + 1]) * 32)
        self.identity = Identity(name, self.signer.public_key.hex(), self.opener.seal_key.hex())
        self.name = LogName(name, LogClass.DOWN, station.name)
        self.station = station
        self.verifier = KeyRing.of_hex(station.public_key)
        seal_key = bytes.fromhex(station.seal_key)
        self.seal_for = (key_id_of(seal_key), PeerSealer([seal_key], entropy(name)))
        self.down: list[Record] = []
        self.received: dict[LogClass, Received] = {}
        self.acknowledged = 0
        self.envelopes_count = 0
        self.taken: list[tuple[LogClass, int, int]] = []  # log, records, bytes
        self.lose_answers = 0
        self.is_dark = False
        self.records_a_pull_max = 50

    def say(self, kind: Down, body: Any, at_ms: int) -> None:
        """Put a record into the log for the station."""
        self.down.append(Record(len(self.down) + 1, kind.value, at_ms, 1000, encode(body)))

    def say_lease(self, lease: Lease) -> None:
        """Sign a lease and put it into the log."""
        document = sign_document(LEASE, encode(lease), self.signer)
        self.say(Down.LEASE, parse_canonical(document, 10**6), lease.signed_at_ms)

    def say_model(self, model: Model, at_ms: int, signer: StationSigner | None = None) -> None:
        """Sign a model and put it into the log."""
        document = sign_document(MODEL, encode(model), signer or self.signer)
        self.say(Down.MODEL, parse_canonical(document, 10**6), at_ms)

    def envelope(self, first: int, last: int) -> bytes:
        """A run of the log for the station, sealed to it."""
        previous = env.chain_head(self.name, env.GENESIS, self.down[: first - 1])
        run = self.down[first - 1 : last]
        return env.pack(self.name, previous, run, self.signer, self.seal_for)

    def pull(self, document: bytes) -> bytes | None:
        """The answer to a signed pull."""
        signed = open_document(document, env.PULL, self.verifier)
        asked = decode(env.Pull, signed.body)
        if asked.station != self.station.name or asked.after > len(self.down):
            raise ChainBrokenError(f"pull after {asked.after} is not in this log")
        if asked.head != env.chain_head(self.name, env.GENESIS, self.down[: asked.after]):
            raise ChainBrokenError(f"pull after {asked.after} has another head")
        self.acknowledged = asked.after
        last = min(len(self.down), asked.after + self.records_a_pull_max)
        if asked.bytes_max is not None:
            sizes = [len(canonical_bytes(record.body)) for record in self.down[asked.after : last]]
            fitting = [n for n in range(len(sizes)) if sum(sizes[: n + 1]) <= asked.bytes_max]
            last = asked.after + max(1, len(fitting)) if sizes else last
        return self.envelope(asked.after + 1, last) if last > asked.after else None

    def take(self, data: bytes) -> bytes:
        """Apply an envelope of the station; the signed receipt."""
        header = env.peek(data)
        if header.writer != self.station.name:
            raise SignatureError(f"expected {self.station.name}, got {header.writer}")
        envelope = env.unpack(data, self.verifier, self.opener)
        if not header.recipient:
            raise EnvelopeDamagedError("expected a sealed envelope")
        self.envelopes_count += 1
        self.taken.append((header.log, len(envelope.records), len(data)))
        log = self.received.setdefault(header.log, Received())
        if env.place(header, len(log.records)) is env.Placement.EARLY:
            log.held.append(data)
        else:
            self._append(log, envelope)
        receipt = env.Receipt(self.station.name, header.log, "", len(log.records), log.head)
        return sign_document(env.RECEIPT, encode(receipt), self.signer)

    def runs_of(self, log: LogClass) -> list[int]:
        """How many records each envelope of a log held, in the order of arrival."""
        return [records for each, records, _ in self.taken if each is log]

    def kinds(self, log: LogClass = LogClass.MONEY) -> list[str]:
        """The kinds of records that arrived, in order."""
        return [record.kind for record in self.received.get(log, Received()).records]

    def bodies(self, kind: str, log: LogClass = LogClass.MONEY) -> list[dict[str, Any]]:
        """The bodies of records of a kind that arrived, in order."""
        found = self.received.get(log, Received()).records
        return [record.body for record in found if record.kind == kind]

    def _append(self, log: Received, envelope: env.Envelope) -> None:
        fresh = env.fresh_records(envelope, len(log.records), log.head)
        if fresh:
            log.records += fresh
            log.head = envelope.header.head

    def application(self) -> FastAPI:
        """The centre over HTTP."""
        app = FastAPI()

        @app.post("/api/v1/envelopes")
        async def envelopes(request: Request) -> Response:
            return self._answer(self.take, await request.body())

        @app.post("/api/v1/pull")
        async def pull(request: Request) -> Response:
            return self._answer(self.pull, await request.body())

        return app

    def _answer(self, act: Any, body: bytes) -> Response:
        if self.is_dark:
            return Response(status_code=503)
        try:
            content = act(body)
        except HarvestlineError as error:
            return Response(str(error), status_code=error.entry.http_status)
        if self.lose_answers:
            self.lose_answers -= 1
            return Response(status_code=502)
        return Response(content) if content is not None else Response(status_code=204)


class Served:
    """An application on a free port of the loopback, in a thread, until closed.

    It keeps connections as long as the centre does (``server/commands/setup.py``).
    """

    def __init__(self, app: Any, certificate: Certificate | None = None) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()  # who comes before the thread turns waits, and is not refused
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app, log_level="warning", lifespan="off", ws="none", timeout_keep_alive=KEEP_ALIVE_S,
            server_header=False,
            ssl_certfile=certificate.cert if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
