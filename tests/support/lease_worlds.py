"""Every world of one line and two stations that small numbers allow.

The world is a log for each station, a centre that applies it, and people who are paid.
Each rule about leases is the product's own, handed in by :class:`Rules`, so that a wrong
one can be handed in instead and must be caught. States are plain tuples; the stations
are alike, so a world and its mirror image count once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from core.errors import LeaseError
from core.lending.lease import (
    Clock,
    Draw,
    DrawState,
    Lease,
    LeaseBook,
    LeaseKind,
    begin_draw,
    close,
    headroom_minor,
    release,
    settle_draw,
)
from core.reasons import ReasonCode
from core.wire.envelope import GENESIS, Header, LogClass, Placement, place

HOUR_MS = 1_000  # a lease that is signed in one hour of these worlds expires with the next
STATES = tuple(DrawState)
PENDING, POSTED, VOIDED = range(3)  # their numbers in STATES: numbers have an order
CLOSED = -1  # stands in a log where the number of a draw does


def always(_book: LeaseBook, _now_ms: int) -> bool:
    """Whether the centre counts a lease at a time: always, for expiry returns nothing (L5)."""
    return True


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force: the product's, unless a test hands in a wrong one."""

    begin: Callable[[LeaseBook, Draw, Clock], LeaseBook | ReasonCode] = begin_draw
    settle: Callable[[LeaseBook, str, DrawState], LeaseBook] = settle_draw
    close: Callable[[LeaseBook], LeaseBook] = close
    release: Callable[[LeaseBook], LeaseBook] = release
    headroom: Callable[..., int] = headroom_minor
    counts: Callable[[LeaseBook, int], bool] = always
    recovery: Callable[[bool], DrawState] = lambda paid: STATES[POSTED if paid else VOIDED]
    brings_receipts: bool = True


@dataclass(frozen=True, slots=True)
class Bounds:
    """How small the world is [minor units, hours]."""

    limits: tuple[int, ...] = (2, 1)
    amounts: tuple[int, ...] = (1, 2)
    draws: tuple[int, ...] = (1,)
    leases_max: int = 2
    draws_max: int = 2
    hours_max: int = 1


class Kept(NamedTuple):
    """A lease with its draws (amount, state, paid), at the centre or at a station."""

    lease: int
    draws: tuple[tuple[int, int, bool], ...] = ()
    closing: bool = False
    closed: bool = False


class Station(NamedTuple):
    """What a station holds and has written: (lease, draw, amount, state)."""

    alive: bool = True
    gone: bool = False
    books: tuple[Kept, ...] = ()
    log: tuple[tuple[int, int, int, int], ...] = ()
    received: int = 0


class World(NamedTuple):
    """A limit, an hour, what was signed (station, amount, hour, limit), and who holds what."""

    limit: int
    hour: int = 0
    signed: tuple[tuple[int, int, int, int], ...] = ()
    centre: tuple[Kept, ...] = ()
    stations: tuple[Station, ...] = (Station(), Station())


@dataclass(frozen=True, slots=True)
class Explored:
    """How many worlds there are, and the way to the first that is over, if there is one."""

    states_count: int
    steps_count: int
    fault: str = ""
    path: tuple[str, ...] = ()


def explore(bounds: Bounds, rules: Rules, states_max: int = 2_000_000) -> Explored:
    """Go through all worlds, nearest first; stop at the first in which a unit is over."""
    first = World(bounds.limits[0])
    came: dict[World, tuple[World, str] | None] = {first: None}
    waiting, steps = deque([first]), 0
    while waiting:
        world = waiting.popleft()
        fault = over(world)
        if fault:
            return Explored(len(came), steps, fault, _path(came, world))
        for name, after in successors(world, bounds, rules):
            steps += 1
            seen = min(after, _mirrored(after))
            if seen not in came:
                came[seen] = (world, name)
                waiting.append(seen)
        if len(came) > states_max:
            raise AssertionError(f"expected at most {states_max} worlds: make them smaller")
    return Explored(len(came), steps)


def over(world: World) -> str:
    """Where a unit is over, if anywhere: seen from people's pockets and from the limit."""
    drawn = 0
    for station in world.stations:
        for kept in station.books:
            live = sum(amount for amount, state, _ in kept.draws if state != VOIDED)
            paid = sum(amount for amount, _, was_paid in kept.draws if was_paid)
            if live > world.signed[kept.lease][1]:
                return f"{live} drawn under lease {kept.lease} of {world.signed[kept.lease][1]}"
            drawn += paid if station.gone else max(live, paid)
    counted = sum(_counted(world, kept) for kept in world.centre)
    if drawn > counted:
        return f"{drawn} is drawn, the centre counts {counted}"
    limit = world.signed[-1][3] if world.signed else 0
    return f"{counted} counted above the limit {limit}" if counted > limit else ""


def _counted(world: World, kept: Kept) -> int:
    used = sum(amount for amount, state, _ in kept.draws if state != VOIDED)
    return used if kept.closed else max(used, world.signed[kept.lease][1])


