"""Telling the season, day by day: devices, sky, farmers, link, harvest.

Every day the devices report and are acknowledged; every fifth day the satellite
passes and its evidence reaches the centre; now and then a farmer comes to the
kiosk. While the link is cut the village goes on alone. The director waits for what
it started before it turns the page, so the story does not depend on the machine's
speed. Devices are waited for when a picture has been taken: what they measured in
the days before may overlap with what the village does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from firmware_sim.story.peers import Borrowing, Kiosk
from firmware_sim.story.process import PeerProcessError
from firmware_sim.story.stage import PRODUCTS, Stage, season_ms

ACKNOWLEDGED_S_MAX = 60.0
SETTLED_S_MAX = 60.0
EMPTIED_S_MAX = 600.0  # for every reading too, which travels after everything else
PICTURE_S_MAX = 60.0
LOOK_S = 0.05
MORNING_HOUR, NOON_HOUR, EVENING_HOUR = 7.0, 12.0, 23.5
VISITORS_A_DAY_MAX = 3
VISIT_EVERY_DAYS = 2
DRAW_SHARE = 0.55  # of what may be drawn, the most that a farmer takes at once
REPAY_PARTS = 2
COIN_MINOR = 100  # buyers pay in whole shillings; what is over belongs to the farmer
ASKED_MINOR = 700_000  # what a newcomer asks for


@dataclass(slots=True)
class Told:
    """What happened, for the checker and for the table at the end."""

    drawn: list[Borrowing] = field(default_factory=list)
    dark_draws: int = 0
    dark_applications: int = 0
    decisions: dict[str, int] = field(default_factory=dict)
    refused_draws: int = 0
    pictures: int = 0
    samples: int = 0
    first_decision_s: float | None = None
    repaid_minor: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after each day: the day's number and date, and a word on what is going on."""

    day: int
    on: date
    words: str


