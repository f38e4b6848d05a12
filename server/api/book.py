"""``/api/v1/lines``: how one line stands, and its statement as of any past day."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from core.shape import encode
from core.units import civil_date, civil_day
from server.api.bearer import Bearer
from server.api.cursors import answered
from server.api.lists import READERS, looked
from server.api.shapes import DAY, Told
from server.services.access import reading, require_caller
from server.services.agreements import state_of_line
from server.services.centre import MS_PER_MINUTE, Centre, RequestError
from server.services.consents.looks import note
from server.services.standing import standing, zone_minutes
from server.services.statements import statement
from server.store import lines
from server.store.engine import Tx
from server.store.lines import Line

_Day = Annotated[str | None, Query(pattern=DAY)]


class LineTold(Told):
    """How a line stands today [minor units]."""

    line_id: str
    farmer_id: str
    product_id: str
    currency: str
    state: str
    limit_minor: int
    outstanding_minor: int
    pending_minor: int
    leased_minor: int
    headroom_minor: int
    owed: dict[str, int]
    due_on: str
    is_open: bool
    frozen: bool
    as_of: str


class StatementTold(Told):
    """A line as of a day, by what was known on another [minor units]."""

    line_id: str
    currency: str
    on: str
    known_on: str
    rows: list[dict[str, Any]]
    rows_left_out: int
    owed: dict[str, int]
    late_minor: int
    late_days: int
    surplus_minor: int
    rebate_minor: int
    ahead: list[dict[str, Any]]


def add_book(found: APIRouter, centre: Centre) -> None:
    """Add the endpoints."""

    @found.get(
        "/lines/{line_id}", tags=["book"], summary="How a line stands",
        responses={200: {"description": "Today", "model": LineTold},
                   304: {"description": "As before"}},
    )  # fmt: skip
    def line(request: Request, line_id: str, token: Bearer = None) -> Response:
        """Limit, what is owed, leased and free, today. For role integrator or auditor."""
        caller = require_caller(centre, token, READERS)
        with reading(centre, caller.scope) as tx:
            found_line = lines.get(tx, line_id)
            today = _today(centre, tx, found_line)
            stands = _standing(tx, found_line, today)
        note(centre, looked(caller, "lines"), found_line.farmer_id)
        return answered(request, stands)

    @found.get(
        "/lines/{line_id}/statement", tags=["book"], summary="A line's statement",
        responses={200: {"description": "The statement", "model": StatementTold},
                   304: {"description": "As before"}},
    )  # fmt: skip
    def read_statement(
        request: Request, line_id: str, token: Bearer = None, on: _Day = None,
        known_on: _Day = None,
    ) -> Response:  # fmt: skip
        """Every fact and what was owed after it, as of a day and as known on another.

        Both are today if they are left out. For role integrator or auditor.
        """
        caller = require_caller(centre, token, READERS)
        with reading(centre, caller.scope) as tx:
            found_line = lines.get(tx, line_id)
            today = _today(centre, tx, found_line)
            known = _day(known_on, today, "known_on")
            told = statement(tx, found_line, _day(on, today, "on"), known)
        note(centre, looked(caller, "statement"), found_line.farmer_id)
        return answered(request, _plain(encode(told)))


def _today(centre: Centre, tx: Tx, line: Line) -> date:
    return civil_day(centre.now_ms(), zone_minutes(tx, line.farmer_id) * MS_PER_MINUTE)


def _day(text: str | None, today: date, name: str) -> date:
    found = today if text is None else civil_date(text)
    if found is None:
        raise RequestError(f"{name}: expected a day as YYYY-MM-DD, got {str(text)[:40]!r}")
    return found


def _standing(tx: Tx, line: Line, today: date) -> dict[str, Any]:
    stands = standing(tx, line, today)
    return {
        "line_id": line.line_id,
        "farmer_id": line.farmer_id,
        "product_id": line.product_id,
        "currency": line.currency,
        "state": state_of_line(tx, line).value,
        "limit_minor": line.limit_minor,
        "outstanding_minor": stands.outstanding_minor,
        "pending_minor": stands.pending_minor,
        "leased_minor": stands.leased_minor,
        "headroom_minor": stands.headroom_minor,
        "owed": _plain(encode(stands.owed)),
        "due_on": line.due_on,
        "is_open": line.is_open,
        "frozen": line.frozen,
        "as_of": today.isoformat(),
    }


def _plain(value: Any) -> Any:
    """A value with its dates as text."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value