def _path(came: dict[World, tuple[World, str] | None], world: World) -> tuple[str, ...]:
    told: list[str] = []
    step = came[world]
    while step is not None:
        told.append(step[1])
        step = came[step[0]]
    return tuple(reversed(told))


def _mirrored(world: World) -> World:
    signed = tuple((1 - each[0], *each[1:]) for each in world.signed)
    return world._replace(signed=signed, stations=world.stations[::-1])


Step = Iterator[tuple[str, World]]


def successors(world: World, bounds: Bounds, rules: Rules) -> Step:
    """Everything that can happen next, each with its name."""
    yield from _centre_steps(world, bounds, rules)
    for number, station in enumerate(world.stations):
        if station.alive:
            yield f"{number} is lost", _with(world, number, station._replace(alive=False))
            yield from _station_steps(world, number, bounds, rules)
        if not station.gone:
            yield from _delivery_steps(world, number, rules)
        if not station.alive and not station.gone:
            yield f"{number} is declared destroyed", _destroyed(world, number, rules)


def _centre_steps(world: World, bounds: Bounds, rules: Rules) -> Step:
    if world.hour < bounds.hours_max:
        yield "an hour passes", world._replace(hour=world.hour + 1)
    for limit in bounds.limits:
        yield f"the limit becomes {limit}", world._replace(limit=limit)
    if len(world.signed) < bounds.leases_max:
        free = _headroom(world, rules)
        for number, station in enumerate(world.stations):
            for amount in bounds.amounts:
                if amount <= free and not station.gone:
                    yield f"{number} is granted {amount}", _granted(world, number, amount)


def _headroom(world: World, rules: Rules) -> int:
    books = [_book(world, kept) for kept in world.centre]
    now_ms = 1 + world.hour * HOUR_MS
    posted = sum(book.posted_minor for book in books)
    pending = sum(book.used_minor - book.posted_minor for book in books)
    counted = [book for book in books if rules.counts(book, now_ms)]
    return rules.headroom(world.limit, posted, pending, counted)


def _granted(world: World, station: int, amount: int) -> World:
    lease = (station, amount, world.hour, world.limit)
    kept = Kept(len(world.signed))
    return world._replace(signed=(*world.signed, lease), centre=(*world.centre, kept))


def _station_steps(world: World, number: int, bounds: Bounds, rules: Rules) -> Step:
    station = world.stations[number]
    held = {kept.lease for kept in station.books}
    for lease, (owner, *_) in enumerate(world.signed):
        if owner == number and lease not in held:
            books = tuple(sorted((*station.books, Kept(lease))))
            yield f"lease {lease} arrives", _with(world, number, station._replace(books=books))
    draws_count = sum(len(kept.draws) for each in world.stations for kept in each.books)
    for place_of, kept in enumerate(station.books):
        if draws_count < bounds.draws_max:
            yield from _begun(world, number, place_of, bounds, rules)
        yield from _settled(world, number, place_of, rules)
        if not kept.closing:
            yield (
                f"{number} gives {kept.lease} back",
                _put(world, number, place_of, kept._replace(closing=True)),
            )
        if kept.closing and not kept.closed:
            yield from _closed(world, number, place_of, rules)
    yield from _crashed(world, number, rules)


def _begun(world: World, number: int, place_of: int, bounds: Bounds, rules: Rules) -> Step:
    kept = world.stations[number].books[place_of]
    book = _book(world, kept._replace(closed=kept.closed or kept.closing))
    draw_id = str(len(kept.draws))
    for amount in bounds.draws:
        for hour in range(world.hour + 1):  # a clock may be right, or be set back
            clock = Clock(1 + hour * HOUR_MS, 0)
            found = rules.begin(book, Draw(draw_id, "a", amount, DrawState.PENDING), clock)
            if isinstance(found, LeaseBook):
                drawn = kept._replace(draws=(*kept.draws, (amount, PENDING, False)))
                line = (kept.lease, len(kept.draws), amount, PENDING)
                yield (
                    f"{number} begins to draw {amount}",
                    _put(world, number, place_of, drawn, line),
                )


def _settled(world: World, number: int, place_of: int, rules: Rules) -> Step:
    kept = world.stations[number].books[place_of]
    for index, (amount, state, paid) in enumerate(kept.draws):
        if state != PENDING:
            continue
        if not paid:
            confirmed = _draw_set(kept, index, (amount, PENDING, True))
            yield f"{number} pays {amount}", _put(world, number, place_of, confirmed)
        target = POSTED if paid else VOIDED
        yield (
            f"{number} settles {amount}",
            _settle_at(world, number, (place_of, index), (rules, target)),
        )


def _settle_at(world: World, number: int, where: tuple[int, int], how: tuple[Rules, int]) -> World:
    (place_of, index), (rules, target) = where, how
    kept = world.stations[number].books[place_of]
    amount, _, paid = kept.draws[index]
    rules.settle(_book(world, kept), str(index), STATES[target])
    after = _draw_set(kept, index, (amount, target, paid))
    return _put(world, number, place_of, after, (kept.lease, index, amount, target))


