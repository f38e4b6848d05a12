"""Agents who stand on plots: what they tell is a second source beside imagery.

Some agree with the pictures, some say otherwise, some come too late to count; a farmer lets it
be used, or takes that back. What counts stands in docs/limits.md#two-sources.
"""

from __future__ import annotations

from datetime import timedelta

from core.units import MS_PER_DAY
from core.wire.fieldwork import FieldVisit, OperationKind, VisitPurpose
from tests.simulation.agents import agent_of, hand_in_at, sign
from tests.simulation.sky import STAGES
from tests.simulation.village import FARMERS, PLOT_OF
from tests.simulation.world import World

ALLOWS = "visit_photos"
LOOKS_DAYS = 5  # between two pictures of a plot that does well
DOES_WELL_KG_PER_HA = 2_400
_AGO_DAYS = (0, 0, 0, 0, 2, 12, 20, 21, 40)
_AHEAD = (0, 0, 0, 0, 1, -1)  # of the stage that pictures show, in stages
_DAMAGE_PERCENT = (None, None, None, 0, 5, 8, 40)


def visit(world: World) -> str:
    """An agent stands on a plot, and mostly comes home with what was seen."""
    return visited(world, world.chance.choice(FARMERS))


def visited(world: World, farmer: str) -> str:
    """An agent stands on a farmer's plot, tells what is seen, and mostly brings it home."""
    station, plot = world.stations[world.homes[farmer]], PLOT_OF[farmer]
    if station.name == world.lost:
        return "nobody is there"
    agent, who = agent_of(world, station)
    if who is None:
        return "the tablet is out"
    on = world.civil_day() - timedelta(days=world.chance.choice(_AGO_DAYS))
    at = world.stage_of(plot) + world.chance.choice(_AHEAD)
    told = STAGES[at].value if 0 <= at < len(STAGES) and world.chance.random() < 0.8 else ""
    damage = world.chance.choice(_DAMAGE_PERCENT)
    seen = FieldVisit(
        f"visit-{world.mint()}", farmer, plot, on.isoformat(), VisitPurpose.ROUTINE, told, "", (),
        damage_percent=damage,
    )  # fmt: skip
    sign(agent, OperationKind.VISIT, seen)
    said = f"{plot} of {on}: {told or 'no stage'}, damage {damage}"
    if world.chance.random() < 0.7:
        said += f"; {hand_in_at(world, station)}"
        world.speak(station)
    return said


def allow(world: World) -> str:
    """Somebody lets the lender use what agents see."""
    return allowed(world, world.chance.choice(FARMERS))


def allowed(world: World, farmer: str) -> str:
    """A farmer lets it be used, at the kiosk of their station."""
    station = world.stations[world.homes[farmer]]
    if station.name == world.lost or not station.knows(farmer):
        return f"{farmer} is not known at {station.name}"
    said = station.consent_to(farmer, (ALLOWS,), world.now_ms)
    world.speak(station)
    return f"{farmer} {station.name} {said}"


def do_well(world: World) -> str:
    """A plot does well, picture by picture, and mostly somebody goes there meanwhile."""
    farmer = world.chance.choice(FARMERS)
    told = [allowed(world, farmer)] if world.chance.random() < 0.6 else []
    for _ in range(3):
        world.pass_time(LOOKS_DAYS * MS_PER_DAY)
        told.append(world.see(PLOT_OF[farmer], DOES_WELL_KG_PER_HA))
        if world.asks_visits and world.chance.random() < 0.6:
            told.append(visited(world, farmer))
    return "; ".join(told)
