"""Delivery of pictures to the centre: after all evidence, newest day first, by hash.

A picture is put under the SHA-256 of its bytes with a signed claim (docs/wire.md, B2),
so a repeat is harmless. A 4xx is the centre's word and final; anything else is the
road's fault, is tried again a few times, and then left for the next run. A file that
is gone or is not what was drawn is forgotten, and drawn again next time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import httpx

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from core.shape import encode
from core.signing import Signer, sign_document
from core.wire.blob import BLOB, CLAIM_HEADER, BlobClaim
from satellite.config import Settings
from satellite.quicklooks.shelf import PictureRow, Shelf, Status

BATCH = 50  # pictures between two marks on the shelf
RUN_MAX = 20_000  # pictures in one run; the rest waits for the next
TRY_LATER = (408, 425, 429)  # a 4xx that speaks of now, not of the picture
DETAIL_CHARS_MAX = 200
API = "/api/v1/"


class PictureDeliveryError(HarvestlineError):
    """The centre could not be reached, or did not answer properly, after all retries."""

    code = "HL-SAT-020"


@dataclass(frozen=True, slots=True)
class PictureCount:
    """One run's outcome; ``error`` is empty unless the road failed."""

    delivered: int = 0
    refused: int = 0
    waiting: int = 0
    error: str = ""


def blobs_url(centre: str) -> str:
    """Where a centre takes pictures, from its address or that of any of its endpoints."""
    parts = urlsplit(centre)
    root = parts.path.partition(API)[0].rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, f"{root}{API}blobs", "", ""))


class PictureCourier:
    """Puts pictures to one centre over one connection."""

    def __init__(
        self, centre: str, signer: Signer, settings: Settings, pause: Callable[[float], None]
    ) -> None:
        self._url = blobs_url(centre)
        self._signer = signer
        self._settings = settings
        self._pause = pause
        self._client = httpx.Client(timeout=settings.deliver_timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def deliver(self, shelf: Shelf) -> PictureCount:
        """Put all that waits; stop at the first picture that the road does not carry."""
        delivered = refused = 0
        for _ in range(RUN_MAX // BATCH):
            waiting = shelf.waiting(BATCH)
            if not waiting:
                break
            marks: list[tuple[str, Status, str]] = []
            try:
                for row in waiting:
                    self._one(row, shelf, marks)
            except PictureDeliveryError as error:
                shelf.mark(marks)
                return self._counted(shelf, delivered, refused, marks, str(error))
            shelf.mark(marks)
            delivered += sum(status is Status.DELIVERED for _, status, _ in marks)
            refused += sum(status is Status.REFUSED for _, status, _ in marks)
        return PictureCount(delivered, refused, shelf.count(Status.WAITING))

    @staticmethod
    def _counted(
        shelf: Shelf, delivered: int, refused: int, marks: list[tuple[str, Status, str]], fault: str
    ) -> PictureCount:
        taken = sum(status is Status.DELIVERED for _, status, _ in marks)
        return PictureCount(
            delivered + taken, refused + len(marks) - taken, shelf.count(Status.WAITING), fault
        )

    def _one(self, row: PictureRow, shelf: Shelf, marks: list[tuple[str, Status, str]]) -> None:
        try:
            data = (shelf.folder / row.name).read_bytes()
        except OSError:
            data = b""
        if sha256_hex(data) != row.ref.sha256:
            shelf.forget(row)
            return
        status, detail = self._put(row, data)
        marks.append((row.ref.sha256, status, detail))

    def _put(self, row: PictureRow, data: bytes) -> tuple[Status, str]:
        claim = BlobClaim(row.ref.sha256, row.ref.media_type, len(data))
        headers = {
            "content-type": row.ref.media_type,
            CLAIM_HEADER: sign_document(BLOB, encode(claim), self._signer).decode(),
        }
        url, fault = f"{self._url}/{row.ref.sha256}", ""
        for attempt in range(self._settings.deliver_tries_max):
            if attempt:
                self._pause(self._settings.deliver_backoff_s * 2 ** (attempt - 1))
            try:
                answer = self._client.put(url, content=data, headers=headers)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise PictureDeliveryError(f"expected an http(s) address, got {url}") from error
            except httpx.HTTPError as error:
                fault = f"{type(error).__name__}: {error}"
                continue
            if answer.status_code in (200, 201):
                return Status.DELIVERED, ""
            if 400 <= answer.status_code < 500 and answer.status_code not in TRY_LATER:
                return Status.REFUSED, f"HTTP {answer.status_code}: {_words(answer)}"
            fault = f"HTTP {answer.status_code}"
        raise PictureDeliveryError(
            f"expected {self._url} to take a picture of {row.plot_id}, got {fault} "
            f"{self._settings.deliver_tries_max} times: it is kept and sent with the next run"
        )


def _words(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        body = None
    detail = body.get("detail") if isinstance(body, dict) else None
    return str(detail or answer.text)[:DETAIL_CHARS_MAX]
