"""Delivery of documents to the centre's API, with retries that end.

200 and 201 both mean taken (a repeat is harmless: the id is the content's). A 4xx
is the centre's word and final for that document; anything else is the road's
fault, is tried again a few times, and then left for the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

from core.errors import HarvestlineError
from satellite.config import Settings
from satellite.evidence.outbox import Document, Outbox, Status

CONTENT_TYPE = "application/vnd.harvestline.evidence+json"
BATCH_TYPE = "application/x-ndjson"
BATCH = 250  # documents that are held, and sent together: some megabytes
TOGETHER_MIN = 100  # below, a batch saves nothing that is felt
SINGLY_MAX = 20  # documents between two marks in the store
TAKEN = (200, 201)
Mark = tuple[str, Status, str]  # evidence id, what became of it, the centre's words
TRY_LATER = (408, 425, 429)  # a 4xx that speaks of now, not of the document


class DeliveryError(HarvestlineError):
    """The centre could not be reached, or did not answer properly, after all retries."""

    code = "HL-SAT-008"


@dataclass(frozen=True, slots=True)
class DeliveryCount:
    """One run's outcome; ``error`` is empty unless the road failed."""

    delivered: int = 0
    refused: int = 0
    pending: int = 0
    error: str = ""


class Courier:
    """Sends documents to one address over one connection.

    A few go one by one. Many go together to the address with ``:batch`` behind it, one
    a line; a centre that knows no batches gets them one by one.
    """

    def __init__(self, url: str, settings: Settings, pause: Callable[[float], None]) -> None:
        self._url = url
        self._settings = settings
        self._pause = pause
        self._client = httpx.Client(timeout=settings.deliver_timeout_s)
        self._batches = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def deliver(self, outbox: Outbox) -> DeliveryCount:
        """Send all that waits; stop at the first document that the road does not carry."""
        delivered = refused = 0
        while waiting := outbox.pending(BATCH):
            together = self._batches and len(waiting) >= TOGETHER_MIN
            marks, error = (self._together if together else self._singly)(waiting)
            outbox.mark(marks)
            delivered += sum(status is Status.DELIVERED for _, status, _ in marks)
            refused += sum(status is Status.REFUSED for _, status, _ in marks)
            if error:
                return DeliveryCount(delivered, refused, outbox.count(Status.PENDING), error)
        return DeliveryCount(delivered, refused)

    def _singly(self, documents: Sequence[Document]) -> tuple[list[Mark], str]:
        marks: list[Mark] = []
        for document in documents[:SINGLY_MAX]:
            try:
                status, detail = self._send(document)
            except DeliveryError as error:
                return marks, str(error)
            marks.append((document.evidence_id, status, detail))
        return marks, ""

    def _together(self, documents: Sequence[Document]) -> tuple[list[Mark], str]:
        content = b"\n".join(document.data for document in documents)
        what = f"{len(documents)} documents of evidence"
        try:
            answer = self._post(f"{self._url}:batch", content, BATCH_TYPE, what)
        except DeliveryError as error:
            return [], str(error)
        results = _results(answer)
        if results is None or len(results) != len(documents):
            self._batches = False  # an older centre, or one with a smaller bound
            return [], ""
        marks: list[Mark] = []
        fault = ""
        for document, result in zip(documents, results, strict=True):
            status = int(result["status"])
            if status in TAKEN:
                marks.append((document.evidence_id, Status.DELIVERED, ""))
            elif _is_final(status):
                detail = result.get("detail") or result.get("title") or ""
                marks.append((document.evidence_id, Status.REFUSED, f"HTTP {status}: {detail}"))
            else:
                fault = f"HTTP {status} for evidence {document.evidence_id}: it is sent again"
        return marks, fault

    def _send(self, document: Document) -> tuple[Status, str]:
        what = f"evidence {document.evidence_id}"
        answer = self._post(self._url, document.data, CONTENT_TYPE, what)
        if answer.status_code in TAKEN:
            return Status.DELIVERED, ""
        return Status.REFUSED, problem_detail(answer)

    def _post(self, url: str, content: bytes, content_type: str, what: str) -> httpx.Response:
        """The centre's last word: taken, or refused for good."""
        fault = ""
        for attempt in range(self._settings.deliver_tries_max):
            if attempt:
                self._pause(self._settings.deliver_backoff_s * 2 ** (attempt - 1))
            try:
                answer = self._client.post(
                    url, content=content, headers={"content-type": content_type}
                )
            except httpx.InvalidURL as error:
                raise DeliveryError(f"expected an http(s) address, got {url}") from error
            except httpx.HTTPError as error:
                fault = f"{type(error).__name__}: {error}"
                continue
            if answer.status_code in TAKEN or _is_final(answer.status_code):
                return answer
            fault = f"HTTP {answer.status_code}"
        raise DeliveryError(
            f"expected {url} to take {what}, got {fault} "
            f"{self._settings.deliver_tries_max} times: it is kept and sent with the next run"
        )


def _is_final(status: int) -> bool:
    return 400 <= status < 500 and status not in TRY_LATER


def _results(answer: httpx.Response) -> list[dict[str, Any]] | None:
    """The result of each document of a batch; None if the centre does not speak of them."""
    if answer.status_code not in TAKEN:
        return None
    try:
        found = answer.json()["results"]
        whole = all(isinstance(each["status"], int) for each in found)
    except (ValueError, KeyError, TypeError):
        return None
    return list(found) if whole else None


def problem_detail(answer: httpx.Response) -> str:
    """The server's problem+json detail, or as much as it said."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    return f"HTTP {answer.status_code}: {detail or answer.text[:200]}"
