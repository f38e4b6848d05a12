"""What can happen in a simulated world, how often, and what of it has a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from itertools import accumulate

from core.errors import HarvestlineError
from tests.simulation import (
    agents,
    endings,
    farmers,
    grain,
    officers,
    own_months,
    village,
    visits,
)
from tests.simulation.faults import ProcessDiedError, Weather
from tests.simulation.world import World

EVENTS: dict[str, tuple[float, Callable[[World], str]]] = {
    "wait": (10, World.wait),
    "apply": (8, farmers.apply),
    "draw": (24, farmers.draw),
    "settle": (3, farmers.settle),
    "sync": (24, World.sync),
    "arrive late": (4, World.arrive_late),
    "carry a stick": (3, World.carry_stick),
    "look down": (10, World.look_down),
    "repay": (10, farmers.repay),
    "hold a line": (2, officers.hold_line),
    "move home": (1, World.move_home),
    "roam": (3, officers.roam_line),
    "lose a station": (0.4, World.lose_station),
    "declare it destroyed": (1, World.declare_destroyed),
    "ask the time": (3, World.ask_time),
    "open lines": (2, World.open_first_lines),
    "set a clock": (4, World.set_clock),
    "cut the power": (3, World.cut_power),
    "lay a fuse": (6, World.lay_fuse),
    "leave": (1, farmers.leave),
    "take consent back": (1, farmers.take_consent_back),
    "decide referred": (4, officers.decide_referred),
    "withdraw": (2, officers.withdraw),
    "abandon": (1, officers.abandon),
    "close": (3, officers.close),
    "renew": (8, officers.renew_line),
    "write off": (2, officers.write_line_off),
    "relieve": (4, officers.relieve),
    "bounce": (2, officers.bounce_repayment),
    "change the product": (1.5, officers.change_product),
    "plan anew": (5, officers.plan_anew),
    "agree to a plan": (5, farmers.agree_to_plan),
    "erase": (1, officers.erase),
    "restate": (0.5, officers.restate),
    "take money along": (5, agents.take_along),
    "pay in the field": (9, agents.pay_in_the_field),
    "hand in": (4, agents.hand_in),
    "lose a tablet": (1.5, agents.lose_a_tablet),
    "ask for a lost tablet's money": (1, agents.release),
    "see to an end": (5, endings.see_to_an_end),
    "settle with a partner": (0.3, endings.settle_with_partner),
    "visit a plot": (1, visits.visit),
    "let visits count": (1, visits.allow),
    "do well": (1, visits.do_well),
    "weigh grain": (0, grain.weigh_grain),
    "read a silo": (0, grain.read_silo),
}
# Where a product asks for more than imagery, there is more to see.
OFTEN = {
    "two sources": {
        "visit a plot": 8, "let visits count": 5, "do well": 12, "take consent back": 4,
    },
    village.OWN_MONTHS: {"apply": 28, "open lines": 0.5, "wait": 14, "draw": 30},
    village.STORED: {
        "weigh grain": 34, "read a silo": 40, "change the product": 4, "look down": 0.5,
        "let visits count": 0, "do well": 0.1, "visit a plot": 0.1,
    },
    "lent together": {"settle with a partner": 3},
}  # fmt: skip

MISHAPS = tuple(field.name for field in fields(Weather))
KINDS = frozenset(
    [
        *EVENTS,
        *(f"link: {mishap}" for mishap in MISHAPS),
        *(f"officers: {act}" for act in officers.ACTS),
        *(f"death of {whose} {when} a statement" for whose in ("a station", "the centre")
          for when in ("before", "after")),
        *(f"death of a tablet before {what}" for what in agents.WRITES),
        "farmers: agreed to a plan", own_months.BROUGHT, own_months.TOO_FAR,
        *grain.NAMED,
    ]
)  # fmt: skip


@cache
def _weights(repaid: str) -> tuple[float, ...]:
    """How likely each event is, added up to it."""
    often = OFTEN.get(repaid, {})
    return tuple(accumulate(often.get(name, likely) for name, (likely, _) in EVENTS.items()))


def step(world: World) -> None:
    """Let one thing happen; whoever dies of it is started again."""
    names = list(EVENTS)
    name = world.chance.choices(names, cum_weights=_weights(world.repaid))[0]
    try:
        outcome = EVENTS[name][1](world)
    except ProcessDiedError:
        outcome = "died"
        world.revive()
    except HarvestlineError as error:
        outcome = error.code
    world.befell[name] += 1
    world.say(name, outcome)
