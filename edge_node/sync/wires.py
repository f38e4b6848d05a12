"""HTTP to the centre: one client, time limits on everything, bytes counted.

A connection is kept from one exchange to the next and, where it ended, its TLS session is
resumed; a request carries no header that nobody reads. What may go over a new connection
at once starts small and grows with each quick answer (``window_bytes``), as TCP does it:
a station that was set up over Wi-Fi must not begin in its village with half a megabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from core.errors import HarvestlineError
from core.wire.envelope import PAYLOAD_BYTES_MAX
from edge_node.sync.resuming import ResumingContext

ENVELOPE_TYPE = "application/vnd.harvestline.envelope"
DOCUMENT_TYPE = "application/json"
ANSWER_BYTES_MAX = PAYLOAD_BYTES_MAX + 64 * 1024
PROBLEM_CHARACTERS_MAX = 300
MS_PER_S = 1000
NO_FILE = Path()
KEPT_S_MAX = 90.0  # an idle connection, shorter than the centre keeps it (120 s)
WINDOW_BYTES_MIN = 16 * 1024  # of a run before compression, at first over a new connection
WINDOW_BYTES_MAX = PAYLOAD_BYTES_MAX
WINDOW_GROWTH = 4
HANDSHAKE_BYTES = 8 * 1024  # both ways, with two certificates of RSA
_SENDING = "http11.send_request_headers.started"  # httpcore's event: the connection stands
_CONNECTING = "connection.connect_tcp.started"
_HTTP_ERROR = 400


class CentreUnreachableError(HarvestlineError):
    """The centre did not answer, or answered with what only a fault explains."""

    code = "HL-EDGE-005"


class LinkCutError(CentreUnreachableError):
    """The centre was reached, but the exchange broke off: a smaller one may get through."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a link that is slow, and not for ever for one that is gone.

    Parameters
    ----------
    connect_s
        Until a connection stands [s]; a TLS handshake has the time of its bytes beside it.
    answer_s
        Until the next bytes of an answer, beside what the bytes themselves take [s].
    bytes_per_s_min
        What the slowest link that is waited for carries: 2 kbit/s are 250 bytes/s, less
        what the protocols below add [bytes/s].
    """

    connect_s: float = 20.0
    answer_s: float = 30.0
    bytes_per_s_min: int = 200

    def exchange_s(self, count_bytes: int) -> float:
        """How long an exchange of so many bytes may take [s]."""
        return self.answer_s + count_bytes / self.bytes_per_s_min

    @property
    def handshake_s(self) -> float:
        """How long a TLS handshake may take [s]."""
        return self.connect_s + HANDSHAKE_BYTES / self.bytes_per_s_min


@dataclass(frozen=True, slots=True)
class Answer:
    """What the centre answered, and how long the exchange took, without connecting [ms]."""

    status: int
    body: bytes
    took_ms: int = 0

    @property
    def refused(self) -> bool:
        """Whether it is an error of any kind."""
        return self.status >= _HTTP_ERROR

    def problem(self) -> str:
        """What the centre says is wrong, for people."""
        return f"{self.status}: {self.body.decode(errors='replace')[:PROBLEM_CHARACTERS_MAX]}"


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request: ``counted_bytes`` is what of it goes up, ``answer_bytes_max`` may come."""

    method: str
    path: str
    headers: Mapping[str, str]
    counted_bytes: int
    content: bytes | None = None
    answer_bytes_max: int = ANSWER_BYTES_MAX


