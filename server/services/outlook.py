"""What is known of a line's plots or herd when its limit is reviewed.

Views are built from the newest evidence of *all* that a line rests on, herds from
the heads counted at the reader as well. The reasons that explain the evidence come
from comparing these views with those of the review before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from core.lending.limit import (
    HerdView,
    PlotView,
    Seen,
)
from core.lending.product import Product
from core.lending.views import AssetView, MachineView, OrderView, StoreView, TradeView
from core.lending.visited import VisitSeen, asks_visits
from core.scoring.features import DailyFeature
from core.shape import decode, encode
from core.wire.evidence import Stage
from core.wire.personal_data import DataClass
from core.wire.registry import Subject, SubjectKind
from server.services.beside import NOTHING_BESIDE, Beside, beside, read_beside
from server.services.centre import Work
from server.services.consents.using import consents_to_decide
from server.services.counted import (
    COUNTERS,
    LEVEL,
    asset_views,
    feed_bought_minor,
    looked_on,
    machine_view,
    settled_heads,
    store_view,
)
from server.services.orders.fulfilment import trade_of
from server.services.orders.views import order_views
from server.services.second_source import visited
from server.store import evidence, registry, reports
from server.store.evidence import KeptEvidence
from server.store.lines import Line

HEADS_FEATURE = "heads_count"
COUNTED_DAYS = 14
_COUNTED_BY = {
    SubjectKind.HERD: HEADS_FEATURE,
    SubjectKind.MACHINE: COUNTERS[0],
    SubjectKind.STORE: LEVEL,
}
_ZONES_MINUTES = (-720, 0, 840)  # the first of the world's zones, Greenwich, and the last


@dataclass(frozen=True, slots=True)
class Outlook:
    """The views on a line on a day, with the evidence behind them.

    ``age_days`` is of the oldest last clear look; ``as_of`` the newest evidence's
    date, empty while there is none; ``looked_on`` is the date of the oldest last clear
    look among all that the line rests on, empty while one of them was never seen: only
    when it moves on has everything been looked at again. ``complete`` says that there is
    evidence of all of it up to ``as_of``. ``consent_ids`` admitted what was looked at;
    ``withheld`` says that some of it was not, for want of one: it counts as not seen.
    ``visits`` is what agents told of its plots, where the product asks for that.
    """

    plots: tuple[PlotView, ...]
    herds: tuple[HerdView, ...]
    evidence_ids: tuple[str, ...]
    as_of: str
    looked_on: str
    age_days: int
    complete: bool
    arrived_at_ms: int
    machines: tuple[MachineView, ...] = ()
    stores: tuple[StoreView, ...] = ()
    assets: tuple[AssetView, ...] = ()
    beside: Beside = NOTHING_BESIDE
    orders: tuple[OrderView, ...] = ()
    trade: tuple[TradeView, ...] = ()
    consent_ids: tuple[str, ...] = ()
    withheld: bool = False
    visits: tuple[VisitSeen, ...] = ()

    @property
    def seen(self) -> Seen:
        """All of it, as the rule takes it."""
        return Seen(
            self.plots,
            self.herds,
            self.machines,
            self.stores,
            assets=self.assets,
            covers=self.beside.covers,
            dues=self.beside.dues,
            orders=self.orders,
            trade=self.trade,
        )

    @property
    def views(self) -> tuple[dict[str, Any], ...]:
        """The views as plain values, for the record."""
        return tuple(encode(view) for view in self.seen.on_record)


def look(work: Work, line: Line, product: Product, today: date) -> Outlook:
    """What is known of a line today, and what stands beside it."""
    found = _with_visits(work, line, product, _looked(work, line, product, today), today)
    stands = beside(work, line.farmer_id, product, today)
    if stands != NOTHING_BESIDE:
        under = tuple(sorted({*found.consent_ids, *stands.consent_ids}))
        found = replace(found, beside=stands, consent_ids=under)
    return found if product.voucher is None else _with_trade(work, line, found, today)


def _with_visits(work: Work, line: Line, product: Product, found: Outlook, today: date) -> Outlook:
    """The same with what agents saw on the plots, where a rise asks for that too."""
    if not asks_visits(product):
        return found
    seen = visited(work, line, product, found.plots, today)
    under = tuple(sorted({*found.consent_ids, *seen.consent_ids}))
    return replace(found, plots=seen.plots, visits=seen.visits, consent_ids=under)


def _with_trade(work: Work, line: Line, found: Outlook, today: date) -> Outlook:
    """The same with a line's orders, and how its farmer kept to orders and sales so far."""
    ordered = order_views(work, line)
    traded, told = trade_of(work.tx, line.farmer_id, today)
    if not ordered and not traded:
        return found
    under = tuple(sorted({*found.consent_ids, *told}))
    return replace(found, orders=ordered, trade=traded, consent_ids=under)


