"""Stations, a centre, and everything that can befall them, on one clock and one seed.

The product's own code runs: the stations' store, rules and sync, the centre's services
and database. Only time, identifiers, chance, links and power are simulated. The same
seed tells the same story, line by line.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from core.reasons import ReasonCode
from core.shape import encode
from core.units import MS_PER_DAY
from core.wire.subleases import SUBLEASE_DAYS_MAX, SUBLEASE_GRACE_MS
from edge_node.sync.wires import CentreUnreachableError
from server.services.centre import Centre, RequestError
from server.services.destruction import Declared, Proof, declare_destroyed
from server.services.envelopes import accept_envelope
from server.services.pulls import answer_pull
from server.services.timing import answer_time
from server.store import lines
from server.store.lines import Line
from server.store.people import Actor
from tests.simulation import village
from tests.simulation.faults import Fuse, Limbo, Link, ProcessDiedError, Weather, drop, fused_sqlite
from tests.simulation.noted import Noted
from tests.simulation.shelf import shared
from tests.simulation.sky import Sky
from tests.simulation.station import SimulatedStation
from tests.simulation.village import FARMERS, PLOT_OF, START_MS, STATIONS
from tests.support.centre_kit import Clock, Counter

MS_PER_MINUTE = 60_000
STEP_MINOR = 10_000
FIRST_DRAW_MINOR = 5 * STEP_MINOR
_TABLETS_MS = SUBLEASE_DAYS_MAX * MS_PER_DAY + SUBLEASE_GRACE_MS
QUIET_ROUNDS_MAX = 12
SPEAKS = 0.7
DARKNESS = 0.9  # of a dark station's rounds, how many nobody hears
_CODES = re.compile(r"HL-[A-Z]+-\d{3}")
_REASONS = frozenset(each.value for each in ReasonCode)


class World:
    """One lender on one seed."""

    def __init__(self, seed: int, folder: Path, start: Start | None = None) -> None:
        self.chance = Random(seed)
        self.told: list[str] = []
        self.befell: Tally[str] = Tally()
        self.reached: Tally[tuple[str, str]] = Tally()  # by kind: what of the product was met
        self.refused: Tally[str] = Tally()  # by the centre, of what came over links
        self.limbo = Limbo()
        self.centre_fuse = Fuse()
        self._connections: list[sqlite3.Connection] = []
        self._seen: object = None
        self.noted = Noted()
        self.deaths = 0
        begun = start or _drawn_start(self.chance)
        self.repaid = begun.repaid
        village.laid_out(begun.files, folder)
        self._folder = folder
        self._ids = Counter(last=begun.ids_last)
        self._time = Clock(START_MS)
        self.centre = self._open_centre()
        identity = self.centre.keys.identity()
        self.stations = {
            name: SimulatedStation(folder, name, identity, self._ids.next_id) for name in STATIONS
        }
        self.lost = self.destroyed = ""
        self.erased: set[str] = set()  # who asked to be forgotten, and was
        self.agents: dict[str, Any] = {}  # by station: who has a tablet in the field
        self.lost_tablets: list[tuple[str, Any]] = []  # and their stations
        self._declared_with = b""
        self.dark = self.chance.choice(("", "", *STATIONS))  # hardly ever reached
        self.pace = self.chance.choice((1, 1, 1, 5))  # some stories go on past their season
        self.barns: dict[str, Any] = {}  # by store: what truly lies there, and its tickets
        self.homes = {each: village.home_of(each) for each in FARMERS}
        self._sky = Sky(self.centre, self._time, self._ids)

    @property
    def now_ms(self) -> int:
        """The true time [ms UTC]."""
        return self._time.at_ms

    @property
    def fingerprint(self) -> str:
        """A hash of all that happened."""
        return hashlib.sha256("\n".join(self.told).encode()).hexdigest()

    def close(self) -> None:
        for station in self.stations.values():
            station.close()
            self._note_writes("a station", station.fuse)
        self._note_writes("the centre", self.centre_fuse)
        self.reached.update({("code", code): times for code, times in self.refused.items()})
        self.centre.store.close()

    def _note_writes(self, whose: str, fuse: Fuse) -> None:
        for written, times in fuse.wrote.items():
            if written:
                self.reached["write", f"{whose} {written}"] += times

    def heal(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """All links fair, all clocks right, all processes up: sync until nothing moves."""
        self.limbo = Limbo()
        self._disarm()
        if self.lost and not self.destroyed:
            self.declare_destroyed()
            meanwhile()
        if self.lost and not self.destroyed:  # its tablets may still pay out
            self.pass_time(_TABLETS_MS)
            self.declare_destroyed()
        for station in self.alive:
            station.skew_ms, station.error_ms = 0, 1_000
            station.restart(self.now_ms)
        self.pass_time(2 * MS_PER_DAY)  # pending draws are given up, the daily sweep is due
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        """Rounds over fair links until nothing moved in the last one of each station."""
        quiet, alive = 0, self.alive
        for station in alive * QUIET_ROUNDS_MAX:
            done = station.sync(self._link(station, Weather()), self.now_ms)
            assert not done.problem, done.problem
            quiet = 0 if done.progressed else quiet + 1
            if quiet == len(alive):
                return
            self.pass_time(MS_PER_MINUTE)
        raise AssertionError("it never came to rest")

    def moved(self) -> bool:
        """Whether anything was written or promised since this was last asked."""
        now = (
            self.centre_fuse.rows_changed, self.deaths, self.lost, self.destroyed,
            *(station.moved for station in self.stations.values()),
            sum(len(agent.draws) for agent in self.agents.values()),
        )  # fmt: skip
        moved, self._seen = now != self._seen, now
        return moved

    @property
    def alive(self) -> list[SimulatedStation]:
        """The stations that are not lost for ever."""
        return [each for each in self.stations.values() if each.name != self.lost]

    @property
    def asks_visits(self) -> bool:
        """Whether a rise waits for what agents see."""
        return self.repaid == "two sources"

    def stage_of(self, plot: str) -> int:
        """The stage that pictures show of a plot, by its place among all."""
        return self._sky.stages[plot]

    def mint(self) -> str:
        """An identifier."""
        return self._ids.next_id()

    def link(self, station: SimulatedStation, weather: Weather) -> Link:
        """A station's way to the centre for one round."""
        return self._link(station, weather)

    def pass_time(self, ms: int) -> None:
        """Time goes on, for everyone alike."""
        self._time.at_ms += ms

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """While somebody looks, nobody dies; not even after he looked up something meanwhile."""
        fuses = [self.centre_fuse, *(station.fuse for station in self.stations.values())]
        held = [fuse.held for fuse in fuses]
        for fuse in fuses:
            fuse.held = True
        try:
            yield
        finally:
            for fuse, before in zip(fuses, held, strict=True):
                fuse.held = before

    def lines(self) -> tuple[Line, ...]:
        """The centre's lines."""
        with self.looked_at(), self.centre.store.reading() as tx:
            return lines.every(tx)

    # What can happen; each returns what came of it.

    def wait(self) -> str:
        days = self.chance.choice((0, 0, 0, 1, 1, 3, 10, 35)) * self.pace
        self.pass_time(days * MS_PER_DAY + self.chance.randrange(30) * MS_PER_MINUTE)
        return f"{days} d"

    def speak(self, station: SimulatedStation) -> None:
        """Mostly a round at once, in whatever weather: somebody waits for what it brings."""
        if station.name != self.dark and self.chance.random() < SPEAKS:
            station.sync(self.link(station, Weather.drawn(self.chance)), self.now_ms)

    def sync(self) -> str:
        station = self.station()
        if station.name == self.dark and self.chance.random() < DARKNESS:
            return f"{station.name} is in the dark"
        link = self._link(station, Weather.drawn(self.chance))
        done = station.sync(link, self.now_ms)
        return (
            f"{station.name} up {done.pushed_records_count} down {done.pulled_records_count} "
            + (done.problem[:60] or "well")
        )

    def arrive_late(self) -> str:
        if self.limbo.up and self.chance.random() < 0.6:
            data = self.chance.choice(self.limbo.up)
            return "up " + accept_envelope(self.centre, data).placement.value
        if self.limbo.down:
            name, data = self.chance.choice(self.limbo.down)
            if name == self.lost:
                return "nobody is there"
            return "down " + self.stations[name].take(data, self.now_ms)
        return "nothing under way"

    def carry_stick(self) -> str:
        found = self.station().stick(self.chance)
        places = [accept_envelope(self.centre, data).placement.value for data in found]
        return " ".join(places)

    def look_down(self) -> str:
        plot = self.chance.choice(list(PLOT_OF.values()))
        return self.see(plot, self.chance.choice((None, 0, 300, 900, 1_500, 2_400)))

    def see(self, plot: str, p10: int | None) -> str:
        """A picture of a plot if the sky is clear, and what it is expected to yield [kg/ha]."""
        return self._sky.look(self.centre, self.chance, plot, p10, self.civil_day())

    def move_home(self) -> str:
        farmer = self.chance.choice(FARMERS)
        self.homes[farmer] = self.chance.choice(STATIONS)
        village.move_home(self.centre, self.homes, self.repaid)
        return f"{farmer} lives at {self.homes[farmer]}"

    def lose_station(self) -> str:
        if self.lost:
            return "one is lost already"
        self.lost = self.station().name
        self.stations[self.lost].fuse.disarm()
        return self.lost

    def declare_destroyed(self) -> str:
        """Two officers, with the receipts that people were shown there and by its tablets."""
        if not self.lost or self.destroyed:
            return "none is lost"
        station, agent = self.stations[self.lost], self.agents.get(self.lost)
        with self.looked_at():
            brought = json.loads(station.receipts())
        waits = agent.receipts() if agent is not None else []
        proof = Proof(
            b"the board, in two parts", json.dumps([*brought, *map(encode, waits)]).encode()
        )
        if proof.receipts != self._declared_with:
            self._declared(proof, Actor("officer-a", "supervisor"))
            self._declared_with = proof.receipts
        try:
            told = self._declared(proof, Actor("officer-b", "supervisor"))
        except RequestError as error:
            return f"{error.code} waits for its tablets"
        station.promises.shown |= {each.draw_id: each.amount_minor for each in waits}
        self.destroyed = self.lost
        return f"{self.lost} booked {told.booked_minor} released {told.released_minor}"

    def _declared(self, proof: Proof, by: Actor) -> Declared:
        try:
            return declare_destroyed(self.centre, self.lost, proof, by)
        except ProcessDiedError:
            self._revive_centre()
            return declare_destroyed(self.centre, self.lost, proof, by)

    def ask_time(self) -> str:
        station = self.station()
        told = station.ask_time(self._link(station, Weather.drawn(self.chance)), self.now_ms)
        return f"{station.name} {'was told' if told else 'heard nothing'}"

    def open_first_lines(self) -> str:
        village.open_first_lines(self.centre)
        return "opened"

    def set_clock(self) -> str:
        station = self.station()
        days = self.chance.choice((0, 0, 0, -400, -30, -1, 1, 20, 90, 800))
        station.skew_ms = days * MS_PER_DAY
        station.error_ms = self.chance.choice((1_000, 1_000, 60_000, -1))
        return f"{station.name} {days} d ± {station.error_ms}"

    def cut_power(self) -> str:
        station = self.station()
        station.restart(self.now_ms)
        return station.name

    def lay_fuse(self) -> str:
        fuse = self.chance.choice([self.centre_fuse, *(s.fuse for s in self.alive)])
        fuse.arm(
            self.chance.choice((3, 12, 40, 150)) * self.chance.randrange(1, 5),
            after=self.chance.random() < 0.5,
            writes=self.chance.random() < 0.5,
        )
        return "laid"

    # The parts that the events are made of.

    def begin_well(self) -> None:
        """Stock the stations over a good link."""
        for station in self.stations.values():
            station.sync(self._link(station, Weather()), self.now_ms)

    def lend_well(self) -> None:
        """Lines for those who repaid before, leased to their stations."""
        village.open_first_lines(self.centre)
        self.begin_well()

    def draw_well(self) -> None:
        """A first draw on each line, and the centre hears of it."""
        for station in self.stations.values():
            for line_id, farmer in station.open_lines():
                begun = station.draw(line_id, farmer, FIRST_DRAW_MINOR, self.now_ms)
                if not isinstance(begun, str):
                    station.confirm(begun.drawdown.draw_id, self.now_ms)
        self.begin_well()

    @property
    def last_id(self) -> int:
        """The number of the last identifier."""
        return self._ids.last

    def say(self, name: str, outcome: str) -> None:
        """Tell what happened."""
        self.told.append(f"{self.now_ms} {name}: {outcome}")
        self.reached.update(("code", code) for code in set(_CODES.findall(outcome)))
        self.reached.update(("reason", word) for word in set(outcome.split()) & _REASONS)

    def station(self) -> SimulatedStation:
        """Any station that is not lost."""
        return self.chance.choice(self.alive)

    def civil_day(self) -> date:
        return self.centre.write(lambda work: work.today(180))

    def _link(self, station: SimulatedStation, weather: Weather) -> Link:
        link = Link(station.name, self._answer, weather, self.chance, self.limbo)
        link.befell, link.refused = self.befell, self.refused
        return link

    def _answer(self, path: str, content: bytes) -> bytes | None:
        try:
            if path.endswith("envelopes"):
                return accept_envelope(self.centre, content).receipt
            if path.endswith("time"):
                return answer_time(self.centre, content)
            return answer_pull(self.centre, content)
        except ProcessDiedError:
            if self.centre_fuse.blown:
                self._revive_centre()
                raise _gone() from None
            raise

    def revive(self) -> None:
        """Start again whoever died."""
        if self.centre_fuse.blown:
            self._revive_centre()
        for station in self.stations.values():
            if station.fuse.blown:
                self.deaths += station.fuse.blown
                self._died("a station", station.fuse)
                station.fuse.blown = 0
                station.restart(self.now_ms)

    def _revive_centre(self) -> None:
        self.deaths += self.centre_fuse.blown
        self._died("the centre", self.centre_fuse)
        self.centre_fuse.blown = 0
        self.centre_fuse.disarm()
        self.centre.store.close()
        for connection in self._connections:
            drop(connection)
        self._connections.clear()
        self.centre = self._open_centre()

    def _died(self, whose: str, fuse: Fuse) -> None:
        when = "after" if fuse.after else "before"
        self.befell[f"death of {whose} {when} a statement"] += 1
        self.reached["cut", f"{whose} {fuse.cut}"] += 1

    def _disarm(self) -> None:
        self.centre_fuse.disarm()
        for station in self.stations.values():
            station.fuse.disarm()

    def _open_centre(self) -> Centre:
        settings = village.centre_settings(self._folder)
        store = village.shared_store(
            self._folder, fused_sqlite(self.centre_fuse, self._connections)
        )
        return Centre(
            settings, store, village.centre_keys(settings), lambda: self.now_ms,
            self._ids.next_id, self._ids.next_token,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """What a world begins with: its product, its files, and the last identifier that is used."""

    repaid: str
    files: village.Files
    ids_last: int = 1_000_000


def _drawn_start(chance: Random) -> Start:
    """Most stations are stocked over a good link before they are left alone; many owe."""
    repaid, luck = chance.choice(tuple(village.REPAID)), chance.random()
    if repaid == village.OWN_MONTHS:  # a line has its months from where it is asked for
        luck = 0.1
    if luck >= 0.8:
        return new_start(repaid)
    return _stocked(repaid) if luck < 0.15 else _lent(repaid) if luck < 0.4 else _indebted(repaid)


# Worlds that began well, each built once upon the one before: nothing of them is by chance.


def new_start(repaid: str) -> Start:
    """A stocked centre and two new stations, on which nothing has happened yet."""
    return Start(repaid, village.template(repaid))


@cache
def _stocked(repaid: str) -> Start:
    return shared(f"stocked {repaid}", lambda: _begun(new_start(repaid), World.begin_well))


@cache
def _lent(repaid: str) -> Start:
    return shared(f"lent {repaid}", lambda: _begun(_stocked(repaid), World.lend_well))


@cache
def _indebted(repaid: str) -> Start:
    return shared(f"indebted {repaid}", lambda: _begun(_lent(repaid), World.draw_well))


def _begun(upon: Start, how: Callable[[World], None]) -> Start:
    last = 0

    def begin(folder: Path) -> None:
        nonlocal last
        world = World(0, folder, upon)
        try:
            how(world)
            last = world.last_id
        finally:
            world.close()

    return Start(upon.repaid, village.built(begin), last)


def _gone() -> CentreUnreachableError:
    return CentreUnreachableError("the centre died under the request")