def _closed(world: World, number: int, place_of: int, rules: Rules) -> Step:
    kept = world.stations[number].books[place_of]
    try:
        book = rules.close(_book(world, kept))
    except LeaseError:
        return
    line = (kept.lease, CLOSED, book.posted_minor, POSTED)
    yield (
        f"{number} closes {kept.lease}",
        _put(world, number, place_of, kept._replace(closed=True), line),
    )


def _crashed(world: World, number: int, rules: Rules) -> Step:
    """The process dies and settles at its next start what it had left pending."""
    after, found = world, False
    for place_of, kept in enumerate(world.stations[number].books):
        for index, (_, state, paid) in enumerate(kept.draws):
            if state == PENDING:
                target = STATES.index(rules.recovery(paid))
                after = _settle_at(after, number, (place_of, index), (rules, target))
                found = True
    if found:
        yield f"{number} crashes", after


def _delivery_steps(world: World, number: int, rules: Rules) -> Step:
    """Any run of a station's log arrives: next, again, or too early."""
    station = world.stations[number]
    for first in range(1, len(station.log) + 1):
        for last in range(first, len(station.log) + 1):
            if place(_header(number, first, last), station.received) is Placement.NEXT:
                yield f"{number}'s log {first}–{last} arrives", _applied(world, number, last, rules)


@cache
def _header(number: int, first: int, last: int) -> Header:
    return Header(
        f"s{number}", LogClass.MONEY, "", first, last, GENESIS, GENESIS, GENESIS, 1, "key"
    )


def _applied(world: World, number: int, last: int, rules: Rules) -> World:
    station = world.stations[number]
    centre = list(world.centre)
    for lease, index, amount, state in station.log[station.received : last]:
        kept = centre[lease]
        if index == CLOSED:
            if _book(world, kept).posted_minor == amount and not kept.closed:
                rules.close(_book(world, kept))
                centre[lease] = kept._replace(closed=True)
        elif index == len(kept.draws):
            centre[lease] = kept._replace(draws=(*kept.draws, (amount, state, False)))
        else:
            rules.settle(_book(world, kept), str(index), STATES[state])
            centre[lease] = _draw_set(kept, index, (amount, state, False))
    return _with(world._replace(centre=tuple(centre)), number, station._replace(received=last))


def _destroyed(world: World, number: int, rules: Rules) -> World:
    """Two officers declare it: receipts that people hold are booked, the rest is released."""
    station = world.stations[number]
    centre = list(world.centre)
    for kept in station.books if rules.brings_receipts else ():
        for index, (amount, _, paid) in enumerate(kept.draws):
            if paid:
                centre[kept.lease] = _with_receipt(centre[kept.lease], index, amount)
    for lease, (owner, *_) in enumerate(world.signed):
        if owner == number and not centre[lease].closed:
            book = rules.release(_book(world, centre[lease]))
            draws = tuple(
                (amount, STATES.index(book.draws[str(index)].state), paid)
                for index, (amount, _, paid) in enumerate(centre[lease].draws)
            )
            centre[lease] = centre[lease]._replace(draws=draws, closed=True)
    return _with(world._replace(centre=tuple(centre)), number, station._replace(gone=True))


def _with_receipt(kept: Kept, index: int, amount: int) -> Kept:
    """A receipt's draw is posted; draws before it of which nothing was heard were not paid."""
    draws = list(kept.draws)
    while len(draws) <= index:
        draws.append((amount, VOIDED, False))
    draws[index] = (amount, POSTED, False)
    return kept._replace(draws=tuple(draws))


def _draw_set(kept: Kept, index: int, draw: tuple[int, int, bool]) -> Kept:
    return kept._replace(draws=(*kept.draws[:index], draw, *kept.draws[index + 1 :]))


def _put(
    world: World,
    number: int,
    place_of: int,
    kept: Kept,
    line: tuple[int, int, int, int] | None = None,
) -> World:
    station = world.stations[number]
    books = (*station.books[:place_of], kept, *station.books[place_of + 1 :])
    log = station.log if line is None else (*station.log, line)
    return _with(world, number, station._replace(books=books, log=log))


def _with(world: World, number: int, station: Station) -> World:
    pair = (station, world.stations[1]) if number == 0 else (world.stations[0], station)
    return world._replace(stations=pair)


def _book(world: World, kept: Kept) -> LeaseBook:
    return _book_of(kept.lease, world.signed[kept.lease], kept.draws, kept.closed)


@cache
def _book_of(
    number: int,
    signed: tuple[int, int, int, int],
    draws: tuple[tuple[int, int, bool], ...],
    closed: bool,
) -> LeaseBook:
    station, amount, hour, limit = signed
    start_ms = 1 + hour * HOUR_MS
    lease = Lease(
        f"l{number}", LeaseKind.LINE, f"s{station}", "p", "KES", amount, start_ms,
        start_ms + HOUR_MS, "a", limit,
    )  # fmt: skip
    found = {str(i): Draw(str(i), "a", one[0], STATES[one[1]]) for i, one in enumerate(draws)}
    return LeaseBook(lease, found, closed=closed)
