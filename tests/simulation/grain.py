"""Grain that comes to a store and leaves it over the weighbridge, and the silo that tells of it.

Tickets come twice, come altered, and ask for more than there is; a silo is damp, thinly heard or
silent for weeks; what is sold repays. :mod:`tests.simulation.stock` reckons what must follow.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.errors import HarvestlineError
from core.scoring.features import DailyFeature
from core.units import MS_PER_DAY, PPM
from server.services.paperwork import line_on
from server.services.weighing import Sale, Ticket, weigh
from server.store import ledger, lines, products, store_receipts
from server.store.people import Actor, Role
from server.store.store_receipts import Way
from tests.simulation.officers import asked, twice
from tests.simulation.stock import HUMIDITY, LEVEL, Barn, uncovered
from tests.simulation.village import FARMERS, PRODUCT, SEASON_START, STORE_OF
from tests.simulation.world import MS_PER_MINUTE, World

CASHIER = Actor("cashier-1", Role.CASHIER.value)
AGAIN, ALTERED = "grain: a ticket again", "grain: a ticket altered"
SOLD, TOO_MUCH = "grain: sold", "grain: more than is there"
NAMED = ("officers: weighed", AGAIN, ALTERED, SOLD, TOO_MUCH)
LEAVES = 0.5  # the chance that what a silo has just told of is taken out
READ_DAYS_MAX = 16  # at once: two weeks of looks
_KG = (200, 500, 1_000, 2_500, 6_000)
_DAMP_PPM = (620_000, 650_000, 690_000, 720_000, 760_000, 790_000, 820_000)


def read_silo(world: World) -> str:
    """The days since it last spoke: level and humidity, some of them thin, or none at all.

    Often grain leaves right after, while all that was told is fresh.
    """
    farmer = _farmer(world)
    station, store = world.stations[world.homes[farmer]], STORE_OF[farmer]
    world.pass_time(world.chance.choice((0, 3, 7, 7)) * MS_PER_DAY)
    barn, last = _barn(world, store), world.civil_day() - timedelta(days=1)
    if station.name == world.lost:
        return "nobody is there"
    first = max(barn.told_upto, last - timedelta(days=READ_DAYS_MAX)) + timedelta(days=1)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    barn.told_upto = max(last, barn.told_upto)
    barn.humidity_ppm = world.chance.choice((barn.humidity_ppm, *_DAMP_PPM))
    if world.chance.random() < 0.1:
        return f"{store} was silent for {len(days)} days"
    thin = world.chance.choice((PPM, PPM, PPM, 700_000, 400_000))
    said = station.measure(
        [
            DailyFeature(store, name, day.isoformat(), value, thin, 24, "0" * 64)
            for day in days
            for name, value in ((LEVEL, barn.level_kg), (HUMIDITY, barn.humidity_ppm))
        ],
        world.now_ms,
    )
    world.speak(station)
    told = f"{store} {barn.level_kg} kg {barn.humidity_ppm} at {thin} {len(days)} days {said}"
    if barn.level_kg and world.chance.random() < LEAVES:
        told += "; " + _ticket(world, barn, store, comes=False)
    return told


def weigh_grain(world: World) -> str:
    """A ticket: what comes, what leaves and is mostly sold, or one that was brought before."""
    world.pass_time(MS_PER_MINUTE)
    store = STORE_OF[_farmer(world)]
    barn = _barn(world, store)
    if barn.tickets and world.chance.random() < 0.35:
        return _brought_again(world, barn)
    comes = not barn.level_kg or world.chance.random() < 0.5
    return _ticket(world, barn, store, comes=comes)


def _ticket(world: World, barn: Barn, store: str, *, comes: bool) -> str:
    kg = world.chance.choice(_KG) if comes else _leaving(world, barn)
    day = world.civil_day() - timedelta(days=world.chance.choice((0, 0, 0, 1, 5)))
    on = max(day, SEASON_START).isoformat()
    ticket = Ticket(world.mint(), store, Way.IN if comes else Way.OUT, kg, on, "the weighbridge")
    sale = None
    if not comes and world.chance.random() < 0.7:
        sale = Sale(kg * world.chance.choice((2_000, 4_000, 4_500)), "KES")
    barn.tickets[ticket.receipt_id] = (ticket, sale)
    said = _weighed(world, ticket, sale)
    if said.startswith("weighed"):
        truly = world.chance.choice((PPM, PPM, PPM, 800_000)) if comes else PPM
        barn.level_kg = max(0, barn.level_kg + (kg * truly // PPM if comes else -kg))
    return f"{store} {ticket.way.value} {kg} of {on} {sale.sold_minor if sale else 0}: {said}"


def _farmer(world: World) -> str:
    """Mostly one of two, so that one store is told of often."""
    return world.chance.choice(FARMERS if world.chance.random() < 0.2 else FARMERS[:2])


def _barn(world: World, store: str) -> Barn:
    found: Barn = world.barns.setdefault(store, Barn(SEASON_START - timedelta(days=10)))
    return found


def _leaving(world: World, barn: Barn) -> int:
    share = world.chance.choice((0.2, 0.5, 0.9, 1.0, 1.6))
    return max(1, round(barn.level_kg * share))


def _weighed(world: World, ticket: Ticket, sale: Sale | None) -> str:
    """Weigh it; what came of it is held against what must come of it."""
    with world.looked_at():
        line = world.centre.write(lambda work: line_on(work, ticket.subject_id))
    said = twice(world, "weighed", lambda: weigh(world.centre, ticket, CASHIER, sale))
    if said.startswith("refused"):
        world.befell[TOO_MUCH] += ticket.way is Way.OUT
        return said
    with world.looked_at(), world.centre.store.reading() as tx:
        if line is not None:
            why = uncovered(tx, lines.get(tx, line.line_id), ticket.subject_id, world.now_ms)
            assert ticket.way is Way.IN or not why, why
        if sale is not None and line is not None:
            paid = ledger.find_repayment(tx, f"ticket/{ticket.receipt_id}")
            receipt = products.newest(tx, PRODUCT).receipt
            assert receipt is not None
            share_minor = sale.sold_minor * receipt.sale_repay_ppm // PPM
            found = (paid.line_id, paid.amount_minor) if paid is not None else None
            assert found == (line.line_id, share_minor), (
                f"3: {share_minor} of the sale {ticket.receipt_id} repay {line.line_id}: {found}"
            )
            world.befell[SOLD] += 1
    return said


def _brought_again(world: World, barn: Barn) -> str:
    """A ticket that was brought before: it counts once, and altered it is refused."""
    ticket, sale = barn.tickets[world.chance.choice(sorted(barn.tickets))]
    with world.looked_at(), world.centre.store.reading() as tx:
        known = store_receipts.find(tx, ticket.receipt_id) is not None
    if not known:  # it was refused, or its writing died
        return f"{ticket.receipt_id} once more: {_weighed(world, ticket, sale)}"
    if world.chance.random() < 0.5:
        other = replace(ticket, kg=ticket.kg + 1)
        try:
            weigh(world.centre, other, CASHIER, sale)
        except HarvestlineError as error:
            world.befell[ALTERED] += 1
            return f"{ticket.receipt_id} altered: refused {error.code}"
        raise AssertionError(f"3: ticket {ticket.receipt_id} was taken with other content")
    before = asked(world, _WRITTEN)
    try:
        again = weigh(world.centre, ticket, CASHIER, sale)
    except HarvestlineError as error:
        return f"{ticket.receipt_id} again: refused {error.code}"
    assert not again.new, f"3: ticket {ticket.receipt_id} counted twice"
    assert asked(world, _WRITTEN) == before, f"3: ticket {ticket.receipt_id} again wrote again"
    world.befell[AGAIN] += 1
    return f"{ticket.receipt_id} again: nothing"


_WRITTEN = (
    "SELECT (SELECT count(*) FROM ledger_entries), (SELECT count(*) FROM store_receipts),"
    " (SELECT count(*) FROM movements), (SELECT count(*) FROM repayments)"
)
