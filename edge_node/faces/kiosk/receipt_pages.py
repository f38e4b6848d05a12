"""Receipts on paper, and whether a receipt is true: the pages of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from core.signing import Verifier
from core.units import civil_date
from core.wire.slips import Slip, Vouch
from edge_node.decide import receipts
from edge_node.decide.receipts import Checked, ReceiptError
from edge_node.faces.kiosk.front import COOKIE, Front
from edge_node.faces.kiosk.interface import CSRF_HEADER
from edge_node.faces.kiosk.printing import escpos, print_to, unpack_dots
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import Said, amount, says, unspoken, value
from edge_node.faces.kiosk.visited import Visited

Text = Annotated[str, Form()]


@dataclass(frozen=True, slots=True)
class Paper:
    """What receipts are held against and printed on; no device: the browser prints."""

    centre: Verifier
    own: Vouch
    device: Path | None = None


FALSE = "This is not a receipt of a station of this lender, or it was altered."
HOW = "Hold the square on the receipt to the camera or the reader. No connection is needed."


def receipt_pages(front: Front, rendering: Rendering, paper: Paper) -> APIRouter:
    """The routes of these pages."""
    acts, router = _ReceiptPages(front, rendering, paper), APIRouter()
    for method, path, act in (
        ("POST", "/receipt/{draw_id}/print", acts.print),
        ("GET", "/verify", acts.asking),
        ("POST", "/verify", acts.verify),
        ("POST", "/api/v1/kiosk/verify", acts.verify_json),
    ):
        router.add_api_route(path, act, methods=[method], response_model=None)
    return router


class _ReceiptPages(Visited):
    """What each page does."""

    def __init__(self, front: Front, rendering: Rendering, paper: Paper) -> None:
        super().__init__(front, rendering)
        self._paper = paper

    async def print(self, request: Request, draw_id: str) -> Response:
        csrf = request.headers.get(CSRF_HEADER, "")
        visit = self._visits.require_form(request.cookies.get(COOKIE), csrf, helper_may=True)
        self._teller.draw(visit.farmer_id, draw_id)
        if self._paper.device is None:
            return JSONResponse({"printed": False})
        data = escpos(unpack_dots(await request.body()))
        await run_in_threadpool(print_to, self._paper.device, data)
        return JSONResponse({"printed": True})

    def asking(self, lang: str = "en") -> HTMLResponse:
        return self._rendering.page(
            "verify.html", lang, checked=None, problem=False, said=(), more=_asks()
        )

    def verify(self, code: Text, language: Text = "en") -> HTMLResponse:
        try:
            checked = self._checked(code)
        except ReceiptError:
            return self._rendering.page(
                "verify.html", language, checked=None, problem=True, said=[says(FALSE)],
                more=_asks(),
            )  # fmt: skip
        return self._rendering.page(
            "verify.html", language, checked=checked, problem=False,
            said=_of_slip(checked.slip), more=[unspoken()],
        )  # fmt: skip

    def verify_json(self, code: Text) -> dict[str, object]:
        checked = self._checked(code)
        slip = checked.slip
        return {
            "true": True, "station": slip.station, "id": slip.id, "on": slip.on,
            "currency": slip.currency, "amount_minor": slip.amount_minor,
            "total_minor": slip.total_minor, "due_on": slip.due_on, "state": checked.state,
        }  # fmt: skip

    def _checked(self, code: str) -> Checked:
        keys = (self._paper.centre, self._paper.own)
        return self._teller.act(lambda db, _desk, _clock: receipts.check(db, code, keys))


def _asks() -> list[Said]:
    return [says("Is this receipt true?"), says(HOW)]


def _of_slip(slip: Slip) -> list[Said]:
    """That it is true, over what sum; station, day and names stand on the screen alone."""
    due_on = civil_date(slip.due_on)
    return [
        *(says("This receipt is true"), amount(slip.amount_minor, slip.currency)),
        *(says("You pay back"), amount(slip.total_minor, slip.currency)),
        *(says("Due on"), value(due_on or "")),
    ]
