"""Invariants 1, 3 and 6 where it is lent on stored grain: what counts is there, dry, and once.

What a store carries is reckoned here from its tickets, the silo's days and the day's price, by
the words of docs/limits.md and docs/products.md, and held against what the lender wrote down.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from core.lending.limit import Movement
from core.units import PPM, civil_day
from core.wire.personal_data import DataClass
from server.services.consents.using import consents_to_decide
from server.services.weighing import Sale, Ticket
from server.store import lines, products
from server.store.engine import Tx
from server.store.lines import Line
from tests.simulation.village import PRODUCT, STORE_OF, UTC_OFFSET_MS
from tests.simulation.world import World

LEVEL, HUMIDITY = "store_level_kg", "relative_humidity_ppm"
WEEK_DAYS = 7
_TICKETS = "SELECT receipt_id, subject_id, way, kg, effective_on, at_ms FROM store_receipts"
_DAYS = (
    "SELECT feature, day, value, coverage_ppm FROM daily_features"
    " WHERE subject_id = ? AND day BETWEEN ? AND ? ORDER BY day"
)
_NEWEST = "SELECT max(day) FROM daily_features WHERE subject_id = ? AND feature = ? AND day <= ?"
_IN_FORCE = """
SELECT max(limit_minor) FROM movements WHERE line_id = :line_id AND (at_ms = :at_ms OR seq = (
    SELECT max(seq) FROM movements WHERE line_id = :line_id AND at_ms < :at_ms))
"""

Row = Mapping[str, Any]


@dataclass
class Barn:
    """One store: what truly lies there [kg], up to which day its silo spoke, what was weighed."""

    told_upto: date
    level_kg: int = 0
    humidity_ppm: int = 650_000
    tickets: dict[str, tuple[Ticket, Sale | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Carried:
    """What is known of a store: what it carries [minor units], and how well it was seen."""

    collateral_minor: int
    coverage_ppm: int


def faults_of_stock(world: World, tx: Tx, moved: Sequence[Row]) -> Iterator[str]:
    """Each ticket stands once, as it was brought; each limit rests on what is stored."""
    brought = {name: told for barn in world.barns.values() for name, told in barn.tickets.items()}
    for name, store, way, kg, on, _ in tx.connection.exec_driver_sql(_TICKETS):
        ticket = brought[name][0] if name in brought else None
        found = ticket and (ticket.subject_id, ticket.way.value, ticket.kg, ticket.effective_on)
        if found != (store, way, kg, on):
            yield f"3: ticket {name} says {way} {kg} of {store} on {on}, brought was {found}"
    newest = {row["line_id"]: row for row in moved}  # of one moment, the last rests on all of it
    for row in newest.values():
        told = json.loads(row["terms"]).get("collateral_minor")
        if told is not None and row["movement"] != Movement.OPENED.value:
            yield from _as_reckoned(tx, row, told)


def _as_reckoned(tx: Tx, row: Row, told_minor: int) -> Iterator[str]:
    line, receipt = lines.get(tx, row["line_id"]), products.newest(tx, PRODUCT).receipt
    assert receipt is not None
    on = civil_day(row["at_ms"], UTC_OFFSET_MS)
    known = carried(
        tx, STORE_OF[line.farmer_id], (on, date.fromisoformat(row["as_of"])), row["at_ms"]
    )
    if told_minor != known.collateral_minor:
        yield (
            f"1: {line.line_id} is lent on {told_minor} by {row['movement']} on {on}, its store "
            f"carries {known.collateral_minor}"
        )
    if known.coverage_ppm < receipt.coverage_ppm_min:
        yield f"6: {line.line_id} moved by a silo seen {known.coverage_ppm} ppm of its week"
    if row["movement"] == Movement.RAISED.value and row["limit_minor"] > known.collateral_minor:
        yield f"1: {line.line_id} rose to {row['limit_minor']} above {known.collateral_minor}"


def carried(tx: Tx, store: str, days: tuple[date, date], at_ms: int) -> Carried:
    """What a store carried on a day by the look of another, as it was known at a moment."""
    on, as_of = days
    kg = sum(
        each.kg if each.way == "in" else -each.kg
        for each in tx.connection.exec_driver_sql(_TICKETS)
        if each.subject_id == store and each.effective_on <= str(on) and each.at_ms <= at_ms
    )
    product = products.newest(tx, PRODUCT).on(on)
    terms, price = product.receipt, product.price
    assert terms is not None
    assert price is not None
    span = (store, str(as_of - timedelta(days=WEEK_DAYS - 1)), str(as_of))
    told = tx.connection.exec_driver_sql(_DAYS, span).all()
    levels = [each.value for each in told if each.feature == LEVEL]
    damp = [each.value for each in told if each.feature == HUMIDITY]
    covered = min(
        sum(each.coverage_ppm for each in told if each.feature == name) // WEEK_DAYS
        for name in (LEVEL, HUMIDITY)
    )
    there_kg = max(0, min(kg, levels[-1] if levels else 0))
    mean_ppm = round(Fraction(sum(damp), len(damp))) if damp else 0
    wide = terms.humidity_ppm_max - terms.humidity_ppm_safe
    dry_ppm = min(max(terms.humidity_ppm_max - mean_ppm, 0), wide) * PPM // wide
    worth = Fraction(price.price_minor_per_kg * there_kg)
    lost_ppm = (price.price_haircut_ppm, price.post_harvest_loss_ppm)
    for kept_ppm in (*(PPM - each for each in lost_ppm), terms.advance_ppm, dry_ppm):
        worth *= Fraction(kept_ppm, PPM)
    return Carried(int(worth), covered)


def faults_of_advance(tx: Tx, lease: Row) -> Iterator[str]:
    """Invariant 1: a lease that is new is within what the store carried when it was signed."""
    told = {"line_id": lease["line_id"], "at_ms": lease["signed_at_ms"]}
    limit = tx.connection.exec_driver_sql(_IN_FORCE, told).scalar() or 0
    out = sum(lease[f"{which}_at_signing_minor"] for which in ("posted", "pending", "leased"))
    if lease["amount_minor"] > 0 and out + lease["amount_minor"] > limit:
        yield (
            f"1: lease {lease['lease_id']} of {lease['amount_minor']} was signed with {out} out, "
            f"what {lease['line_id']} rests on carried {limit}"
        )


def uncovered(tx: Tx, line: Line, store: str, at_ms: int) -> str:
    """Invariant 1: why a line may be drawn on though grain has left its store; nothing if not."""
    on = civil_day(at_ms, UTC_OFFSET_MS)
    newest = tx.connection.exec_driver_sql(_NEWEST, (store, LEVEL, str(on))).scalar()
    product = products.newest(tx, PRODUCT)
    rule, receipt = product.movement, product.receipt
    assert receipt is not None
    if newest is None or DataClass.TELEMETRY not in consents_to_decide(tx, line.farmer_id):
        return ""
    last = date.fromisoformat(newest)
    looked_on = last - timedelta(days=last.isoweekday() % WEEK_DAYS)
    if str(looked_on) < line.reviewed_as_of or (on - last).days > rule.fresh_days_max:
        return ""
    known = carried(tx, store, (on, looked_on), at_ms)
    if known.coverage_ppm < receipt.coverage_ppm_min:
        return ""
    unit = product.credit.rounding_unit_minor
    above = line.limit_minor - known.collateral_minor // unit * unit
    if above * PPM < max(1, line.limit_minor * rule.change_min_ppm):
        return ""
    return f"1: {line.line_id} may be drawn to {line.limit_minor}, {known.collateral_minor} is left"
