"""HTTP to the centre: one client, time limits on everything, bytes counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from core.errors import HarvestlineError
from core.wire.envelope import PAYLOAD_BYTES_MAX

ENVELOPE_TYPE = "application/vnd.harvestline.envelope"
DOCUMENT_TYPE = "application/json"
ANSWER_BYTES_MAX = PAYLOAD_BYTES_MAX + 64 * 1024
PROBLEM_CHARACTERS_MAX = 300
MS_PER_S = 1000
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
        Until a connection stands [s].
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What the centre answered, and how long the exchange took [ms]."""

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
    """

    def __init__(
        self, url: str, elapsed_ms: Callable[[], int], patience: Patience | None = None
    ) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False)
        self._elapsed_ms = elapsed_ms
        self._patience = patience or Patience()
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

    def _send(self, ask: _Ask) -> Answer:
        began_ms = self._elapsed_ms()
        try:
            status, body = self._exchange(ask, began_ms)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise CentreUnreachableError(
                f"expected to reach the centre, got {type(error).__name__}: {error}"
            ) from error
        except httpx.HTTPError as error:
            raise LinkCutError(
                f"expected an answer from the centre, got {type(error).__name__}: {error}"
            ) from error
        answer = Answer(status, body, self._elapsed_ms() - began_ms)
        if httpx.codes.is_server_error(status):
            raise CentreUnreachableError(f"the centre has a fault: {answer.problem()}")
        return answer

    def _exchange(self, ask: _Ask, began_ms: int) -> tuple[int, bytes]:
        patience = self._patience
        timeout = httpx.Timeout(patience.exchange_s(ask.counted_bytes), connect=patience.connect_s)
        with self._client.stream(
            ask.method, ask.path, content=ask.content, headers=dict(ask.headers), timeout=timeout
        ) as response:
            self.sent_bytes += ask.counted_bytes
            return response.status_code, self._read(response, ask, began_ms)

    def _read(self, response: httpx.Response, ask: _Ask, began_ms: int) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            self.received_bytes += len(part)
            if size > ask.answer_bytes_max:
                raise CentreUnreachableError(
                    f"expected an answer of at most {ask.answer_bytes_max} bytes, got more"
                )
            allowed_s = self._patience.exchange_s(ask.counted_bytes + size)
            if self._elapsed_ms() - began_ms > allowed_s * MS_PER_S:
                raise LinkCutError(f"expected {size} bytes within {allowed_s:.0f} s, got them late")
            parts.append(part)
        return b"".join(parts)
