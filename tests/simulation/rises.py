"""Invariants 6 and 8: a limit rises by as many sources as its product asks for, each of them real.

What an agent told is read from the trail here, and held against the rule's words in
docs/limits.md#two-sources, not against the rule's own code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from core.lending.limit import Movement
from core.lending.product import Product
from core.reasons import ReasonCode
from core.units import civil_day
from server.store import products
from server.store.engine import Tx
from tests.simulation.village import PRODUCT, UTC_OFFSET_MS
from tests.simulation.visits import ALLOWS

PPM_A_PERCENT = 10_000
_VISITS = (
    "SELECT detail, at_ms FROM audit WHERE object_kind = 'subject' AND object_id = ?"
    " AND action = 'field_visited' AND at_ms <= ? ORDER BY seq"
)
_SHOWN = "SELECT stage_observed_on FROM evidence WHERE evidence_id = ?"
_ALLOWED = """
SELECT count(*) FROM consents g JOIN lines l ON l.farmer_id = g.farmer_id
WHERE l.line_id = :line_id AND g.consent_id IN (SELECT value FROM json_each(:cited))
  AND g.action = 'grant' AND EXISTS (SELECT 1 FROM json_each(g.purposes) WHERE value = :what)
  AND NOT EXISTS (
    SELECT 1 FROM consents w WHERE w.farmer_id = g.farmer_id AND w.action = 'withdraw'
      AND w.writer = g.writer AND w.at_ms > g.at_ms AND w.received_at_ms < :at_ms
      AND EXISTS (SELECT 1 FROM json_each(w.purposes) WHERE value = :what))
"""

Row = Mapping[str, Any]


def faults_of_rises(tx: Tx, moved: Sequence[Row]) -> Iterator[str]:
    """What is wrong with the sources of movements that are new."""
    if not moved:
        return
    product = products.newest(tx, PRODUCT)  # no later version here asks for more or fewer
    asked = product.movement.raise_sources_min or 1
    for row in moved:
        if asked == 1 and _waits(row):
            yield f"6: {row['line_id']} waits for a second source that nobody asks for"
        if asked > 1 and row["movement"] == Movement.RAISED.value:
            yield from _without_second(tx, product, row)


def _waits(row: Row) -> bool:
    codes = [each["code"] for each in json.loads(row["reasons"])]
    return ReasonCode.LIMIT_SECOND_SOURCE.value in codes


def _without_second(tx: Tx, product: Product, row: Row) -> Iterator[str]:
    plots = [each for each in json.loads(row["views"]) if "plot_id" in each]
    for plot in plots:
        against = _against(tx, product, row, plot)
        if against:
            yield f"6: {row['line_id']} rose, though {against}"
    told = {"line_id": row["line_id"], "cited": row["consent_ids"], "what": ALLOWS}
    question = (_ALLOWED, told | {"at_ms": row["at_ms"]})
    if not tx.connection.exec_driver_sql(*question).scalar():
        yield f"8: {row['line_id']} rose by what agents saw, which its farmer does not allow"


def _against(tx: Tx, product: Product, row: Row, plot: Row) -> str:
    """Why what is known of a plot is not known twice; nothing if it is."""
    on = civil_day(row["at_ms"], UTC_OFFSET_MS)
    last = _last(tx, plot["plot_id"], row["at_ms"], on)
    visit = next((each for each in last if each["visit_id"] == plot.get("visit_id")), None)
    if visit is None:
        known = [each["visit_id"] for each in last] or "nobody"
        return f"{plot['plot_id']} rests on visit {plot.get('visit_id')}, {known} was there last"
    age_days = (on - date.fromisoformat(visit["on"])).days
    if age_days > product.movement.fresh_days_max:
        return f"the visit of {plot['plot_id']} was {age_days} days ago"
    if visit["damage_percent"] * PPM_A_PERCENT >= max(1, product.movement.change_min_ppm):
        return f"{visit['damage_percent']} % of {plot['plot_id']} were lost"
    stages = [each.stage for each in product.stages]
    shown_on = tx.connection.exec_driver_sql(_SHOWN, (plot["evidence_id"],)).scalar()
    earlier = visit["stage"] and stages.index(visit["stage"]) < stages.index(plot["stage"])
    if earlier and shown_on and shown_on <= visit["on"]:
        return f"{plot['plot_id']} was at {visit['stage']} when pictures showed {plot['stage']}"
    return ""


def _last(tx: Tx, plot_id: str, at_ms: int, on: date) -> list[dict[str, Any]]:
    """The last visit up to a day whose agent told something of the crop, as it was known then.

    Of visits that came in the same moment as the movement, any number may have come before it.
    """
    found: list[dict[str, Any]] = []
    newest: dict[str, Any] = {}
    for detail, came_ms in tx.connection.exec_driver_sql(_VISITS, (plot_id, at_ms)):
        told = json.loads(detail)
        if (told["stage"] or told["damage_told"]) and told["on"] <= on.isoformat():
            newest = max((newest, told), key=_place) if newest else told
        found = [newest] if came_ms < at_ms else [*found, newest]
    return [each for each in found if each]


def _place(visit: Mapping[str, Any]) -> tuple[str, str]:
    return visit["on"], visit["visit_id"]
