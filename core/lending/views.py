"""What is known of that on which a line rests when its limit is reviewed.

Each view carries the id of the evidence behind it and its age; what was seen too thinly
is unknown, never zero. A view's ``sources`` name the independent ways in which it is
known, such as a picture, a signed device, a weighbridge's receipt; absent, it is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class PlotView:
    """What is known of one plot when its line is reviewed.

    ``yield_p10_kg_per_ha`` and ``yield_p50_kg_per_ha`` are absent while nothing can
    be said; ``stage`` is the latest that was seen; ``usual_stage`` what the calendar
    expects today; ``age_days`` the age of the last clear look [days]. ``visit_id`` is the
    agent's visit that is the second of its ``sources``.
    """

    plot_id: str
    area_m2: int
    stage: str
    usual_stage: str
    age_days: int
    yield_p10_kg_per_ha: int | None = None
    yield_p50_kg_per_ha: int | None = None
    evidence_id: str = ""
    sources: tuple[str, ...] | None = None
    visit_id: str | None = None


@dataclass(frozen=True, slots=True)
class HerdView:
    """What is known of one herd: animals counted, and forage against normal [ppm].

    ``tags_read`` are the animals whose ear tags were read, ``settled_heads`` those that a
    slaughterhouse has settled since they were counted; ``feed_bought_minor`` the feed
    invoices of the season [minor units].
    """

    herd_id: str
    heads: int
    age_days: int
    forage_p10_ppm: int | None = None
    forage_p50_ppm: int | None = None
    evidence_id: str = ""
    tags_read: int | None = None
    settled_heads: int | None = None
    feed_bought_minor: int | None = None
    sources: tuple[str, ...] | None = None

    @property
    def standing_heads(self) -> int:
        """The animals that were read, as far as tags were, and were not settled since."""
        tagged = self.heads if self.tags_read is None else min(self.heads, self.tags_read)
        return max(0, tagged - (self.settled_heads or 0))


@dataclass(frozen=True, slots=True)
class MachineView:
    """A machine's work in the product's window, by its three counters.

    ``coverage_ppm`` is the share of the window's days that reported.
    """

    machine_id: str
    engine_s: int
    area_m2: int
    fuel_ml: int
    coverage_ppm: int
    age_days: int
    evidence_id: str = ""
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class StoreView:
    """What lies in a store: by the receipts that stand, and by the level in the silo [kg].

    ``humidity_ppm`` is that of the air between the grain; ``coverage_ppm`` the share of the
    expected readings of level and humidity.
    """

    store_id: str
    receipts_kg: int
    level_kg: int
    humidity_ppm: int
    coverage_ppm: int
    age_days: int
    evidence_id: str = ""
    sources: tuple[str, ...] | None = None


class OrderState(Enum):
    """What became of an order at a supplier."""

    PAID = "paid"
    DELIVERED = "delivered"
    DIVERTED = "diverted"  # the goods, or the sale that was to repay them, went elsewhere


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order that a voucher pays for [minor units]."""

    order_id: str
    supplier: str
    goods: str
    amount_minor: int
    state: OrderState
    age_days: int
    evidence_id: str = ""


@dataclass(frozen=True, slots=True)
class TradeView:
    """How a farmer kept to orders and sales so far; what is not known is absent.

    The three shares and days are scoring's features of the same names. ``sold_elsewhere``
    are the lines that still owe although far less than must have grown was sold to the
    buyers who were to repay them.
    """

    trade_of: str
    orders_received_ppm: int | None = None
    orders_late_days: int | None = None
    harvest_sold_ppm: int | None = None
    sold_elsewhere: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class AssetView:
    """Something invested in the farm, by its invoice [minor units]."""

    asset_id: str
    cost_minor: int
    age_days: int
    evidence_id: str = ""


class CoverKind(Enum):
    """How somebody else stands in for a harvest or a debt."""

    INSURANCE = "insurance"  # an index pays out
    GUARANTEE = "guarantee"  # a person or a fund pays


@dataclass(frozen=True, slots=True)
class CoverView:
    """A cover that stands behind a line [minor units].

    ``party`` is the insurer or the guarantor, ``said_on`` and ``source`` when and by what
    file they said so; both days of ``from_on`` to ``until_on`` belong to it. A guarantor
    stands for ``share_ppm`` of ``sum_minor``. An index insurance pays from the trigger down
    to the exit, where it pays all [kg/ha]. ``counted`` says that it was in force at the
    review whose record this stands on.
    """

    cover_id: str
    kind: CoverKind
    party: str
    from_on: str
    until_on: str
    currency: str
    sum_minor: int
    said_on: str
    source: str
    share_ppm: int | None = None
    trigger_kg_per_ha: int | None = None
    exit_kg_per_ha: int | None = None
    counted: bool | None = None

    @property
    def as_counted(self) -> bool:
        """Whether it counted at the review whose record this stands on."""
        return bool(self.counted)


@dataclass(frozen=True, slots=True)
class DuesView:
    """What a bureau says that a person owes elsewhere [minor units].

    ``dues_minor`` falls due in the season, ``liens_minor`` is charged on the harvest;
    ``as_of`` is the day that the answer speaks of, ``source`` the hash of the bureau's
    file, ``consent_id`` the consent under which it was asked. ``stale`` says that it was
    too old to be believed at the review whose record this stands on.
    """

    query_id: str
    bureau: str
    as_of: str
    currency: str
    dues_minor: int
    liens_minor: int
    source: str
    consent_id: str
    stale: bool | None = None


Beside = CoverView | DuesView
Trade = OrderView | TradeView
OnRecord = PlotView | HerdView | MachineView | StoreView | AssetView | Beside | Trade


@dataclass(frozen=True, slots=True)
class Household:
    """What the season's cash must first cover [minor units]."""

    size: int
    dues_elsewhere_minor: int = 0
    insured_floor_minor: int = 0
    prior_liens_minor: int = 0
    other_cash_minor: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of what one line rests on."""

    plots: tuple[PlotView, ...] = ()
    herds: tuple[HerdView, ...] = ()
    machines: tuple[MachineView, ...] = ()
    stores: tuple[StoreView, ...] = ()
    orders: tuple[OrderView, ...] = ()
    assets: tuple[AssetView, ...] = ()
    covers: tuple[CoverView, ...] = ()
    dues: tuple[DuesView, ...] = ()
    trade: tuple[TradeView, ...] = ()

    @property
    def pledged(self) -> tuple[PlotView | HerdView | MachineView | StoreView, ...]:
        """What the limit rests on, without what was bought with it."""
        return (*self.plots, *self.herds, *self.machines, *self.stores)

    @property
    def on_record(self) -> tuple[OnRecord, ...]:
        """What stands on a review's record: what the limit rests on, and what stands beside it."""
        return (*self.pledged, *self.assets, *self.covers, *self.dues, *self.orders, *self.trade)

    @property
    def age_days(self) -> int:
        """Age of the oldest last look among what the line rests on [days]."""
        return max((each.age_days for each in self.pledged), default=0)

    @property
    def sources_count(self) -> int:
        """In how many independent ways all of it is known: that of the least known part."""
        return min((len(set(each.sources or ("one",))) for each in self.pledged), default=1)
