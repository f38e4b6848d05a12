"""What machines worked and what lies in stores, as stations report it.

A line that rests on them is looked at once a week, on the last Sunday up to which the
station has reported: devices speak every day, and a look a day would make two looks of
one rainy weekend. What was reported too thinly is unknown, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from core.lending.product import Product
from core.lending.views import AssetView, MachineView, StoreView
from core.units import divide_half_even
from core.wire.registry import Subject
from server.services.centre import Work
from server.store import papers, reports, store_receipts
from server.store.papers import PaperKind
from server.store.reports import ReportedFeature

COUNTERS = ("engine_s", "area_worked_m2", "fuel_used_ml")
LEVEL, HUMIDITY = "store_level_kg", "relative_humidity_ppm"
STORE_DAYS = 7
LOOK_DAYS = 7
SILO, WEIGHBRIDGE = "silo", "weighbridge"


def looked_on(newest: date) -> date:
    """The look that a day belongs to: the Sunday on or before it."""
    return newest - timedelta(days=newest.isoweekday() % LOOK_DAYS)


def machine_view(work: Work, subject: Subject, product: Product, today: date) -> MachineView | None:
    """A machine's work in the product's window; None while it never reported.

    Coverage is the least of the three counters': one that is silent or doubted proves
    nothing of what the others say.
    """
    newest = _newest(work, subject, COUNTERS[:1], today)
    if newest is None or product.machine is None:
        return None
    window_days = product.machine.window_days
    told = _between(work, subject, COUNTERS, (looked_on(newest), window_days))
    sums = {name: sum(_values(told, name)) for name in COUNTERS}
    return MachineView(
        machine_id=subject.subject_id,
        engine_s=sums["engine_s"],
        area_m2=sums["area_worked_m2"],
        fuel_ml=sums["fuel_used_ml"],
        coverage_ppm=min(_coverage_ppm(told, name, window_days) for name in COUNTERS),
        age_days=(today - newest).days,
        evidence_id=told[-1].record_id if told else "",
    )


def store_view(work: Work, subject: Subject, today: date) -> StoreView | None:
    """What lies in a store; None while its silo never reported, or no ticket was written.

    The level is that of the look's last day that was seen, the humidity the mean of its week;
    tickets count up to today, so that what was sold is gone at once.
    """
    newest = _newest(work, subject, (LEVEL,), today)
    if newest is None:
        return None
    stock_kg = store_receipts.stock_kg(work.tx, subject.subject_id, today.isoformat())
    if stock_kg is None:
        return None
    told = _between(work, subject, (LEVEL, HUMIDITY), (looked_on(newest), STORE_DAYS))
    levels, damp = _values(told, LEVEL), _values(told, HUMIDITY)
    covered = [_coverage_ppm(told, name, STORE_DAYS) for name in (LEVEL, HUMIDITY)]
    return StoreView(
        store_id=subject.subject_id,
        receipts_kg=stock_kg,
        level_kg=levels[-1] if levels else 0,
        humidity_ppm=divide_half_even(sum(damp), len(damp)) if damp else 0,
        coverage_ppm=min(covered),
        age_days=(today - newest).days,
        evidence_id=told[-1].record_id if told else "",
        sources=(SILO, WEIGHBRIDGE),
    )


def feed_bought_minor(
    work: Work, herd_id: str, days: tuple[date, date], currency: str
) -> int | None:
    """What invoices of feed say was bought for a herd [minor units]; None without any.

    One in another currency, filed before its line was opened, counts nothing.
    """
    span = (days[0].isoformat(), days[1].isoformat())
    every = papers.standing(work.tx, herd_id, PaperKind.FEED, span)
    told = [each for each in every if each.currency == currency]
    return sum(each.amount_minor for each in told) if told else None


def settled_heads(work: Work, herd_id: str, days: tuple[date, date]) -> int | None:
    """The animals that slaughterhouses settled; None without any settlement."""
    span = (days[0].isoformat(), days[1].isoformat())
    told = papers.standing(work.tx, herd_id, PaperKind.SLAUGHTER, span)
    return sum(each.heads for each in told) if told else None


def asset_views(
    work: Work, subjects: Iterable[Subject], days: tuple[date, date], currency: str
) -> tuple[AssetView, ...]:
    """What was invested in some plots, by its invoices in a currency."""
    span = (days[0].isoformat(), days[1].isoformat())
    return tuple(
        AssetView(
            asset_id=each.paper_id,
            cost_minor=each.amount_minor,
            age_days=(days[1] - date.fromisoformat(each.effective_on)).days,
            evidence_id=f"paper/{each.paper_id}",
        )
        for subject in subjects
        for each in papers.standing(work.tx, subject.subject_id, PaperKind.INVESTMENT, span)
        if each.currency == currency
    )


def _newest(work: Work, subject: Subject, names: Iterable[str], today: date) -> date | None:
    """The newest day of which all the features are known."""
    found = [
        reports.latest_feature(work.tx, subject.subject_id, name, today.isoformat())
        for name in names
    ]
    days = [one.day for one in found if one is not None]
    return date.fromisoformat(min(days)) if len(days) == len(found) else None


def _between(
    work: Work, subject: Subject, names: Sequence[str], window: tuple[date, int]
) -> tuple[ReportedFeature, ...]:
    last, days = window
    first = last - timedelta(days=days - 1)
    span = (first.isoformat(), last.isoformat())
    return reports.features_between(work.tx, subject.subject_id, names, span)


def _values(told: Sequence[ReportedFeature], name: str) -> list[int]:
    return [one.feature.value for one in told if one.feature.feature == name]


def _coverage_ppm(told: Sequence[ReportedFeature], name: str, days: int) -> int:
    return sum(one.feature.coverage_ppm for one in told if one.feature.feature == name) // days
