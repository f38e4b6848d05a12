"""Agents in the field: money taken along, paid out, handed in once or twice, given back, lost.

A tablet has no link of its own to break: it speaks with its station, whose process may die at
any statement of what it hands in. A tablet's own program writes three things that matter: a part
that it was given, an operation that it signed, and that the station has one. It may die before
any of them; what it signed it keeps, and hands in again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.decision.field_draw import FieldAsk, field_quote, judge, shown_sha256
from core.decision.quote import Quote
from core.lending.lease import Clock, Draw, DrawState
from core.reasons import ReasonCode
from core.units import MS_PER_DAY, civil_day
from core.wire.fieldwork import FieldVisit, OperationKind
from core.wire.records import Drawdown
from core.wire.subleases import FieldDraw, SubLease, SubLeaseEnd
from edge_node.decide.desk import ClockUnknownError
from edge_node.decide.fieldwork import FieldDesk, take
from edge_node.decide.subleases import (
    GRACE_MS,
    TERM_DAYS_MAX,
    TakeAlong,
    grant,
    recall_closing,
    release_lost,
)
from edge_node.decide.tablets import TabletDoor
from edge_node.decide.telemetry import Telemetry
from edge_node.store import subleases, tablets
from edge_node.store.tablets import Tablet
from server.store.people import Wanted, find_in_trail
from tests.simulation.station import SimulatedStation
from tests.simulation.world import STEP_MINOR, World
from tests.support.centre import entropy
from tests.support.tablet import FieldTablet

WRITES = ("it keeps its part", "it signs", "it marks what was taken")
DIES = 0.15  # the chance that a tablet dies before one of its writes
_OUT_MS = TERM_DAYS_MAX * MS_PER_DAY + GRACE_MS  # a tablet pays out no longer, whatever its clock


@dataclass
class Agent:
    """An agent of one station: the tablet, what it holds, and what it has signed so far."""

    tablet: FieldTablet
    parts: dict[str, SubLease] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    draws: dict[str, FieldDraw] = field(default_factory=dict)
    waiting: list[tuple[dict[str, Any], str]] = field(default_factory=list)  # and its draw's id
    asked_ms: dict[str, int] = field(default_factory=dict)  # true time of the ask, by sub-lease
    ahead_ms: dict[str, int] = field(default_factory=dict)  # the clock that the part was signed by

    def drawn(self, sublease_id: str) -> list[Draw]:
        """What this tablet paid out under a sub-lease."""
        mine = [one for one in self.draws.values() if one.sublease_id == sublease_id]
        return [Draw(d.draw_id, d.line_id, d.amount_minor, DrawState.POSTED) for d in mine]

    def held(self) -> list[SubLease]:
        """What may still be drawn, as the tablet knows it."""
        return [one for name, one in self.parts.items() if name not in self.ended]

    def not_handed_in(self) -> list[FieldDraw]:
        """Money that was paid out and that the station has not heard of yet."""
        return [self.draws[draw_id] for _, draw_id in self.waiting if draw_id]

    def receipts(self) -> list[Drawdown]:
        """What farmers hold of draws that were not handed in."""
        return [
            Drawdown(
                told.draw_id, told.line_id, self.parts[told.sublease_id].lease_id,
                DrawState.POSTED, told.amount_minor, told.fee_minor,
                self.parts[told.sublease_id].terms.currency, told.consent_id, told.apr_ppm,
                told.drawn_on, sublease_id=told.sublease_id,
            )
            for told in self.not_handed_in()
        ]  # fmt: skip


def take_along(world: World) -> str:
    """An agent takes a part of a line's lease along."""
    known = [(station, *line) for station in world.alive for line in station.open_lines()]
    if not known:
        return "no line anywhere"
    station, line_id, _ = world.chance.choice(known)
    amount = STEP_MINOR * world.chance.choice((5, 5, 20, 60))
    agent, who = agent_of(world, station)
    if who is None:
        return "the tablet is out"
    ask = TakeAlong(world.mint(), line_id, amount)
    clock = station.clock(world.now_ms)
    agent.asked_ms[ask.sublease_id] = world.now_ms
    agent.ahead_ms[ask.sublease_id] = clock.at_ms - world.now_ms
    kept = grant(station.db, station.ends.desk, who, ask, clock)
    if _dies(world, "it keeps its part"):
        return f"{station.name} {line_id} {amount} granted, the tablet died"
    agent.parts[kept.lease.sublease_id] = kept.lease
    return f"{station.name} {line_id} {amount}"


