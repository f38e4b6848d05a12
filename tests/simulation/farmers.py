"""What farmers do at a kiosk and at the till: apply, draw, repay, leave, take consent back."""

from __future__ import annotations

from datetime import date, timedelta

from server.services.posting import RepaymentRequest, take_repayment
from server.services.standing import owed
from server.store import lines
from server.store.lines import Line
from tests.simulation.own_months import brought, weighed
from tests.simulation.village import FARMERS, PURPOSES, READINGS, STORED, rests_on
from tests.simulation.visits import ALLOWS
from tests.simulation.world import STEP_MINOR, World
from tests.support.centre_kit import TESTER

_PLANNED = (
    "SELECT l.line_id, l.farmer_id FROM lines l JOIN new_plans p ON p.line_id = l.line_id"
    " WHERE p.open = 1 ORDER BY p.proposal_id"
)


def apply(world: World) -> str:
    """Somebody asks for a first line at a kiosk."""
    station, farmer = world.station(), world.chance.choice(FARMERS)
    asked = STEP_MINOR * world.chance.randrange(1, 120)
    if not station.knows(farmer):
        return f"{farmer} is not known at {station.name}"
    months = brought(world)
    wish = (rests_on(world.repaid, farmer), asked, months)
    said = station.apply(farmer, wish, world.now_ms, (*PURPOSES, *_reads(world)))
    return f"{farmer} {asked} " + weighed(world, months, said)


def draw(world: World) -> str:
    """Somebody draws on a line, and mostly stays until the payout."""
    known = [(station, *line) for station in world.alive for line in station.open_lines()]
    if not known:
        return "no line anywhere"
    station, line_id, farmer = world.chance.choice(known)
    amount = STEP_MINOR * world.chance.choice((1, 1, 5, 20, 60, 200))
    begun = station.draw(line_id, farmer, amount, world.now_ms)
    if isinstance(begun, str):
        return f"{station.name} {line_id} {amount} {begun}"
    if world.chance.random() < 0.8:
        station.confirm(begun.drawdown.draw_id, world.now_ms)
    return f"{station.name} {line_id} {amount} drawn"


def settle(world: World) -> str:
    """A draw that waits for its payout gets it, or is given up."""
    pending = [(each, draw) for each in world.alive for draw in each.pending()]
    if not pending:
        return "nothing pending"
    station, draw_id = world.chance.choice(pending)
    if world.chance.random() < 0.5:
        station.void(draw_id, world.now_ms)
        return f"{draw_id} voided"
    station.confirm(draw_id, world.now_ms)
    return f"{draw_id} posted"


def repay(world: World) -> str:
    """Somebody who owes pays a part, all, or more, as of a day; it is told twice."""
    day = world.civil_day()
    debts = [(line, debt) for line, debt in _debts(world, day) if debt > 0]
    if not debts:
        return "nobody owes"
    line, debt = world.chance.choice(debts)
    amount = round(debt * world.chance.choice((0.1, 0.5, 1.0, 1.0, 1.1)))
    sooner = timedelta(days=world.chance.choice((0, 0, 0, 2, 20)))
    return _pay(world, line, amount, day - sooner)


def repay_line(world: World, line_id: str) -> str:
    """A half or all of what is owed on one line is paid today."""
    day = world.civil_day()
    found = [(line, debt) for line, debt in _debts(world, day) if line.line_id == line_id]
    line, debt = found[0]
    if debt <= 0:
        return "nothing is owed"
    return _pay(world, line, debt // world.chance.choice((1, 1, 2)), day)


def _reads(world: World) -> tuple[str, ...]:
    """What is consented to besides, where it is lent on what a silo tells."""
    return (READINGS,) if world.repaid == STORED else ()


def _pay(world: World, line: Line, minor: int, day: date) -> str:
    amount, on = max(1, minor), max(day, date.fromisoformat(line.opened_on))
    asked = RepaymentRequest(world.mint(), line.line_id, amount, line.currency, on.isoformat())
    take_repayment(world.centre, asked, TESTER)
    _, new = take_repayment(world.centre, asked, TESTER)
    assert not new, "the same repayment counted twice"
    return f"{line.line_id} {amount} of {on}"


def leave(world: World) -> str:
    """Somebody ends an agreement at the station where they stand."""
    known = [(station, *line) for station in world.alive for line in station.open_lines()]
    if not known:
        return "no line anywhere"
    station, line_id, _ = world.chance.choice(known)
    return f"{station.name} {line_id} " + station.leave(line_id, world.now_ms)


def take_consent_back(world: World) -> str:
    """Somebody no longer consents to one of the purposes."""
    station, farmer = world.station(), world.chance.choice(FARMERS)
    if not station.knows(farmer):
        return f"{farmer} is not known at {station.name}"
    purpose = world.chance.choice(_reads(world) or (PURPOSES[-1], ALLOWS))
    said = station.take_consent_back(farmer, purpose, world.now_ms)
    return f"{farmer} {station.name} {said}"


def agree_to_plan(world: World) -> str:
    """Somebody whose line has a new plan proposed says yes to it where it is shown."""
    shown = [
        (station, *row)
        for station in world.alive
        for row in station.db.execute(_PLANNED).fetchall()
    ]
    if not shown:
        return "no plan anywhere"
    station, line_id, farmer = world.chance.choice(shown)
    said = station.agree_to_plan(farmer, line_id, world.now_ms)
    if said == "agreed":
        world.befell["farmers: agreed to a plan"] += 1
        world.speak(station)
    return f"{station.name} {line_id} {said}"


def _debts(world: World, day: date) -> list[tuple[Line, int]]:
    with world.looked_at(), world.centre.store.reading() as tx:
        return [(line, owed(tx, line, day).total_minor) for line in lines.every(tx)]
