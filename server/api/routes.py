"""The endpoints of ``/api/v1``: thin, each one service; the parts stand beside this file."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from server.api.bearer import Bearer
from server.api.blobs import add_blobs
from server.api.book import add_book
from server.api.boxes import add_boxes
from server.api.evidence import add_evidence
from server.api.lists import add_lists
from server.api.money import add_money
from server.api.orders import add_orders
from server.api.payouts import add_payouts
from server.api.photos import add_photos
from server.api.problems import PROBLEM_TYPE
from server.api.sales import add_sales
from server.api.sync import add_sync
from server.api.updates import add_updates
from server.services.access import require_caller, require_whole
from server.services.centre import Centre
from server.services.measured import METRICS_TYPE, metrics_text
from server.services.status import status
from server.store.people import Role

_PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "urn:harvestline:error:CODE, or about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_PROBLEM = {
    "description": "A problem from the catalogue (RFC 9457)",
    "content": {PROBLEM_TYPE: {"schema": _PROBLEM_SCHEMA}},
}


def router(centre: Centre) -> APIRouter:
    """The endpoints, for one centre."""
    found = APIRouter(prefix="/api/v1", responses={"4XX": _PROBLEM})
    _add_health(found, centre)
    for add in (
        add_sync, add_evidence, add_blobs, add_photos, add_updates, add_boxes, add_money,
        add_orders, add_sales, add_lists, add_book, add_payouts,
    ):  # fmt: skip
        add(found, centre)
    return found


def _add_health(found: APIRouter, centre: Centre) -> None:
    @found.get("/health", tags=["status"], summary="Whether the centre answers")
    def health() -> dict[str, str | int]:
        """The centre's name, and that it can take requests.

        It is *degraded* while a thread that carries payouts or news meets faults.
        """
        down = centre.rounds.down_count
        how = "degraded" if down else "up"
        return {"name": centre.settings.name, "status": how, "carriers_down": down}

    @found.get(
        "/metrics",
        tags=["status"],
        summary="How the threads that carry fare, for Prometheus",
        response_class=PlainTextResponse,
    )
    def read_metrics(token: Bearer = None) -> PlainTextResponse:
        """Rounds and faults of each thread. Needs a token of role auditor."""
        require_whole(require_caller(centre, token, (Role.AUDITOR,)).scope)
        return PlainTextResponse(metrics_text(centre), media_type=METRICS_TYPE)

    @found.get("/status", tags=["status"], summary="Counts and high waters")
    def read_status(token: Bearer = None) -> dict[str, Any]:
        """Counts, high waters and what is set aside. Needs a token of role auditor."""
        require_whole(require_caller(centre, token, (Role.AUDITOR,)).scope)
        return status(centre)
