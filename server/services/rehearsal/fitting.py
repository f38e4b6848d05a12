"""Whether a product fits what it lends on: its term, and the season's cash that it meets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.errors import ProductError
from core.lending.product import Product
from core.lending.views import Seen
from core.units import PPM, floor_to_unit
from server.services.rehearsal.playing import Season
from server.services.rehearsal.scenario import Known, Scenario, Step, learn, units_e3


@dataclass(frozen=True, slots=True)
class Need:
    """Cash that is needed on a day [minor units]: met on that day, or later, or not at all."""

    on: str
    what: str
    need_minor: int
    met_minor: int = 0
    met_late_minor: int = 0
    late_on: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a product fits a season."""

    term_days: int
    cycle_days: int
    needs: tuple[Need, ...]

    @property
    def term_fits(self) -> bool:
        """Whether the money may stay out until the cycle has brought it back."""
        return self.term_days >= self.cycle_days

    @property
    def need_minor(self) -> int:
        """All that the season needs [minor units]."""
        return sum(each.need_minor for each in self.needs)

    @property
    def met_ppm(self) -> int:
        """The share of the season's need that the line met on its day [ppm, floored]."""
        return sum(each.met_minor for each in self.needs) * PPM // max(1, self.need_minor)

    @property
    def met_late_ppm(self) -> int:
        """The share that it met, but later [ppm, floored]."""
        return sum(each.met_late_minor for each in self.needs) * PPM // max(1, self.need_minor)


def fit(product: Product, scenario: Scenario) -> Fit:
    """Draw, from each day of the cash calendar on, as much of the need as the line allows.

    The scenario's own draws, orders, sales and repayments are left out: what is met is met
    by the line alone. What cannot be drawn on its day is drawn as soon as the line allows.

    Raises
    ------
    ProductError
        If the product has no cycle or no cash calendar.
    """
    if product.cycle is None or not product.cash:
        raise ProductError(
            f"{product.product_id}: expected [cycle] and [[cash]] to hold the product against, "
            "got none: add them"
        )
    opened_on = scenario.opened_on
    units = units_e3(learn(Known(Seen(), {}), scenario.steps[0]).seen)
    season, looks = Season(product, scenario), {s.on: _only_seen(s) for s in scenario.steps}
    needs = [
        Need(
            (opened_on + timedelta(days=each.day)).isoformat(),
            each.what,
            each.need_minor_per_unit * units // 1_000,
        )
        for each in sorted(product.cash, key=lambda each: each.day)
    ]
    for day in sorted({*looks, *(need.on for need in needs)}):
        season.step(looks.get(day, Step(day)))
        needs = [_met(season, need, day) if need.on <= day else need for need in needs]
    due_on = date.fromisoformat(product.due_on)
    return Fit((due_on - opened_on).days, product.cycle.days, tuple(needs))


def misfits(product: Product, scenario: Scenario | None) -> tuple[str, ...]:
    """What people should know of a product before it lends, in words; it is refused for none.

    Held against a season as :func:`fit` does; without one only its usual term against the cycle.
    """
    if product.cycle is None:
        return ()
    if scenario is None or not product.cash:
        term_days, met_ppm = product.credit.term_days, PPM
    else:
        found = fit(product, scenario)
        term_days, met_ppm = found.term_days, found.met_ppm + found.met_late_ppm
    told, cycle_days = [], product.cycle.days
    if term_days < cycle_days:
        told.append(
            f"a term of {term_days} days ends before its cycle of {cycle_days} days has brought "
            "the money back"
        )
    if met_ppm * 2 < PPM:
        told.append(f"the line meets {met_ppm / 10_000:.1f} % of the cash that the season needs")
    return tuple(told)


def _only_seen(step: Step) -> Step:
    return replace(step, orders=(), draw_minor=0, sold_minor=0, repay_minor=0)


def _met(season: Season, need: Need, day: str) -> Need:
    """A need, once what the line allows on a day is drawn for what is left of it."""
    on = date.fromisoformat(day)
    left = need.need_minor - need.met_minor - need.met_late_minor
    step_minor = season.product.credit.draw_step_minor
    met = floor_to_unit(min(left, season.available(on)), step_minor)
    if met <= 0 or on >= date.fromisoformat(season.product.due_on):
        return need
    season.pay_out(on, met)
    if day == need.on:
        return replace(need, met_minor=need.met_minor + met)
    return replace(need, met_late_minor=need.met_late_minor + met, late_on=day)
