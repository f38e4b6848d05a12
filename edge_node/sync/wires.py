"""HTTP to the centre: one client, time limits on everything, bytes counted."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from core.errors import HarvestlineError
from core.wire.envelope import PAYLOAD_BYTES_MAX

ENVELOPE_TYPE = "application/vnd.harvestline.envelope"
DOCUMENT_TYPE = "application/json"
CONNECT_S_MAX = 5.0
ANSWER_S_MAX = 30.0
ANSWER_BYTES_MAX = PAYLOAD_BYTES_MAX + 64 * 1024
PROBLEM_CHARACTERS_MAX = 300
_HTTP_ERROR = 400


class CentreUnreachableError(HarvestlineError):
    """The centre did not answer, or answered with what only a fault explains."""

    code = "HL-EDGE-005"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the centre answered."""

    status: int
    body: bytes

    @property
    def refused(self) -> bool:
        """Whether it is an error of any kind."""
        return self.status >= _HTTP_ERROR

    def problem(self) -> str:
        """What the centre says is wrong, for people."""
        return f"{self.status}: {self.body.decode(errors='replace')[:PROBLEM_CHARACTERS_MAX]}"


class CentreClient:
    """Posts documents and envelopes; counts what goes over the wire [bytes]."""

    def __init__(self, url: str) -> None:
        timeout = httpx.Timeout(ANSWER_S_MAX, connect=CONNECT_S_MAX)
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)
        self.sent_bytes = 0
        self.received_bytes = 0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def post(self, path: str, content: bytes, content_type: str) -> Answer:
        """Post bytes and return the answer, whatever its status below 500.

        Raises
        ------
        CentreUnreachableError
            If there is no answer, it is too large, or the centre has a fault.
        """
        headers = {"content-type": content_type}
        try:
            with self._client.stream("POST", path, content=content, headers=headers) as response:
                body = self._read(response)
        except httpx.HTTPError as error:
            raise CentreUnreachableError(
                f"expected an answer from the centre, got {type(error).__name__}: {error}"
            ) from error
        self.sent_bytes += len(content)
        answer = Answer(response.status_code, body)
        if response.is_server_error:
            raise CentreUnreachableError(f"the centre has a fault: {answer.problem()}")
        return answer

    def _read(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > ANSWER_BYTES_MAX:
                raise CentreUnreachableError(
                    f"expected an answer of at most {ANSWER_BYTES_MAX} bytes, got more"
                )
            parts.append(part)
        self.received_bytes += size
        return b"".join(parts)
