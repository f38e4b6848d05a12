"""What a lender's own programs read a page at a time: lines, draws, repayments and the like.

Each list is a table's rows with the columns that are named here; personal data are none of
them, farmers stand by their ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from core.wire.personal_data import DataClass, Purpose
from server.api.bearer import Bearer
from server.api.cursors import LIMIT, Cursor, Limit, Listed, paged
from server.api.shapes import PRINTABLE, Told
from server.services.access import Caller, reading, require_caller
from server.services.centre import Centre
from server.services.consents.looks import API, Look, note_list
from server.store import listing
from server.store.people import Role
from server.store.rows import from_json

READERS = (Role.INTEGRATOR, Role.AUDITOR)
# Name of the list: what it is, the columns that are shown, those that it may be held to.
LISTS: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "lines": ("Lines", (
        "line_id", "farmer_id", "product_id", "application_id", "station", "currency",
        "limit_minor", "due_on", "opened_on", "frozen", "watch", "is_open", "cash",
    ), ("farmer_id", "product_id", "station")),
    "draws": ("Drawdowns", (
        "draw_id", "line_id", "lease_id", "state", "amount_minor", "fee_minor", "currency",
        "apr_ppm", "effective_on", "writer", "order_id", "supplier", "flag",
    ), ("line_id",)),
    "repayments": ("Repayments", (
        "repayment_id", "line_id", "amount_minor", "currency", "effective_on", "fee_minor",
        "interest_minor", "principal_minor", "surplus_minor", "at_ms",
    ), ("line_id",)),
    "applications": ("Applications", (
        "application_id", "farmer_id", "product_id", "subject_ids", "asked_minor", "currency",
        "cash", "writer", "at_ms",
    ), ("farmer_id", "product_id")),
    "stations": ("Stations", (
        "name", "key_id", "enrolled_at_ms", "seen_at_ms", "clock_offset_ms",
    ), ()),
    "partners": ("Suppliers and buyers", (
        "partner_id", "kind", "name", "registered_at_ms", "closed_at_ms",
    ), ("kind",)),
    "payouts": ("Payouts", (
        "payout_id", "draw_id", "line_id", "payee_kind", "payee_id", "currency", "amount_minor",
        "effective_on", "state", "attempt", "rail", "reference",
    ), ("line_id", "state")),
}  # fmt: skip
MOVED = (
    "line_id", "seq", "movement_id", "movement", "as_of", "at_ms", "limit_before_minor",
    "limit_minor", "outstanding_minor", "leased_unspent_minor", "terms", "reasons",
    "evidence_ids", "policy_version",
)  # fmt: skip
_JSON = ("subject_ids", "terms", "reasons", "evidence_ids")
_FLAGS = ("frozen", "watch", "is_open")
_Held = Annotated[str | None, Query(min_length=1, max_length=64, pattern=PRINTABLE)]


class Page(Told):
    """A page of a list; ``next`` is the cursor of the page after it, absent on the last."""

    items: list[dict[str, Any]]
    next: str | None = None


PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page", "model": Page},
    304: {"description": "As before"},
}


def add_lists(found: APIRouter, centre: Centre) -> None:
    """Add one endpoint for each list, and the history of a line's limit."""
    for name in LISTS:
        _add_list(found, centre, name)
    _add_movements(found, centre)


def _add_list(found: APIRouter, centre: Centre, name: str) -> None:
    summary, shown, filters = LISTS[name]

    def rows(
        request: Request, token: Bearer = None, cursor: Cursor = None, limit: Limit = LIMIT
    ) -> Response:
        caller = require_caller(centre, token, READERS)
        asked = {key: request.query_params[key] for key in filters if key in request.query_params}
        return _page(centre, caller, (request, name, shown), asked, (cursor, limit))

    rows.__doc__ = (
        f"{summary}, by {' and '.join(listing.key_of(name))}. For role integrator or auditor."
    )
    found.add_api_route(
        f"/{name}", rows, methods=["GET"], tags=["book"], summary=summary, responses=PAGE,
        operation_id=f"list_{name}", openapi_extra={"parameters": [_held(key) for key in filters]},
    )  # fmt: skip


def _held(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": PRINTABLE}
    return {"name": name, "in": "query", "required": False, "schema": schema,
            "description": f"Only those of this {name}"}  # fmt: skip


def _add_movements(found: APIRouter, centre: Centre) -> None:
    @found.get(
        "/lines/{line_id}/movements", tags=["book"], summary="A limit's history", responses=PAGE
    )
    def movements(
        request: Request, line_id: str, token: Bearer = None, cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Response:  # fmt: skip
        """Each movement of a line's limit with its terms, reasons and evidence, oldest first."""
        caller = require_caller(centre, token, READERS)
        told = (request, "movements", MOVED)
        return _page(centre, caller, told, {"line_id": line_id}, (cursor, limit))


def looked(caller: Caller, shown: str) -> Look:
    """What is written down of a look at people's accounts through the API."""
    return Look(caller.actor, Purpose.SERVICING, (DataClass.MONEY,), API, shown)


def _page(
    centre: Centre,
    caller: Caller,
    told: tuple[Request, str, tuple[str, ...]],
    asked: Mapping[str, str],
    place: tuple[str | None, int],
) -> Response:
    (request, name, shown), (cursor, limit) = told, place
    listed = Listed(name, dict(asked), listing.key_of(name))
    with reading(centre, caller.scope) as tx:
        rows = listing.page(tx, name, listed.after(cursor), limit + 1, **asked)
    note_list(centre, looked(caller, name), [row.get("farmer_id", "") for row in rows[:limit]])
    return paged(request, listed, rows, limit, lambda row: _shown(row, shown))


def _shown(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _value(name, row[name]) for name in names if row[name] is not None}


def _value(name: str, value: Any) -> Any:
    if name == "cash":  # a farmer's own months; without any they repay by the product's plan
        return from_json(value) if value else []
    if name in _JSON:
        return from_json(value)
    return bool(value) if name in _FLAGS else value
