"""What people at the centre do to agreements, and the same order arriving twice.

Each act is chosen without asking whether it is permitted: the table of transitions decides,
and what it refuses has a code. An act that was done is ordered once more, as by a twin of
the request: it must change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from core.decision.policy import Verdict
from core.errors import HarvestlineError, PriceError
from core.lending.agreement import AgreementReason
from core.lending.relief import LossSeen, LossSource
from core.lending.restructuring import Wish
from core.lending.terms import ScheduleKind, ScheduleTerms
from core.units import civil_day
from server.services import ending, restructuring, withdrawing
from server.services.bouncing import BounceReason, BounceRequest
from server.services.ending import Said
from server.services.enrolment import add_product
from server.services.erasing import tell_erasure
from server.services.freezing import FreezeReason, freeze, thaw
from server.services.money_words import confirm
from server.services.origination import Opened
from server.services.referred import decline_referred, offer_referred
from server.services.renewing import renew
from server.services.restating import restate_once
from server.services.restructuring import Proposed
from server.services.roaming import roam
from server.store import products
from server.store.money_words import KeptWord
from server.store.people import Actor
from server.store.places import Place
from tests.simulation.farmers import agree_to_plan
from tests.simulation.own_months import UNFIT, brought
from tests.simulation.village import FARMERS, PRODUCT, STATIONS
from tests.simulation.world import STEP_MINOR, World
from tests.support.centre_kit import TESTER, product_of
from tests.support.two_words import bounced, relieved, written_off

Row = tuple[Any, ...]
OFFICER = Actor("officer-a", "lender")
SUPERVISOR, SECOND = Actor("officer-b", "supervisor"), Actor("officer-c", "supervisor")
# Who had how much of what written down: an order that comes twice leaves all of it alone.
_WRITTEN = (
    "SELECT (SELECT count(*) FROM ledger_entries), (SELECT count(*) FROM agreement_steps),"
    " (SELECT count(*) FROM movements), (SELECT count(*) FROM lines)"
)
_REFERRED = (
    "SELECT a.application_id, a.asked_minor FROM applications a WHERE ("
    " SELECT state FROM agreement_steps s WHERE s.agreement_id = a.application_id"
    " ORDER BY seq DESC LIMIT 1) = 'referred' ORDER BY 1"
)
# Repaid by what the books hold: interest that was not posted yet may still be owed.
_REPAID_UP = (
    "SELECT line_id FROM lines l WHERE is_open AND EXISTS"
    " (SELECT 1 FROM repayments r WHERE r.line_id = l.line_id) AND 0 ="
    " (SELECT sum(amount_minor) FROM ledger_lines WHERE account = 'loan/principal/' || l.line_id)"
    " ORDER BY 1"
)
_OWING = (
    "SELECT line_id FROM lines l WHERE is_open AND 0 < (SELECT sum(amount_minor)"
    " FROM ledger_lines WHERE account = 'loan/principal/' || l.line_id) ORDER BY 1"
)
# Nothing was drawn yet, so that an offer may be given back.
_WAITS = (
    "SELECT line_id FROM lines l WHERE (SELECT state FROM agreement_steps s"
    " WHERE s.agreement_id = l.application_id ORDER BY seq DESC LIMIT 1) IN ('offered', 'held')"
    " ORDER BY 1"
)
_FREE = (
    "SELECT farmer_id FROM farmers f WHERE name != '' AND NOT EXISTS (SELECT 1 FROM lines l"
    " WHERE l.farmer_id = f.farmer_id AND is_open) ORDER BY 1"
)
_PROPOSED = (
    "SELECT proposal_id FROM restructure_proposals p WHERE NOT EXISTS (SELECT 1"
    " FROM restructure_answers a WHERE a.proposal_id = p.proposal_id) ORDER BY 1"
)
# What they did, for the tally: an act that is refused every time is no test of anything.
ACTS = (
    "plan proposed", "plan declined", "restructured", "erased",
    "offered", "declined", "withdrawn", "abandoned", "closed", "renewed", "written off",
    "relieved", "bounced", "new version", "restated", "settled",
)  # fmt: skip
LIKELY = 0.8  # the chance that an officer knows whom an act is for
_REPAID = "SELECT repayment_id, effective_on FROM repayments ORDER BY repayment_id"


def decide_referred(world: World) -> str:
    """A person offers on what a card referred, or declines it."""
    waiting = asked(world, _REFERRED)
    if not waiting:
        return f"nothing is {Verdict.REFER.value}red"
    application_id, asked_minor = world.chance.choice(waiting)
    amount = asked_minor * world.chance.choice((1, 2, 4)) // 2 // STEP_MINOR * STEP_MINOR
    if world.chance.random() < 0.3:
        return twice(
            world, "declined", lambda: decline_referred(world.centre, application_id, OFFICER)
        )
    return twice(
        world, "offered", lambda: offer_referred(world.centre, application_id, amount, OFFICER)
    )


def withdraw(world: World) -> str:
    """A farmer leaves in the cooling-off period, at the office."""
    return _on_a_line(world, "withdrawn", lambda at: withdrawing.withdraw(world.centre, at, ASKED))


def abandon(world: World) -> str:
    """An offer is given back."""
    waits = asked(world, _WAITS)
    return _on_a_line(world, "abandoned", lambda at: ending.abandon(world.centre, at, ASKED), waits)


def close(world: World) -> str:
    """What is repaid is closed."""
    repaid = asked(world, _REPAID_UP)
    return _on_a_line(world, "closed", lambda at: ending.close(world.centre, at, ASKED), repaid)


def renew_line(world: World) -> str:
    """A farmer who has repaid is decided on again."""
    repaid, months = asked(world, _REPAID_UP), brought(world)

    def again(line_id: str) -> object:
        return renew(world.centre, line_id, PRODUCT, ASKED, months)

    done = _on_a_line(world, "renewed", again, repaid)
    assert months not in UNFIT or " renewed" not in done, f"7: {months} were taken: {done}"
    return done


def hold_line(world: World) -> str:
    """A line is frozen until somebody has looked, or thawed."""
    known = world.lines()
    if not known:
        return "no line"
    line = world.chance.choice(known)
    if line.frozen:
        thaw(world.centre, line.line_id, FreezeReason.CLEARED, TESTER)
        return f"{line.line_id} thawed"
    freeze(world.centre, line.line_id, FreezeReason.VISIT_PENDING, TESTER)
    return f"{line.line_id} frozen"


def roam_line(world: World) -> str:
    """A line may be drawn on at another station too, or no more."""
    known = [line for line in world.lines() if line.is_open]
    if not known:
        return "no line"
    line, name = world.chance.choice(known), world.chance.choice(STATIONS)
    share_ppm = world.chance.choice((0, 200_000, 500_000, 1_000_000))
    places = roam(world.centre, line.line_id, Place(name, share_ppm), TESTER)
    return f"{line.line_id} " + " ".join(f"{each.station}={each.share_ppm}" for each in places)


def write_line_off(world: World) -> str:
    """What will not come is written off."""
    return _on_a_line(world, "written off", lambda at: written_off(world.centre, at))


def relieve(world: World) -> str:
    """A visit saw a loss; some are too small, some lines are in no state for it."""
    loss_ppm = world.chance.choice((100_000, 400_000, 700_000))
    seen = [LossSeen(LossSource.VISIT, f"visit-{world.mint()}", loss_ppm)]

    def grant(line_id: str) -> object:
        try:
            return relieved(world.centre, line_id, seen)
        except PriceError as error:  # a person may be refused by a rule, never by arithmetic
            raise AssertionError(f"7: relief of {line_id} leads to no plan: {error}") from error

    return _on_a_line(world, "relieved", grant)


def bounce_repayment(world: World) -> str:
    """A repayment that was taken came to nothing, long after or at once."""
    taken = asked(world, _REPAID)
    if not taken:
        return "nothing was repaid"
    repayment_id, on = world.chance.choice(taken)
    today = civil_day(world.now_ms)
    since = today - timedelta(days=world.chance.choice((0, 0, 1, 10)))
    bounce = BounceRequest(repayment_id, BounceReason.CHEQUE_UNPAID, "bank-1", max(str(since), on))
    return twice(world, "bounced", lambda: bounced(world.centre, bounce))


def plan_anew(world: World) -> str:
    """An officer proposes another plan; one that waits is approved by another, or declined.

    Some farmers are asked to come at once, and the second officer waits for their word.
    """
    waiting = asked(world, _PROPOSED)
    if waiting and world.chance.random() < LIKELY:
        return _answer(world, *world.chance.choice(waiting))
    wish = _wish(world)
    return _carried(
        world,
        _on_a_line(
            world, "plan proposed", lambda at: _propose(world, at, wish), asked(world, _OWING)
        ),
    )


def plan_for(world: World, line_id: str) -> str:
    """The same for one line."""
    wish = _wish(world)
    return _carried(world, twice(world, "plan proposed", lambda: _propose(world, line_id, wish)))


def _propose(world: World, line_id: str, wish: Wish) -> object:
    asked_for = Proposed(line_id, wish, AgreementReason.HARDSHIP)
    return restructuring.propose(world.centre, asked_for, OFFICER)


def _carried(world: World, said: str) -> str:
    """What becomes of a proposal: it is shown, and mostly agreed to and answered."""
    if "plan proposed" not in said:
        return said
    for station in world.alive:
        world.speak(station)
    if world.chance.random() < 0.8:
        said += "; " + agree_to_plan(world)
    if said.endswith(" agreed") and world.chance.random() < 0.8:
        said += "; " + _answer(world, *asked(world, _PROPOSED)[-1])
    return said


def _answer(world: World, proposal_id: str) -> str:
    for station in world.alive:  # the farmer's word is waited for
        world.speak(station)
    if world.chance.random() < 0.1:
        return twice(
            world, "plan declined",
            lambda: restructuring.decline(world.centre, proposal_id, SUPERVISOR),
        )  # fmt: skip
    return twice(
        world, "restructured", lambda: restructuring.approve(world.centre, proposal_id, SUPERVISOR)
    )


def _wish(world: World) -> Wish:
    later = timedelta(days=world.chance.choice((30, 90, 200)))
    schedule = world.chance.choice(
        (ScheduleTerms(ScheduleKind.BULLET),
         ScheduleTerms(ScheduleKind.EQUAL_INSTALMENTS, every_months=1))
    )  # fmt: skip
    first = date.fromisoformat(product_of(PRODUCT).due_on)
    due_on = max(first, civil_day(world.now_ms)) + later
    return Wish(due_on, world.chance.choice((60_000, 120_000, 330_000)), schedule, False)


def erase(world: World) -> str:
    """Somebody wants to be forgotten; two say so, and it is refused while a loan stands."""
    free = [farmer for (farmer,) in asked(world, _FREE)]
    likely = free if free and world.chance.random() < LIKELY else FARMERS
    farmer = world.chance.choice(likely)

    def by_two() -> KeptWord:
        told = world.centre.write(lambda work: tell_erasure(work, farmer, (SUPERVISOR, "asked")))
        return world.centre.write(lambda work: confirm(work, told.word_id, SECOND))

    said = twice(world, "erased", by_two)
    if said.startswith("erased"):
        world.erased.add(farmer)
    return f"{farmer} {said}"


def change_product(world: World) -> str:
    """The product's next version: another price and fee for lines that open from now on."""
    with world.looked_at(), world.centre.store.reading() as tx:
        newest = products.newest(tx, PRODUCT)
    credit = replace(
        newest.credit,
        fee_ppm=world.chance.choice((5_000, 15_000, 20_000)),
        rate_ppm=world.chance.choice((120_000, 180_000, 330_000)),  # the last near the cap
    )
    sure_ppm = world.chance.choice((10_000, newest.decision.refer_pd_ppm_max))
    decision = replace(newest.decision, approve_pd_ppm_max=sure_ppm)  # or people decide
    after = replace(newest, version=newest.version + 1, credit=credit, decision=decision)
    if newest.receipt is not None and newest.price is not None:  # the market moves, too
        quoted = world.chance.choice((1_500, 3_000, 4_500, 5_000))
        after = replace(after, price=replace(newest.price, price_minor_per_kg=quoted))
    return twice(world, "new version", lambda: add_product(world.centre, after, SUPERVISOR))


