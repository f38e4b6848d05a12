"""What farmers undo at a kiosk: an agreement that they leave, a consent that they take back."""

from __future__ import annotations

from tests.simulation.village import FARMERS
from tests.simulation.world import World


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
    return f"{farmer} {station.name} " + station.take_consent_back(farmer, world.now_ms)
