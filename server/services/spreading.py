"""How the book is spread, and what its caps leave a line, a new line, or a dark station.

Each day's first need keeps the book as it stands; the room of the day follows from it (see
:mod:`core.lending.concentration`). What stations may open in the dark counts as used from
the moment at which they are given leave. Without caps none of this is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from core.lending.concentration import (
    Bucket,
    Ceiling,
    ConcentrationRules,
    Dimension,
    Placed,
    Spread,
    ceiling,
    opening_room,
    weather_cell,
)
from core.lending.product import Product
from server.services.centre import Work
from server.store import leases, lines, products, registry, rulebooks, spread
from server.store.engine import Tx
from server.store.lines import Line, LineMovement
from server.store.spread import Snapshot
from server.store.tables import book_rules, exposure_snapshots

PLACED_AT_ONCE = 2_000
E7 = 10_000_000
Opened = dict[tuple[str, Dimension, str], int]


@dataclass(frozen=True, slots=True)
class DayBook:
    """The caps in force, and the book that they are held against today."""

    rules: ConcentrationRules
    snapshot: Snapshot
    spread: Spread


def day_book(work: Work) -> DayBook | None:
    """Today's book, kept now if nobody did before; None while no caps are in force.

    It stays as it is until this transaction ends.
    """
    today = work.today().isoformat()
    rules = work.tx.recall(
        book_rules, ("spread", today), lambda: rulebooks.concentration_on(work.tx, today)
    )
    if not rules.caps:
        return None
    return work.tx.recall(exposure_snapshots, "day", lambda: _day_book(work, rules, today))


def is_day_kept(work: Work) -> bool:
    """Whether today's book was kept by the caps in force, or none are."""
    today = work.today().isoformat()
    rules = rulebooks.concentration_on(work.tx, today)
    found = spread.latest(work.tx) if rules.caps else None
    wanted = (today, policy_of(rules))
    return not rules.caps or (found is not None and (found.on_day, found.policy_version) == wanted)


def _day_book(work: Work, rules: ConcentrationRules, today: str) -> DayBook:
    policy = policy_of(rules)
    spread.hold(work.tx, alone=False)
    found = spread.latest(work.tx)
    if found is None or (found.on_day, found.policy_version) != (today, policy):
        found = _keep_day(work, today, policy)
    return DayBook(rules, found, Spread.of(found.buckets))


def policy_of(rules: ConcentrationRules) -> str:
    """What a day's book cites: the version of the caps."""
    return f"concentration@{rules.version}"


def _keep_day(work: Work, today: str, policy: str) -> Snapshot:
    spread.hold(work.tx, alone=True)
    last = spread.latest(work.tx)
    if last is not None and (last.on_day, last.policy_version) == (today, policy):
        return last  # another was faster
    place_all(work.tx)
    seq = last.seq + 1 if last else 1
    snapshot = Snapshot(seq, work.at_ms, today, policy, buckets_at(work.tx, work.at_ms))
    spread.add(work.tx, snapshot)
    return snapshot


def buckets_at(tx: Tx, before_ms: int) -> tuple[Bucket, ...]:
    """The book by bucket, with what stations may open, as it stands before an instant.

    A line of which it was not noted what it counts under stands in buckets without a name.
    """
    found = {
        (each.currency, each.dimension, each.bucket): each
        for dimension in Dimension
        for each in spread.sums(tx, dimension, before_ms)
    }
    for placed, amount in _leave_of_stations(tx, before_ms):
        for dimension in Dimension:
            key = (placed.currency, dimension, placed.bucket(dimension))
            known = found.get(key, Bucket(*key, 0, 0, 0))
            found[key] = replace(known, exposure_minor=known.exposure_minor + amount)
    return tuple(found[key] for key in sorted(found, key=lambda k: (k[0], k[1].value, k[2])))


def _leave_of_stations(tx: Tx, before_ms: int) -> Iterable[tuple[Placed, int]]:
    """What each onboarding lease that was out by then may still open [minor units]."""
    for signed in leases.onboarding_out(tx):
        lease = signed.lease
        if lease.signed_at_ms >= before_ms:
            continue
        opened = len(lines.opened_under(tx, lease.lease_id))
        left = max(0, lease.lines_max - opened) * lease.per_line_minor
        if left:
            product = products.newest(tx, lease.product_id)
            yield place_of_station(tx, lease.station, product), left


def place_of_station(tx: Tx, station: str, product: Product) -> Placed:
    """Where a station's new lines will lie: where most of those that it has do."""
    here = spread.station_places(tx, station)
    village = str(here[0]["village"]) if here else spread.station_site(tx, station)
    return Placed(product.currency, crop_of(product), village, str(here[0]["cell"]) if here else "")