def restate(world: World) -> str:
    """Lines whose repayments were split by other rules are split again: none here."""
    return twice(world, "restated", lambda: restate_once(world.centre))


ASKED = Said(OFFICER, AgreementReason.ASKED)


def _on_a_line(
    world: World, done: str, act: Callable[[str], object], likely: Sequence[Row] = ()
) -> str:
    """Do it to any line, most often to one of those that are likely to permit it."""
    known = [line.line_id for line in world.lines()]
    if not known:
        return "no line"
    if likely and world.chance.random() < LIKELY:
        known = [line_id for (line_id,) in likely]
    line_id = world.chance.choice(known)
    return f"{line_id} " + twice(world, done, lambda: act(line_id))


def twice(world: World, done: str, act: Callable[[], object]) -> str:
    """Do it; the same order again is refused, or answered, and changes nothing."""
    try:
        found = act()
    except HarvestlineError as error:
        return f"refused {error.code}"
    if isinstance(found, Opened) and not found.line_id:
        return "not approved"  # asked again, it would be another application
    world.befell[f"officers: {done}"] += 1
    before = asked(world, _WRITTEN)
    try:
        act()
    except HarvestlineError as error:
        done += f", again {error.code}"
    assert asked(world, _WRITTEN) == before, f"3: {done} twice wrote twice"
    return done


def asked(world: World, question: str) -> list[Row]:
    """What the centre's tables say, while nobody dies."""
    with world.looked_at(), world.centre.store.reading() as tx:
        return [tuple(row) for row in tx.connection.exec_driver_sql(question)]
