"""Farmers who bring the months in which they have money, and what must follow from them.

What is due, when, and what of it is late is reckoned here from the months and the draws alone, by
the words of docs/schedules.md, and held against what the lender tells.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

from core.lending.relief import planned
from core.lending.terms import CashMonth
from core.units import civil_day
from server.services.standing import account_of, facts_of, relief_of, terms_of
from server.store import lines
from server.store.engine import Tx
from tests.simulation.village import OWN_MONTHS, product
from tests.simulation.world import World

Months = tuple[CashMonth, ...]
FIT: tuple[Months, ...] = (
    (CashMonth(6, 1), CashMonth(8, 2)),
    (CashMonth(5, 1), CashMonth(7, 1), CashMonth(9, 2)),
    (CashMonth(7, 1),),
    (CashMonth(1, 3), CashMonth(9, 1)),
)
UNFIT: tuple[Months, ...] = (
    (CashMonth(6, 1), CashMonth(9, 30)),  # a thirtieth in June
    (CashMonth(1, 1),),  # eight months before the season's due date
    (CashMonth(4, 1), CashMonth(5, 1), CashMonth(6, 1), CashMonth(7, 1)),
)
AHEAD_DAYS = (0, 60, 150)  # on which it is looked what will be late, if nobody pays
BEYOND = "HL-EDGE-011"  # a request that contradicts what is registered
BROUGHT, TOO_FAR = "own months: brought", "own months: beyond bounds"
_SIMPLE = """
SELECT line_id, cash, due_on FROM lines l WHERE cash != '' AND NOT EXISTS (
    SELECT 1 FROM agreement_steps s WHERE s.agreement_id = l.application_id
    AND s.event IN ('grant_relief', 'restructure', 'withdraw', 'write_off'))
ORDER BY line_id
"""
_DRAWN = "SELECT effective_on, amount_minor FROM drawdowns WHERE line_id = ? AND state = 'posted'"
_REPAID = """
SELECT coalesce(-sum(l.amount_minor), 0) FROM ledger_lines l
JOIN ledger_entries e ON e.entry_id = l.entry_id
WHERE l.account = 'loan/principal/' || ? AND e.kind != 'drawdown'
"""


def brought(world: World) -> Months | None:
    """The months that somebody brings along, where the product takes any; some do not fit."""
    if world.repaid != OWN_MONTHS or world.chance.random() < 0.1:
        return None
    return world.chance.choice(FIT + UNFIT)


def weighed(world: World, months: Months | None, said: str) -> str:
    """What came of an application with its months: what does not fit is refused by number."""
    if months is None:
        return said
    refused = said.startswith("HL-EDGE-")
    assert refused or months not in UNFIT, f"7: {months} were taken beyond the bounds: {said}"
    if not refused or (months in UNFIT and said.startswith(BEYOND)):
        world.befell[BROUGHT if months in FIT else TOO_FAR] += 1
    return f"{said} in " + " ".join(f"{each.month}={each.weight}" for each in months)


def faults_of_months(world: World, tx: Tx) -> Iterator[str]:
    """Invariant 7: a line is asked for in its farmer's own months, and late by them alone."""
    if world.repaid != OWN_MONTHS:
        return
    today = civil_day(world.now_ms)
    for line_id, cash, due_on in tx.connection.exec_driver_sql(_SIMPLE).all():
        months = {each["month"]: each["weight"] for each in json.loads(cash)}
        last = _last(date.fromisoformat(product(OWN_MONTHS).due_on), months)
        if due_on != last.isoformat():
            yield f"7: {line_id} is due on {due_on}, its farmer's months end on {last}"
            continue
        wanted, count = Counter[date](), 0
        for on, amount_minor in tx.connection.exec_driver_sql(_DRAWN, (line_id,)):
            wanted.update(_parts(amount_minor, date.fromisoformat(on), last, months))
            count += 1
        yield from _asked(tx, line_id, (wanted, count), today)


def _asked(tx: Tx, line_id: str, reckoned: tuple[Counter[date], int], today: date) -> Iterator[str]:
    wanted, count = reckoned
    line = lines.get(tx, line_id)
    facts = facts_of(tx, line)
    dues = planned(terms_of(tx, line), facts, relief_of(tx, line))
    found = Counter({each.on: each.principal_minor for each in dues})
    for on in wanted.keys() | {each for each, minor in found.items() if minor}:
        if abs(wanted[on] - found[on]) > count:  # each draw's parts are rounded by themselves
            yield f"7: {found[on]} of {line_id} are asked on {on}, by its months {wanted[on]}"
    repaid = tx.connection.exec_driver_sql(_REPAID, (line_id,)).scalar() or 0
    for days in AHEAD_DAYS:
        on = today + timedelta(days=days)
        passed = [minor for day, minor in wanted.items() if day <= on]
        account = account_of(tx, line, on)
        # The plan's interest is that of who pays on its days; who paid before owes less.
        told = sum(each.interest_minor + each.fee_minor for each in dues if each.on <= on)
        beside = max(told, account.owed.total_minor - account.owed.principal_minor)
        least = max(0, sum(passed) - repaid - count)
        most = max(0, sum(passed) - repaid) + count + beside if passed else 0
        if not least <= account.late_minor <= most:
            yield (
                f"7: {account.late_minor} of {line_id} are late on {on}, by its months and what "
                f"was repaid {least} to {most}"
            )


def _last(due_on: date, months: dict[int, int]) -> date:
    """The last day of the farmer's months that is not after the season's due date."""
    days = [date(year, month, due_on.day) for month in months for year in _years(due_on)]
    return max(day for day in days if day <= due_on)


def _parts(amount_minor: int, on: date, last: date, months: dict[int, int]) -> dict[date, int]:
    """What a draw asks for on each day that is left [minor units], to the unit or so."""
    days = sorted(
        day for month in months for year in _years(last)
        if on < (day := date(year, month, last.day)) <= last
    )  # fmt: skip
    if not days:
        return {on: amount_minor}  # drawn by a wrong clock: at once
    whole = sum(months[day.month] for day in days)
    return {day: round(Fraction(amount_minor * months[day.month], whole)) for day in days}


def _years(around: date) -> range:
    return range(around.year - 5, around.year + 1)
