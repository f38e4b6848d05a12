"""What every page of the kiosk needs: whose visit it is, a form's token, a page in their words."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from core.reasons import Reason
from edge_node.decide.desk import RequestError
from edge_node.faces.kiosk.front import COOKIE, Front
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import of_reason, says
from edge_node.faces.kiosk.standing import Possible
from edge_node.faces.kiosk.teller import Agreement
from edge_node.faces.kiosk.visits import Visit

SEE_OTHER = 303


class Visited:
    """Pages of one front, shown in one rendering."""

    def __init__(self, front: Front, rendering: Rendering) -> None:
        self._front, self._teller, self._visits = front, front.teller, front.visits
        self._rendering = rendering

    def _visit(self, request: Request) -> Visit:
        return self._visits.current(request.cookies.get(COOKIE))

    def _form(self, request: Request, csrf: str, *, helper_may: bool = False) -> Visit:
        cookie = request.cookies.get(COOKIE)
        return self._visits.require_form(cookie, csrf, helper_may=helper_may)

    def _agreed(
        self, visit: Visit, shown: str, told: tuple[str, str], purposes: tuple[str, ...] = ()
    ) -> Agreement:
        """What a farmer agreed to: ``told`` are the form's marks of help and of the voice."""
        helped, spoken = told
        return Agreement(
            shown_sha256=shown,
            purposes=purposes,
            language=visit.language,
            helped=bool(helped) or visit.helped,
            spoken=spoken == "yes",
            helped_by=visit.helped_by,
        )

    def _possible(self, visit: Visit, product_id: str) -> Possible:
        """A product that the farmer may apply for.

        Raises
        ------
        RequestError
            If it is none of those.
        """
        for one in self._teller.standing(visit.farmer_id).possible:
            if one.product.product_id == product_id:
                return one
        raise RequestError("expected a product that you may apply for: go back to the first page")

    def _page(self, template: str, visit: Visit, **shown: Any) -> HTMLResponse:
        return self._rendering.page(template, visit.language, visit=visit, **shown)

    def _refused(self, visit: Visit, reason: Reason, back: str) -> HTMLResponse:
        sentence = self._teller.words(visit.language).reason(reason)
        return self._page(
            "refused.html",
            visit,
            sentence=sentence,
            back=back,
            said=[says("Not now"), of_reason(reason)],
        )


def go(path: str) -> RedirectResponse:
    """Show another page after a form was taken."""
    return RedirectResponse(path, SEE_OTHER)
