"""What is open, by state and by age: what a lender looks at every morning."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from core.lending.payout import OPEN, PayoutState
from core.units import MS_PER_DAY
from server.services.centre import Centre
from server.services.payouts.payees import in_force
from server.services.payouts.rails import Rails
from server.services.payouts.reading import open_findings
from server.services.payouts.sending import hindrance
from server.store import payouts
from server.store.engine import Tx
from server.store.payouts import Payout

AGE_DAYS = (1, 3, 7, 30)  # upper bounds of the columns; the last one is open


@dataclass(frozen=True, slots=True)
class AgeRow:
    """Payouts of one state and currency: how many, how much [minor units], by age."""

    state: PayoutState
    currency: str
    count: int
    amount_minor: int
    counts_by_age: tuple[int, ...]
    oldest_days: int


@dataclass(frozen=True, slots=True)
class Held:
    """A payout that cannot leave, and what holds it back."""

    payout: Payout
    why: str


@dataclass(frozen=True, slots=True)
class OpenReport:
    """All that is open: by age, what is held back, and answers that did not fit."""

    rows: tuple[AgeRow, ...]
    held: tuple[Held, ...]
    findings_count: int


def open_report(centre: Centre, rails: Rails) -> OpenReport:
    """What is owed to payees still, and why."""
    now_ms = centre.now_ms()
    with centre.store.reading() as tx:
        found = payouts.listed(tx, OPEN)
        held = tuple(_held(tx, rails, each) for each in found if each.state is PayoutState.PENDING)
    rows = tuple(
        _row(key, group, now_ms) for key, group in sorted(_grouped(found).items(), key=_order)
    )
    return OpenReport(rows, tuple(each for each in held if each.why), len(open_findings(centre)))


def _held(tx: Tx, rails: Rails, payout: Payout) -> Held:
    payee = in_force(tx, (payout.payee_kind, payout.payee_id))
    return Held(payout, hindrance(rails, payee, payout))


def _grouped(found: tuple[Payout, ...]) -> dict[tuple[PayoutState, str], list[Payout]]:
    groups: dict[tuple[PayoutState, str], list[Payout]] = defaultdict(list)
    for each in found:
        groups[each.state, each.currency].append(each)
    return groups


def _order(item: tuple[tuple[PayoutState, str], list[Payout]]) -> tuple[int, str]:
    (state, currency), _ = item
    return OPEN.index(state), currency


def _row(key: tuple[PayoutState, str], group: list[Payout], now_ms: int) -> AgeRow:
    ages = [max(0, now_ms - each.made_at_ms) // MS_PER_DAY for each in group]
    bounds = (0, *AGE_DAYS)
    counts = [
        sum(low <= age < high for age in ages)
        for low, high in zip(bounds, (*AGE_DAYS, 2**31), strict=True)
    ]
    amount = sum(each.amount_minor for each in group)
    return AgeRow(*key, len(group), amount, tuple(counts), max(ages))