def crop_of(product: Product) -> str:
    """What a product's lines count under; the kind where it names no crop."""
    return product.crop or product.kind.value


def place_all(tx: Tx) -> None:
    """Note of every open line what it counts under."""
    after = ""
    while missing := spread.unplaced(tx, after, PLACED_AT_ONCE):
        spread.put_places(tx, _places(tx, missing))
        after = missing[-1]


def place_line(work: Work, line: Line) -> Placed:
    """What a line counts under, noted now if it was not before."""
    known = spread.place_of(work.tx, line.line_id)
    if known is None:
        found = dict(_places(work.tx, [line.line_id]))
        spread.put_places(work.tx, found.items())
        placed = found.get(line.line_id)
        known = (placed.crop, placed.village, placed.cell) if placed else ("", "", "")
    return Placed(line.currency, *known)


def learn_places(work: Work, found: Sequence[Line]) -> None:
    """Remember what lines count under, if caps are in force."""
    if day_book(work) is not None:
        spread.learn_places(work.tx, [line.line_id for line in found])


def _places(tx: Tx, line_ids: Sequence[str]) -> Iterable[tuple[str, Placed]]:
    """Where lines lie: in the cell of the largest of what they rest on that has a polygon."""
    rows = spread.where_of(tx, line_ids)
    for line_id, group in groupby(rows, key=lambda row: str(row["line_id"])):
        rests = list(group)
        drawn = next((row["geojson"] for row in rests if row["geojson"]), None)
        product = products.newest(tx, rests[0]["product_id"])
        cell = cell_of(drawn) if drawn else ""
        placed = Placed(rests[0]["currency"], crop_of(product), rests[0]["site"] or "", cell)
        yield line_id, placed


def cell_of(geojson: str) -> str:
    """The weather cell of the middle of a polygon's corners."""
    ring = json.loads(geojson)["coordinates"][0][:-1]
    lon, lat = (sum(corner[axis] for corner in ring) / len(ring) for axis in (0, 1))
    return weather_cell(round(lon * E7), round(lat * E7))


def ceiling_of(work: Work, line: Line, last: LineMovement | None) -> Ceiling | None:
    """How high a line may be raised today; None while nothing bounds it."""
    day = day_book(work)
    if day is None:
        return None
    return ceiling(day.rules, day.spread, place_line(work, line), _base(work, line, last, day))


def _base(work: Work, line: Line, last: LineMovement | None, day: DayBook) -> int:
    """The line's limit in the day's book; 0 if it was opened since."""
    since_ms = day.snapshot.at_ms
    if line.opened_at_ms >= since_ms:
        return 0
    if last is None or last.at_ms < since_ms:
        return line.limit_minor
    found = spread.limit_at(work.tx, line.line_id, since_ms)
    return line.limit_minor if found is None else found


def room_to_open(work: Work, placed: Placed) -> Ceiling | None:
    """How large a new line may be today; None while nothing bounds it."""
    day = day_book(work)
    if day is None:
        return None
    spread.hold_openings(work.tx)
    return opening_room(day.rules, day.spread, placed, _opened(work, day))


def place_of_new(
    work: Work, product: Product, farmer_id: str, subject_ids: Sequence[str]
) -> Placed:
    """What a line that is not open yet will count under."""
    site, drawn = registry.farmer_site(work.tx, farmer_id), spread.polygon_of(work.tx, subject_ids)
    village, cell = site.site if site else "", cell_of(drawn) if drawn else ""
    return Placed(product.currency, crop_of(product), village, cell)


def _opened(work: Work, day: DayBook) -> Opened:
    """What was opened, and what stations were given leave to open, since the day's book."""
    found: Opened = {}
    since_ms = day.snapshot.at_ms
    told = [(placed, amount) for _, placed, amount in spread.opened_since(work.tx, since_ms)]
    for signed in leases.onboarding_out(work.tx):
        if signed.lease.signed_at_ms >= since_ms:
            product = products.newest(work.tx, signed.lease.product_id)
            place = place_of_station(work.tx, signed.lease.station, product)
            told.append((place, signed.lease.amount_minor))
    for placed, amount in told:
        for dimension in Dimension:
            key = (placed.currency, dimension, placed.bucket(dimension))
            found[key] = found.get(key, 0) + amount
    return found


def lines_to_open(work: Work, station: str, product: Product) -> int:
    """How many new lines a station may be given leave to open today."""
    terms = product.lease
    room = room_to_open(work, place_of_station(work.tx, station, product))
    if room is None:
        return terms.onboarding_lines_max
    return min(terms.onboarding_lines_max, room.limit_minor // terms.onboarding_minor_per_line)
