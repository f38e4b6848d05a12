"""A season as a lender writes it down: what is seen when, what is drawn, sold and repaid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

from core.errors import ShapeError
from core.lending.kinds.terms import M2_PER_HA
from core.lending.views import (
    AssetView,
    HerdView,
    Household,
    MachineView,
    OrderState,
    OrderView,
    PlotView,
    Seen,
    StoreView,
)
from core.shape import decode
from core.units import civil_date

STEPS_MAX = 1_000
Rows = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A day on which something happens; what was seen stays known until it is seen anew.

    ``sold_minor`` is the money of a sale or a slaughter, of which the product takes its
    share for the line [minor units].
    """

    on: str
    plots: Rows = ()
    herds: Rows = ()
    machines: Rows = ()
    stores: Rows = ()
    orders: Rows = ()
    assets: Rows = ()
    draw_minor: int = 0
    sold_minor: int = 0
    repay_minor: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A season with its steps in order."""

    name: str
    household: Household
    steps: tuple[Step, ...]

    @property
    def opened_on(self) -> date:
        """The day of the first step."""
        return date.fromisoformat(self.steps[0].on)


def read_scenario(table: Mapping[str, Any]) -> Scenario:
    """Read a scenario from a parsed TOML table.

    Raises
    ------
    ShapeError
        If a field is missing or wrong, a day is none, or the steps are not in order.
    """
    given = {"household": {"size": 0}, **table}
    given["steps"] = given.pop("step", [])
    unknown = set(given) - {"name", "household", "steps"}
    unknown |= {name for step in given["steps"] for name in step} - set(Step.__dataclass_fields__)
    if unknown:
        raise ShapeError(f"expected names of a scenario, got {', '.join(sorted(unknown))}")
    found = decode(Scenario, given)
    days = [step.on for step in found.steps]
    wrong = [day for day in days if civil_date(day) is None]
    if not days or len(days) > STEPS_MAX or wrong or days != sorted(set(days)):
        raise ShapeError(
            f"expected 1 to {STEPS_MAX} [[step]], each on a later day such as 2026-03-20, "
            f"got {wrong[:1] or days[:3]}"
        )
    if any(min(step.draw_minor, step.sold_minor, step.repay_minor) < 0 for step in found.steps):
        raise ShapeError("expected draw_minor, sold_minor and repay_minor of 0 or more")
    return found


@dataclass(frozen=True, slots=True)
class Known:
    """What is known after some steps, each by its id with the day on which it was seen."""

    seen: Seen
    seen_on: Mapping[str, date]

    def aged(self, on: date) -> Seen:
        """The views, each as old as it is on a day."""

        def age(views: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(
                replace(each, age_days=(on - self.seen_on[_id_of(each)]).days) for each in views
            )

        seen = self.seen
        return Seen(
            plots=age(seen.plots), herds=age(seen.herds), machines=age(seen.machines),
            stores=age(seen.stores), orders=age(seen.orders), assets=age(seen.assets),
        )  # fmt: skip

    @property
    def looked_on(self) -> date:
        """The day of the oldest last look among what the line rests on."""
        return min(self.seen_on[_id_of(each)] for each in self.seen.pledged)


View = TypeVar("View", PlotView, HerdView, MachineView, StoreView, OrderView, AssetView)


def learn(known: Known, step: Step) -> Known:
    """What is known once a step was seen; of orders, what became of those that were paid.

    Raises
    ------
    ShapeError
        If a view lacks a field.
    """
    on = date.fromisoformat(step.on)
    seen, seen_on = known.seen, dict(known.seen_on)

    def take(before: tuple[View, ...], cls: type[View], rows: Rows) -> tuple[View, ...]:
        found = {_id_of(each): each for each in before}
        for row in rows:
            view = _view(cls, row, step.on)
            found[_id_of(view)] = view
            seen_on[_id_of(view)] = on
        return tuple(found.values())

    orders = tuple(
        replace(order, state=OrderState(row.get("state", order.state.value)))
        for order in seen.orders
        for row in [next((r for r in step.orders if r.get("order_id") == order.order_id), {})]
    )
    seen = Seen(
        plots=take(seen.plots, PlotView, step.plots),
        herds=take(seen.herds, HerdView, step.herds),
        machines=take(seen.machines, MachineView, step.machines),
        stores=take(seen.stores, StoreView, step.stores),
        orders=orders,
        assets=take(seen.assets, AssetView, step.assets),
    )
    return Known(seen, seen_on)


def new_orders(known: Known, step: Step) -> tuple[OrderView, ...]:
    """The orders of a step that were not asked for before.

    Raises
    ------
    ShapeError
        If one lacks a field.
    """
    ids = {order.order_id for order in known.seen.orders}
    return tuple(
        _view(OrderView, {"state": OrderState.PAID.value, **row}, step.on)
        for row in step.orders
        if row.get("order_id") not in ids
    )


def with_order(known: Known, order: OrderView, on: date) -> Known:
    """What is known once an order was paid for."""
    seen = replace(known.seen, orders=(*known.seen.orders, order))
    return Known(seen, {**known.seen_on, order.order_id: on})


def _view(cls: type[View], row: Mapping[str, Any], on: str) -> View:
    given = {"age_days": 0, "evidence_id": f"seen-{on}", "usual_stage": "", **row}
    names = cls.__dataclass_fields__
    unknown = sorted(set(row) - set(names))
    if unknown:
        raise ShapeError(f"expected names of a {cls.__name__} on {on}, got {', '.join(unknown)}")
    return decode(cls, {name: given[name] for name in given if name in names})


def _id_of(view: object) -> str:
    """The first field of every view is its id."""
    return str(getattr(view, next(iter(view.__dataclass_fields__))))  # type: ignore[attr-defined]  # each is a dataclass


def units_e3(seen: Seen) -> int:
    """How much is lent on, in thousandths of a hectare, head, machine or tonne."""
    area_m2 = sum(plot.area_m2 for plot in seen.plots)
    heads = sum(herd.heads for herd in seen.herds)
    stored_kg = sum(store.receipts_kg for store in seen.stores)
    return area_m2 * 1_000 // M2_PER_HA + 1_000 * (heads + len(seen.machines)) + stored_kg