def _looked(work: Work, line: Line, product: Product, today: date) -> Outlook:
    subjects = [registry.subject(work.tx, each) for each in line.subject_ids]
    if product.kind.pledge in (SubjectKind.MACHINE.value, SubjectKind.STORE.value):
        return _counted_outlook(work, line, product, subjects, today)
    given = consents_to_decide(work.tx, line.farmer_id)
    withheld = frozenset(each.subject_id for each in subjects if not _may_look(work, each, given))
    found = {
        each.subject_id: None
        if each.subject_id in withheld
        else evidence.speaking_for(work.tx, each)
        for each in subjects
    }
    # What may not be looked at was looked at last when the line was reviewed last.
    since = dict.fromkeys(withheld, line.reviewed_as_of or line.opened_on)
    ages = {
        each.subject_id: _age_days(
            found[each.subject_id], since.get(each.subject_id, line.opened_on), today
        )
        for each in subjects
    }
    seen = [kept for kept in found.values() if kept is not None]
    as_of = max((kept.as_of for kept in seen), default="")
    plots = [
        _plot_view(each, product, found[each.subject_id], ages[each.subject_id], today)
        for each in subjects
        if each.kind is SubjectKind.PLOT
    ]
    herds = [
        _with_papers(
            work,
            _herd_view(work, each, found[each.subject_id], ages[each.subject_id], today),
            (line, product, today),
        )
        if each.subject_id not in withheld
        else _unseen_herd(each, ages[each.subject_id])
        for each in subjects
        if each.kind is SubjectKind.HERD
    ]
    return Outlook(
        plots=tuple(plots),
        herds=tuple(herds),
        assets=_assets(work, line, product, subjects, today),
        evidence_ids=tuple(sorted({kept.evidence_id for kept in seen})),
        as_of=as_of,
        looked_on=min(
            ((kept.last_clear_on or "") if kept else "" for kept in found.values()), default=""
        ),
        age_days=max(ages.values(), default=0),
        complete=len(seen) == len(subjects) and all(kept.as_of == as_of for kept in seen),
        arrived_at_ms=min((kept.received_at_ms for kept in seen if kept.as_of == as_of), default=0),
        consent_ids=tuple(sorted({given[each] for each in _classes_of(subjects, withheld, seen)
                                  if each in given})),
        withheld=bool(withheld),
    )  # fmt: skip


def _classes_of(
    subjects: Sequence[Subject], withheld: frozenset[str], seen: Sequence[KeptEvidence]
) -> set[DataClass]:
    """The classes of data that views are built from."""
    counted = any(s.kind is SubjectKind.HERD and s.subject_id not in withheld for s in subjects)
    return ({DataClass.IMAGERY} if seen else set()) | ({DataClass.LIVESTOCK} if counted else set())


def _may_look(work: Work, subject: Subject, given: Mapping[DataClass, str]) -> bool:
    """Whether the farmer lets be looked at what a subject's view is built from.

    A herd whose animals are read at a gate is known by both or by neither: without its count
    the pasture would carry animals that are gone.
    """
    if DataClass.IMAGERY not in given:
        return False
    if subject.kind is not SubjectKind.HERD or DataClass.LIVESTOCK in given:
        return True
    return not reports.has_feature(work.tx, subject.subject_id, HEADS_FEATURE)


def _unseen_herd(subject: Subject, age_days: int) -> HerdView:
    return HerdView(
        herd_id=subject.subject_id, heads=subject.heads, age_days=age_days, tags_read=subject.heads,
    )  # fmt: skip


def _counted_outlook(
    work: Work, line: Line, product: Product, subjects: Sequence[Subject], today: date
) -> Outlook:
    """What stations counted of machines and stores, by the look of the last full week.

    What was never reported is missing; then nothing is known of the whole.
    """
    wanted = {DataClass.MACHINERY if _is_machine(each) else DataClass.TELEMETRY
              for each in subjects}  # fmt: skip
    given = consents_to_decide(work.tx, line.farmer_id)
    withheld = not wanted <= given.keys()
    counted = [] if withheld else subjects
    machines = [machine_view(work, s, product, today) for s in counted if _is_machine(s)]
    stores = [store_view(work, s, today) for s in counted if s.kind is SubjectKind.STORE]
    known = [each for each in (*machines, *stores) if each is not None]
    complete = bool(known) and len(known) == len(subjects)
    age_days = max((each.age_days for each in known), default=0)
    since = (line.reviewed_as_of if withheld else "") or line.opened_on
    opened_days = max(0, (today - date.fromisoformat(since)).days)
    as_of = looked_on(today - timedelta(days=age_days)).isoformat() if complete else ""
    return Outlook(
        plots=(),
        herds=(),
        evidence_ids=tuple(sorted({each.evidence_id for each in known if each.evidence_id})),
        as_of=as_of,
        looked_on=as_of,
        age_days=age_days if complete else opened_days,
        complete=complete,
        arrived_at_ms=0,
        machines=tuple(each for each in machines if each is not None),
        stores=tuple(each for each in stores if each is not None),
        consent_ids=() if withheld else tuple(sorted({given[each] for each in wanted})),
        withheld=withheld,
    )


def _is_machine(subject: Subject) -> bool:
    return subject.kind is SubjectKind.MACHINE