class CentreClient:
    """Posts documents and envelopes; counts what goes over the wire [bytes].

    Parameters
    ----------
    url
        Where the centre is.
    elapsed_ms
        A clock that is never set [ms]: no exchange takes longer than its bytes need.
    patience
        How long to wait.
    authority
        The certificates that an https centre is held against, in PEM; without such a file
        the public authorities.
    """

    def __init__(
        self,
        url: str,
        elapsed_ms: Callable[[], int],
        patience: Patience | None = None,
        authority: Path = NO_FILE,
    ) -> None:
        self._patience = patience or Patience()
        self._context = _context(url, self._patience, authority)
        self._client = httpx.Client(
            base_url=url,
            trust_env=False,
            verify=self._context or False,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=KEPT_S_MAX),
        )
        # At 2 kbit/s what they say costs a quarter of a second, and nobody reads it.
        for name in ("accept", "accept-encoding", "connection", "user-agent"):
            del self._client.headers[name]
        self._elapsed_ms = elapsed_ms
        self._began_ms = 0
        self.connections_count = 0
        self.is_resumed = False  # whether the latest connection went on with a TLS session
        self.window_bytes = WINDOW_BYTES_MIN
        self.sent_bytes = 0
        self.received_bytes = 0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def post(self, path: str, content: bytes, content_type: str) -> Answer:
        """Post bytes and return the answer, whatever its status below 500.

        Raises
        ------
        LinkCutError
            If the exchange began and broke off, or took too long.
        CentreUnreachableError
            If the centre cannot be reached, answers too much, or has a fault.
        """
        return self._send(_Ask("POST", path, {"content-type": content_type}, len(content), content))

    def get(self, path: str, headers: Mapping[str, str], answer_bytes_max: int) -> Answer:
        """Ask for bytes by name and return the answer, whatever its status below 500.

        Parameters
        ----------
        answer_bytes_max
            An answer that is larger is cut off [bytes].

        Raises
        ------
        LinkCutError
            If the exchange began and broke off, or took too long.
        CentreUnreachableError
            If the centre cannot be reached, answers too much, or has a fault.
        """
        asked_bytes = sum(len(text) for text in headers.values())
        return self._send(_Ask("GET", path, headers, asked_bytes, None, answer_bytes_max))

    def widen(self) -> None:
        """Let more go at once: the last exchange was quick."""
        self.window_bytes = min(self.window_bytes * WINDOW_GROWTH, WINDOW_BYTES_MAX)

    def _send(self, ask: _Ask) -> Answer:
        self._began_ms = self._elapsed_ms()
        try:
            status, body = self._exchange(ask)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise CentreUnreachableError(
                f"expected to reach the centre, got {type(error).__name__}: {error}"
            ) from error
        except httpx.HTTPError as error:
            raise LinkCutError(
                f"expected an answer from the centre, got {type(error).__name__}: {error}"
            ) from error
        answer = Answer(status, body, self._elapsed_ms() - self._began_ms)
        if httpx.codes.is_server_error(status):
            raise CentreUnreachableError(f"the centre has a fault: {answer.problem()}")
        return answer

    def _exchange(self, ask: _Ask) -> tuple[int, bytes]:
        patience = self._patience
        timeout = httpx.Timeout(patience.exchange_s(ask.counted_bytes), connect=patience.connect_s)
        with self._client.stream(
            ask.method, ask.path, content=ask.content, headers=dict(ask.headers), timeout=timeout,
            extensions={"trace": self._note},
        ) as response:  # fmt: skip
            self.sent_bytes += ask.counted_bytes
            found = response.status_code, self._read(response, ask)
            if self._context is not None:
                stream = response.extensions["network_stream"]
                self.is_resumed = self._context.remember(stream.get_extra_info("socket"))
            return found

    def _note(self, event: str, _: Mapping[str, Any]) -> None:
        """The exchange is timed from when its connection stands; a new one starts small."""
        if event == _SENDING:
            self._began_ms = self._elapsed_ms()
        elif event == _CONNECTING:
            self.connections_count += 1
            self.window_bytes = WINDOW_BYTES_MIN

    def _read(self, response: httpx.Response, ask: _Ask) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            self.received_bytes += len(part)
            if size > ask.answer_bytes_max:
                raise CentreUnreachableError(
                    f"expected an answer of at most {ask.answer_bytes_max} bytes, got more"
                )
            allowed_s = self._patience.exchange_s(ask.counted_bytes + size)
            if self._elapsed_ms() - self._began_ms > allowed_s * MS_PER_S:
                raise LinkCutError(f"expected {size} bytes within {allowed_s:.0f} s, got them late")
            parts.append(part)
        return b"".join(parts)


def _context(url: str, patience: Patience, authority: Path) -> ResumingContext | None:
    """How TLS is spoken to an https centre; None where none is spoken."""
    if not url.lower().startswith("https:"):
        return None
    return ResumingContext.made(patience.handshake_s, authority)