class Season:
    """One telling of the story on a stage that is set."""

    def __init__(self, stage: Stage, advance: Callable[[Progress], None]) -> None:
        self.stage, self.plan, self.told = stage, stage.plan, Told()
        self._advance = advance
        self._rng = np.random.default_rng([self.plan.seed, 71])
        self._began_s = time.monotonic()
        self._watching = False
        self._applied: set[tuple[str, bool]] = set()

    def run(self) -> Told:
        """Tell it all, from the first day to the last."""
        for day in range(self.plan.days):
            self._day(day)
        self.told.samples = self.stage.fleet.counts().samples_sent
        return self.told

    def _day(self, day: int) -> None:
        stage = self.stage
        on = stage.truth.spec.first_day + timedelta(days=day)
        self._turn(day, MORNING_HOUR)
        if day == self.plan.dark_from_day:
            self.settle()
            stage.link.cut()
        if day == self.plan.dark_to_day:
            stage.link.mend()
        pictured = self._picture(day)
        if day == self.plan.open_day:
            self._open_lines()
        if day in (self.plan.open_day, self.plan.dark_to_day):
            self.settle()
        self._turn(day, NOON_HOUR)
        if day > self.plan.open_day and day % VISIT_EVERY_DAYS == 0 and day < self.plan.harvest_day:
            self._visits(day)
        if day >= self.plan.harvest_day and (day - self.plan.harvest_day) % 4 == 0:
            self._repay(day, on)
        self._turn(day, EVENING_HOUR)
        last = day == self.plan.days - 1
        if (pictured or last) and not stage.fleet.wait_acknowledged(ACKNOWLEDGED_S_MAX):
            raise PeerProcessError(f"day {day}: the station left samples unacknowledged")
        if last:
            self.settle()
            self._await(lambda: self._waiting() == 0, EMPTIED_S_MAX)
        self._advance(Progress(day, on, self._words(day)))

    def _turn(self, day: int, hour: float) -> None:
        """Move the clock, and let the devices live up to it."""
        at_ms = season_ms(self.stage.truth, day, hour)
        self.stage.clock.advance(at_ms)
        self.stage.fleet.advance(at_ms)

    def _picture(self, day: int) -> bool:
        on = self.stage.scene_on(day)
        if on is None:
            return False
        if not self._watching:
            self.stage.satellite.launch()
            self._watching = True
        seen = self.stage.satellite.next_line(PICTURE_S_MAX)
        while str(seen.get("as_of", "")) < on and seen.get("scenes_new", 0):
            seen = self.stage.satellite.next_line(PICTURE_S_MAX)
        if seen.get("refused"):
            raise PeerProcessError(f"{on}: the centre refused evidence: {seen}")
        self.told.pictures += 1
        return True

    def _open_lines(self) -> None:
        for product in PRODUCTS:
            self.stage.server_command("open-lines", "--product", product, "--from-dossiers")

    def _visits(self, day: int) -> None:
        names = sorted(self.stage.cards)
        visitors = self._rng.choice(names, size=min(VISITORS_A_DAY_MAX, len(names)), replace=False)
        for farmer_id in visitors:
            with Kiosk(self.stage.page_url, self.stage.cards[str(farmer_id)]) as kiosk:
                self._visit(day, kiosk)

    def _visit(self, day: int, kiosk: Kiosk) -> None:
        """Draw on each line; without one, apply: once with the link up, once in the dark."""
        home = kiosk.home()
        dark = self.plan.is_dark(day)
        for line in home["lines"]:
            amount = self._wanted(line)
            if amount:
                booked = kiosk.borrow(line["line_id"], amount)
                self.told.refused_draws += booked is None
                if booked is not None:
                    self.told.drawn.append(booked)
                    self.told.dark_draws += dark
        crops = [one for one in home["possible"] if one["product_id"] == PRODUCTS[0]]
        if crops and not home["lines"] and (home["farmer_id"], dark) not in self._applied:
            self._applied.add((home["farmer_id"], dark))
            self._apply(kiosk, crops[0], dark=dark)

    def _apply(self, kiosk: Kiosk, possible: dict[str, Any], *, dark: bool) -> None:
        decided = kiosk.apply(possible, ASKED_MINOR)
        if "refused" in decided:
            return
        if self.told.first_decision_s is None:
            self.told.first_decision_s = time.monotonic() - self._began_s
        verdict = str(decided["outcome"]["verdict"])
        self.told.decisions[verdict] = self.told.decisions.get(verdict, 0) + 1
        self.told.dark_applications += dark

    def _wanted(self, line: dict[str, Any]) -> int:
        """How much a farmer takes: a part of what may be drawn, in the kiosk's steps."""
        step = int(line["draw_step_minor"])
        share = self._rng.uniform(0.2, DRAW_SHARE)
        return int(line["drawable_minor"] * share) // step * step

    def _repay(self, day: int, on: date) -> None:
        """The buyers pay what is owed, in parts, for every line; the last part is all of it."""
        last = day + 4 > self.plan.days - 1
        self.settle()
        for _, token in sorted(self.stage.cards.items()):
            with Kiosk(self.stage.page_url, token) as kiosk:
                lines = kiosk.home()["lines"]
            for line in lines:
                owed = int(line["owed_minor"])
                part = owed if last else owed // REPAY_PARTS
                amount = -(-part // COIN_MINOR) * COIN_MINOR
                if amount > 0:
                    self._pay(f"{on.isoformat()}-{line['line_id']}", line, amount, on)
        self.settle()

    def _pay(self, repayment_id: str, line: dict[str, Any], amount: int, on: date) -> None:
        self.stage.centre.repay(
            {
                "repayment_id": repayment_id[:64],
                "line_id": line["line_id"],
                "amount_minor": amount,
                "currency": line["currency"],
                "effective_on": on.isoformat(),
            }
        )
        self.told.repaid_minor += amount

    def settle(self) -> None:
        """Wait until the station's logs are at the centre and the centre's at the station.

        Readings travel when the link allows, and nobody waits for them here.

        Raises
        ------
        PeerProcessError
            If that takes longer than ``SETTLED_S_MAX`` although the link is open.
        """
        if not self.plan.is_dark(self._today()):
            self._await(self._is_settled, SETTLED_S_MAX)

    def _await(self, holds: Callable[[], bool], s_max: float) -> None:
        until_s = time.monotonic() + s_max
        while time.monotonic() < until_s:
            if holds():
                return
            time.sleep(LOOK_S)
        raise PeerProcessError(f"the station did not settle: {self.stage.page.status()}")

    def _is_settled(self) -> bool:
        status = self.stage.centre.status()
        down = {row["station"]: row for row in status["outbound"]}
        if any(row["acknowledged"] < row["high_water"] for row in down.values()):
            return False
        return self._waiting(besides="raw") == 0

    def _waiting(self, besides: str = "") -> int:
        """How many records wait for the centre at the station, of all logs but one."""
        waiting = self.stage.page.status()["outbox"]
        return sum(int(row["records_count"]) for row in waiting if row["log"] != besides)

    def _today(self) -> int:
        passed = self.stage.clock.at_ms - season_ms(self.stage.truth, 0, 0)
        return int(passed // 86_400_000)

    def _words(self, day: int) -> str:
        drought = self.stage.truth.spec.drought
        if self.plan.is_dark(day):
            return "the uplink is cut"
        if drought and drought.start_day <= day < drought.start_day + drought.days:
            return "no rain in the east"
        if day >= self.plan.harvest_day:
            return "harvest and repayment"
        return "the season goes on"
