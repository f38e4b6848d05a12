"""What follows where an agreement is on its way out: it is repaid, closed, planned anew, given up.

The other events reach such states often, and seldom come back to the same line. Here somebody
looks for one of them, and does what is done next; the table decides whether it may be.
"""

from __future__ import annotations

from datetime import date

from core.units import MS_PER_DAY
from server.services import ending, withdrawing
from server.services.settling import Settled, settle_with
from tests.simulation.farmers import repay_line
from tests.simulation.officers import ASKED, SUPERVISOR, asked, plan_for, twice
from tests.simulation.partners import PARTNER
from tests.simulation.world import STEP_MINOR, World
from tests.support.two_words import written_off

_LEAVING = (
    "SELECT line_id FROM lines l WHERE (SELECT state FROM agreement_steps s"
    " WHERE s.agreement_id = l.application_id ORDER BY seq DESC LIMIT 1)"
    " IN ('withdrawn', 'written_off', 'in_relief', 'frozen') ORDER BY 1"
)
_IN_RELIEF = (
    "SELECT line_id, due_on FROM lines l WHERE is_open AND (SELECT state FROM agreement_steps s"
    " WHERE s.agreement_id = l.application_id ORDER BY seq DESC LIMIT 1) = 'in_relief' ORDER BY 1"
)
_SHARED = "SELECT count(*) FROM line_partners"


def see_to_an_end(world: World) -> str:
    """Somebody takes up a line that is frozen, in relief, left or given up."""
    leaving = asked(world, _LEAVING)
    if not leaving:
        return "none is on its way out"
    (line_id,) = world.chance.choice(leaving)
    act = world.chance.choice((_repaid, _repaid, _left, _given_up, plan_for, _waited_out))
    return f"{line_id} {act(world, line_id)}"


def settle_with_partner(world: World) -> str:
    """Money changes hands with a lender who carries a part of some line; told twice, it is once."""
    if not asked(world, _SHARED)[0][0]:
        return "nobody carries a line with us"
    amount = STEP_MINOR * world.chance.choice((-5, 1, 10))
    on, reference = world.civil_day().isoformat(), world.mint()
    told = Settled(PARTNER, "KES", amount, on, reference)
    done = twice(world, "settled", lambda: settle_with(world.centre, told, SUPERVISOR))
    return f"{amount} {done}"


def _repaid(world: World, line_id: str) -> str:
    said = repay_line(world, line_id)
    closed = twice(world, "closed", lambda: ending.close(world.centre, line_id, ASKED))
    return f"{said}; {closed}"


def _waited_out(world: World, line_id: str) -> str:
    """The days of a relief go by, and its stations speak."""
    relieved = asked(world, _IN_RELIEF)
    due_on = next((day for each, day in relieved if each == line_id), None)
    if due_on is None:
        return "is in no relief"
    days = (date.fromisoformat(due_on) - world.civil_day()).days + 1
    world.pass_time(max(0, days) * MS_PER_DAY)
    for station in world.alive:
        world.speak(station)
    return f"waited {days} days for its relief to end"


def _left(world: World, line_id: str) -> str:
    return twice(world, "withdrawn", lambda: withdrawing.withdraw(world.centre, line_id, ASKED))


def _given_up(world: World, line_id: str) -> str:
    return twice(world, "written off", lambda: written_off(world.centre, line_id))
