"""The kiosk's question in which months money comes in, where a product takes a farmer's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from edge_node.faces.kiosk.front import COOKIE, Front
from edge_node.faces.kiosk.number_words import Month, NextDay
from edge_node.faces.kiosk.own_months import (
    MOST,
    NONE,
    QUESTION,
    fitting,
    months_to_come,
    told_months,
    touched,
)
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import Said, says
from edge_node.faces.kiosk.visited import Visited, go
from edge_node.faces.kiosk.words import MONTHS, Words

Chosen = Annotated[tuple[str, ...], Query()]


def month_pages(front: Front, rendering: Rendering) -> APIRouter:
    """The routes of the question."""
    router = APIRouter()
    router.add_api_route(
        "/apply/{product_id}/months", _MonthPages(front, rendering).months, response_model=None
    )
    return router


def months_path(product_id: str, amount_minor: int, chosen: Iterable[int]) -> str:
    """The address of the question with months that were chosen."""
    months = "".join(f"&cash={each}" for each in chosen)
    return f"/apply/{quote(product_id, safe='')}/months?amount={amount_minor}{months}"


class _MonthPages(Visited):
    """What the page does."""

    def months(
        self, request: Request, product_id: str, amount: int, cash: Chosen = (), touch: int = 0
    ) -> Response:
        visit = self._visits.require_own(request.cookies.get(COOKIE))
        possible = self._possible(visit, product_id)
        bounds, today = possible.product.own_cash, self._teller.today()
        if bounds is None:
            return go(f"/apply/{product_id}/consent?amount={amount}")
        found = touched(possible.product, told_months(cash), touch, today)
        words = self._teller.words(visit.language)
        asked = [says(QUESTION), says(MOST, count=bounds.months_max), says(NONE)]
        return self._page(
            "months.html", visit, possible=possible, amount_minor=max(0, amount), found=found,
            bounds=bounds, names=MONTHS, to_come=months_to_come(possible.product, today),
            refused=_written(words, found.refused),
            fits=fitting(possible.product, found.chosen, today).refused is None,
            said=found.said or asked, more=asked if found.said else (),
        )  # fmt: skip


def _written(words: Words, said: Said | None) -> str:
    """A sentence as it stands on the screen."""
    if said is None:
        return ""
    params = {}
    for name, spoken in said.params.items():
        if isinstance(spoken, Month):
            params[name] = words.say(MONTHS[spoken.number - 1])
        elif isinstance(spoken, NextDay):
            params[name] = Rendering.day(words, spoken.day.isoformat())
        else:
            params[name] = str(spoken)
    return words.say(said.message, **params)