def read_seen(views: Sequence[Mapping[str, Any]]) -> Seen:
    """The views of a movement's record, as they were."""
    stood = read_beside(views)
    return Seen(
        covers=stood.covers,
        dues=stood.dues,
        plots=tuple(decode(PlotView, dict(view)) for view in views if "plot_id" in view),
        herds=tuple(decode(HerdView, dict(view)) for view in views if "herd_id" in view),
        machines=tuple(decode(MachineView, dict(view)) for view in views if "machine_id" in view),
        stores=tuple(decode(StoreView, dict(view)) for view in views if "store_id" in view),
        assets=tuple(decode(AssetView, dict(view)) for view in views if "asset_id" in view),
        orders=tuple(decode(OrderView, dict(view)) for view in views if "order_id" in view),
        trade=tuple(decode(TradeView, dict(view)) for view in views if "trade_of" in view),
    )


def _age_days(kept: KeptEvidence | None, opened_on: str, today: date) -> int:
    """Days since the last clear look; since the line was opened while there was none."""
    seen_on = kept.last_clear_on if kept and kept.last_clear_on else opened_on
    return max(0, (today - date.fromisoformat(seen_on)).days)


def _plot_view(
    subject: Subject, product: Product, kept: KeptEvidence | None, age_days: int, today: date
) -> PlotView:
    return PlotView(
        plot_id=subject.subject_id,
        area_m2=subject.lent_m2,
        stage=kept.stage.value if kept else Stage.SOWING.value,
        usual_stage=usual_stage(product, subject.sown_on, today),
        age_days=age_days,
        yield_p10_kg_per_ha=kept.yield_p10 if kept else None,
        yield_p50_kg_per_ha=kept.yield_p50 if kept else None,
        evidence_id=kept.evidence_id if kept else "",
    )


def usual_stage(product: Product, sown_on: str, today: date) -> str:
    """The stage that the product's calendar expects today; empty where it has no stages."""
    if not product.stages:
        return ""
    if not sown_on:
        return product.stages[0].stage
    days = (today - date.fromisoformat(sown_on)).days
    passed = [stage.stage for stage in product.stages if stage.usual_from_day <= days]
    return passed[-1] if passed else product.stages[0].stage


def _herd_view(
    work: Work, subject: Subject, kept: KeptEvidence | None, age_days: int, today: date
) -> HerdView:
    counted = _counted(work, subject.subject_id, today)
    # Never more than was declared: a reader may count a neighbour's animals.
    heads = min(subject.heads, counted.value) if counted else subject.heads
    return HerdView(
        herd_id=subject.subject_id,
        heads=heads,
        age_days=age_days,
        forage_p10_ppm=kept.yield_p10 if kept else None,
        forage_p50_ppm=kept.yield_p50 if kept else None,
        evidence_id=kept.evidence_id if kept else "",
        # Tags are read at registration; where there is a reader, it holds the herd to them.
        tags_read=counted.value if counted else subject.heads,
    )


def _with_papers(work: Work, herd: HerdView, case: tuple[Line, Product, date]) -> HerdView:
    """A herd with what invoices of feed and settlements of slaughterhouses say of it.

    Animals that were settled after the day on which they were counted are gone; those that
    were counted at registration, since the line was opened.
    """
    line, product, today = case
    opened = date.fromisoformat(line.opened_on)
    counted = _counted(work, herd.herd_id, today)
    since = date.fromisoformat(counted.day) + timedelta(days=1) if counted else opened
    feeds = product.herd is not None and product.herd.feed_minor_per_head
    return replace(
        herd,
        settled_heads=settled_heads(work, herd.herd_id, (since, today)),
        feed_bought_minor=(
            feed_bought_minor(work, herd.herd_id, (opened, today), line.currency) if feeds else None
        ),
    )


def _assets(
    work: Work, line: Line, product: Product, subjects: Sequence[Subject], today: date
) -> tuple[AssetView, ...]:
    """What was invested since the line was opened, where the product lends on that."""
    if product.revolving is None or not product.revolving.term_ppm:
        return ()
    days = (date.fromisoformat(line.opened_on), today)
    return asset_views(work, subjects, days, line.currency)


def learn_counts(work: Work, counted: Mapping[SubjectKind, Sequence[str]]) -> None:
    """Remember what :func:`look` asks of what was counted, in every zone's today.

    Parameters
    ----------
    counted
        Herds, machines and stores by their kind.
    """
    for day in sorted({work.today(minutes).isoformat() for minutes in _ZONES_MINUTES}):
        for kind, feature in _COUNTED_BY.items():
            if counted.get(kind):
                reports.learn_features(work.tx, counted[kind], feature, (day, COUNTED_DAYS))


def _counted(work: Work, herd_id: str, today: date) -> DailyFeature | None:
    """The herd's best count of the two weeks up to its newest report.

    On any one day some animals stay away from the reader; one that was read is there.
    """
    newest = reports.latest_feature(work.tx, herd_id, HEADS_FEATURE, today.isoformat())
    if newest is None:
        return None
    first = date.fromisoformat(newest.day) - timedelta(days=COUNTED_DAYS - 1)
    days = (first.isoformat(), newest.day)
    return reports.highest_feature(work.tx, herd_id, HEADS_FEATURE, days)
