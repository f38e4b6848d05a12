"""Delivery of documents to the centre's API, with retries that end.

200 and 201 both mean taken (a repeat is harmless: the id is the content's). A 4xx
is the centre's word and final for that document; anything else is the road's
fault, is tried again a few times, and then left for the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import httpx

from core.errors import HarvestlineError
from satellite.config import Settings
from satellite.evidence.outbox import Document, Outbox, Status

CONTENT_TYPE = "application/vnd.harvestline.evidence+json"
BATCH = 20  # documents between two marks in the store
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
    """Sends documents to one address over one connection."""

    def __init__(self, url: str, settings: Settings, pause: Callable[[float], None]) -> None:
        self._url = url
        self._settings = settings
        self._pause = pause
        self._client = httpx.Client(timeout=settings.deliver_timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def deliver(self, outbox: Outbox) -> DeliveryCount:
        """Send all that waits; stop at the first document that the road does not carry."""
        delivered = refused = 0
        waiting = outbox.pending()
        for start in range(0, len(waiting), BATCH):
            marks, error = self._batch(waiting[start : start + BATCH])
            outbox.mark(marks)
            delivered += sum(status is Status.DELIVERED for _, status, _ in marks)
            refused += sum(status is Status.REFUSED for _, status, _ in marks)
            if error:
                left = len(waiting) - delivered - refused
                return DeliveryCount(delivered, refused, left, error)
        return DeliveryCount(delivered, refused)

    def _batch(self, documents: Sequence[Document]) -> tuple[list[tuple[str, Status, str]], str]:
        marks: list[tuple[str, Status, str]] = []
        for document in documents:
            try:
                status, detail = self._send(document)
            except DeliveryError as error:
                return marks, str(error)
            marks.append((document.evidence_id, status, detail))
        return marks, ""

    def _send(self, document: Document) -> tuple[Status, str]:
        fault = ""
        for attempt in range(self._settings.deliver_tries_max):
            if attempt:
                self._pause(self._settings.deliver_backoff_s * 2 ** (attempt - 1))
            try:
                answer = self._client.post(
                    self._url, content=document.data, headers={"content-type": CONTENT_TYPE}
                )
            except httpx.InvalidURL as error:
                raise DeliveryError(f"expected an http(s) address, got {self._url}") from error
            except httpx.HTTPError as error:
                fault = f"{type(error).__name__}: {error}"
                continue
            if answer.status_code in (200, 201):
                return Status.DELIVERED, ""
            if 400 <= answer.status_code < 500 and answer.status_code not in TRY_LATER:
                return Status.REFUSED, problem_detail(answer)
            fault = f"HTTP {answer.status_code}"
        raise DeliveryError(
            f"expected {self._url} to take evidence {document.evidence_id}, got {fault} "
            f"{self._settings.deliver_tries_max} times: it is kept and sent with the next run"
        )


def problem_detail(answer: httpx.Response) -> str:
    """The server's problem+json detail, or as much as it said."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    return f"HTTP {answer.status_code}: {detail or answer.text[:200]}"