def pay_in_the_field(world: World) -> str:
    """An agent pays out by the tablet's own rule, far from any station."""
    known = [
        (station, agent, part)
        for station in world.stations.values()
        if station.name != world.destroyed  # a village whose station is lost is still served
        if (agent := world.agents.get(station.name)) is not None
        for part in agent.held()
        if station.name != world.lost or world.now_ms < agent.asked_ms[part.sublease_id] + _OUT_MS
    ]  # fmt: skip
    if not known:
        return f"nobody has money in hand; takes along {take_along(world)}"
    station, agent, part = world.chance.choice(known)
    amount = STEP_MINOR * world.chance.choice((1, 1, 2, 5, 20))
    left = part.amount_minor - sum(draw.amount_minor for draw in agent.drawn(part.sublease_id))
    if world.chance.random() < 0.8:  # an honest agent looks at what is left
        amount = max(STEP_MINOR, min(amount, left // STEP_MINOR * STEP_MINOR))
    at_ms = part.signed_at_ms + world.chance.randrange((TERM_DAYS_MAX + 1) * MS_PER_DAY)
    price = field_quote(part.terms, amount, civil_day(at_ms, part.utc_offset_ms))
    ask = FieldAsk(part.line_id, amount, shown_sha256(price))
    found = judge(part, agent.drawn(part.sublease_id), ask, Clock(at_ms, 1_000))
    if isinstance(found, ReasonCode):
        return f"{part.line_id} {amount} {found.value}"
    if _dies(world, "it signs"):
        return f"{station.name} {part.line_id} {amount} the tablet died, nothing was paid"
    sign(agent, OperationKind.DRAW, _told(world.mint(), part, found, (at_ms, ask.agreed_sha256)))
    return f"{station.name} {part.line_id} {amount} paid"


def hand_in(world: World) -> str:
    """An agent comes back: gives back or not, hands in, and sometimes all of it twice."""
    return hand_in_at(world, world.station())


def hand_in_at(world: World, station: SimulatedStation) -> str:
    """The agent of a station comes back to it."""
    agent, who = agent_of(world, station)
    if who is None:
        return "the tablet is out"
    with station.db.atomic():
        recall_closing(station.db)
    for kept in subleases.open_of_key(station.db, who.public_key):  # whose answer was lost
        agent.parts.setdefault(kept.lease.sublease_id, kept.lease)
    wanted = {one.lease.sublease_id for one in subleases.open_of_tablet(station.db, who.tablet_id)
              if one.recalled}  # fmt: skip
    for part in agent.held():
        if part.sublease_id in wanted or world.chance.random() < 0.25:
            _end(agent, part)
    again = agent.waiting if world.chance.random() < 0.3 else []
    return f"{station.name} took {_bring(world, station, agent, who, list(again))}"


def lose_a_tablet(world: World) -> str:
    """A tablet is lost: turned out, what it held used again once that may be."""
    station = world.station()
    agent, who = agent_of(world, station)
    if who is None:
        return "it is out already"
    if not agent.held():
        return "it holds nothing"
    clock = station.clock(world.now_ms)
    _door(station, clock).revoke(who.tablet_id, "lost")
    world.lost_tablets.append((station.name, world.agents.pop(station.name)))
    _forget_by_clock(world, station, clock)
    release_lost(station.db, station.ends.desk, who.tablet_id, "lost", clock)
    return f"{station.name} {who.tablet_id}"


def in_lost_hands(world: World, station: SimulatedStation) -> list[tuple[SubLease, int]]:
    """Parts that whoever found a lost tablet may still pay out, and how much of each."""
    found: list[tuple[SubLease, int]] = []
    if station.name == world.destroyed and not heard_of_tablets(world, station.name):
        return found  # whoever kept the station is asked: docs/leases.md
    for agent in (one for name, one in world.lost_tablets if name == station.name):
        waits = {draw_id for _, draw_id in agent.waiting}
        for part in agent.held():
            runs_out_ms = part.expires_at_ms - agent.ahead_ms[part.sublease_id]
            booked = sum(
                draw.amount_minor for draw in agent.drawn(part.sublease_id)
                if draw.draw_id not in waits
            )  # fmt: skip
            if world.now_ms < runs_out_ms:
                found.append((part, part.amount_minor - booked))
    return found


def _forget_by_clock(world: World, station: SimulatedStation, clock: Clock) -> None:
    """A station that is told a wrong time may use a part again too early: it has no other."""
    ahead_ms = clock.at_ms - world.now_ms
    for agent in (one for name, one in world.lost_tablets if name == station.name):
        late = {each for each in agent.parts if ahead_ms > agent.ahead_ms[each] + GRACE_MS}
        agent.ended |= late


def release(world: World) -> str:
    """Somebody asks whether what lost tablets held may be used again."""
    station, clock = world.station(), world.now_ms
    _forget_by_clock(world, station, station.clock(clock))
    released = 0
    for each in tablets.tablets(station.db):
        if each.revoked:
            over, _ = release_lost(
                station.db, station.ends.desk, each.tablet_id, "lost", station.clock(clock)
            )
            released += len(over)
    return f"{station.name} {released}"


def serve_the_lost(world: World) -> None:
    """Agents of a station that is lost, and of whose tablets the centre heard, still pay out."""
    agent = world.agents.get(world.lost)
    heard = agent is not None and heard_of_tablets(world, world.lost)
    for part in agent.held() if agent is not None and heard else ():
        at_ms = part.signed_at_ms + 1
        price = field_quote(part.terms, STEP_MINOR, civil_day(at_ms, part.utc_offset_ms))
        ask = FieldAsk(part.line_id, STEP_MINOR, shown_sha256(price))
        found = judge(part, agent.drawn(part.sublease_id), ask, Clock(at_ms, 1_000))
        on_time = world.now_ms < agent.asked_ms[part.sublease_id] + _OUT_MS
        if on_time and isinstance(found, Quote):
            told = _told(world.mint(), part, found, (at_ms, ask.agreed_sha256))
            sign(agent, OperationKind.DRAW, told)


def heard_of_tablets(world: World, station: str) -> bool:
    """Whether the centre has ever heard that a station lets tablets in."""
    with world.looked_at(), world.centre.store.reading() as tx:
        return bool(find_in_trail(tx, Wanted(actor=station, action="tablet_enrolled"), 1))


def come_home(world: World) -> bool:
    """Every agent hands in all that they have, and gives back; whether anybody had anything."""
    brought = 0
    home = [
        station
        for station in world.alive
        if station.name in world.agents and station.clock(world.now_ms).known
    ]
    for station in home:
        agent, who = agent_of(world, station)
        if who is not None:
            for part in agent.held():
                _end(agent, part)
            brought += _bring(world, station, agent, who, [], may_die=False)
    return brought > 0


def not_handed_in(world: World, station: SimulatedStation) -> list[FieldDraw]:
    """Money that was paid out and that the station has not heard of yet."""
    agent = world.agents.get(station.name)
    return [] if agent is None else agent.not_handed_in()


def agent_of(world: World, station: SimulatedStation) -> tuple[Agent, Tablet | None]:
    """The station's agent, with a tablet that is in; a new one where there was none."""
    agent = world.agents.get(station.name)
    if agent is None:
        count = len(tablets.tablets(station.db)) + 1
        agent = Agent(FieldTablet(f"tab-{station.name}-{count}", 40 + count))
        clock = station.clock(world.now_ms)
        if not clock.known:
            raise ClockUnknownError("the station lets nobody in")
        door = _door(station, clock)
        code, _ = door.invite(agent.tablet.tablet_id, ("agent-1", "Juma"), (), 60)
        door.enrol(code, agent.tablet.public_key)
        world.agents[station.name] = agent
    found = tablets.tablet(station.db, agent.tablet.tablet_id)
    return agent, found if found is not None and not found.revoked else None


def _dies(world: World, before: str) -> bool:
    """Whether a tablet's battery is empty just now; it is charged again until its next work."""
    dies = world.chance.random() < DIES
    world.befell[f"death of a tablet before {before}"] += dies
    return dies


def _door(station: SimulatedStation, clock: Clock) -> TabletDoor:
    return TabletDoor(station.db, station.name, clock, entropy(f"door {station.name}"))


def _told(draw_id: str, part: SubLease, price: Quote, said: tuple[int, str]) -> FieldDraw:
    at_ms, agreed = said
    return FieldDraw(
        draw_id, part.sublease_id, part.line_id, part.farmer_id, price.amount_minor,
        price.drawn_on, at_ms, 1_000, price.fee_minor, price.total_minor, price.due_on,
        price.apr_ppm, f"c-{draw_id}", agreed, "sw", spoken=False,
    )  # fmt: skip


def sign(agent: Agent, kind: OperationKind, body: FieldDraw | SubLeaseEnd | FieldVisit) -> None:
    """A tablet signs what its agent did; it waits there until it is handed in."""
    draw_id = body.draw_id if isinstance(body, FieldDraw) else ""
    if isinstance(body, FieldDraw):
        agent.draws[draw_id] = body
    agent.waiting.append((agent.tablet.operation(kind, body), draw_id))


def _end(agent: Agent, part: SubLease) -> None:
    agent.ended.add(part.sublease_id)
    drawn = sum(draw.amount_minor for draw in agent.drawn(part.sublease_id))
    sign(agent, OperationKind.SUBLEASE_END, SubLeaseEnd(part.sublease_id, drawn))


def _bring(
    world: World,
    station: SimulatedStation,
    agent: Agent,
    who: Tablet,
    again: list[Any],
    *,
    may_die: bool = True,
) -> int:
    """Hand in what waits, then some of it once more; how many were taken."""
    desk = FieldDesk(
        station.ends.desk, lambda *_: Telemetry(), world.mint, lambda _: (), lambda *_: ""
    )
    taken = 0
    while agent.waiting:
        document, draw_id = agent.waiting[0]
        kept = take(station.db, desk, who, document, station.clock(world.now_ms))
        # What an honest tablet paid out by the rule is booked, whatever befell since.
        assert not draw_id or not kept.code, f"{draw_id}: {kept.code} {kept.detail}"
        taken += 1
        if may_die and _dies(world, "it marks what was taken"):
            return taken
        agent.waiting.pop(0)
        if draw_id:
            station.promises.shown[draw_id] = agent.draws[draw_id].amount_minor
    for document, _ in again:
        take(station.db, desk, who, document, station.clock(world.now_ms))
    return taken
