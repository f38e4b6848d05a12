"""Every line on a day, from the facts that were effective and known by then.

What is owed, how late it is and since when is the account of :mod:`core.lending.account`,
on the plan that the line's drawdowns agreed to: the same that the kiosk shows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from core.lending.account import Account, Amounts, accounts
from core.lending.agreed import draw_fact
from core.lending.books import (
    PAYOUT_CAUSE,
    WITHDRAWN_CAUSE,
    fee_account,
    principal_account,
    repayment_fact,
    written_off_account,
)
from core.lending.facts import Fact, FactKind
from core.lending.ledger import EntryKind
from core.lending.provisioning import Risk
from core.lending.relief import Relief, planned
from core.lending.restructuring import forborne_months
from core.lending.terms import RepaymentTerms
from core.units import MS_PER_DAY, day_start_ms
from server.services.standing import priced_by, relief_of, terms_of
from server.store import books, bounces, ledger, line_pages
from server.store.books import AsOf
from server.store.engine import Tx
from server.store.line_pages import LimitThen
from server.store.lines import Line

DAYS_KEPT_MAX = 1_024
_KINDS = {EntryKind.DRAWDOWN.value: FactKind.DRAWDOWN, EntryKind.FEE.value: FactKind.FEE}


def as_of(on: date, recorded_ms: int) -> AsOf:
    """What took effect up to a day and was written down up to an instant."""
    return AsOf(on.isoformat(), recorded_ms)


def day_end_ms(on: date) -> int:
    """The last instant of a day [ms UTC]."""
    return day_start_ms(on) + MS_PER_DAY - 1


@dataclass(frozen=True, slots=True)
class Loan:
    """A line as it stood: where it belongs, its limit then, its terms and its facts."""

    line: Line
    crop: str
    village: str
    limit: LimitThen
    pd_ppm: int | None
    terms: RepaymentTerms
    facts: tuple[Fact, ...]
    is_written_off: bool = False
    relief: Relief | None = None

    def account(self, on: date) -> Account:
        """What is owed at the end of a day, and how late it is."""
        return self.accounts((on,))[on]

    def accounts(self, days: Iterable[date]) -> dict[date, Account]:
        """The same of some days; those of one plan are told by one replay."""
        found: dict[date, Account] = {}
        for some in self._planned_alike(days):
            facts = [fact for fact in self.facts if fact.on <= some[-1]]
            if not facts:  # of lines that are open, many were not drawn yet
                found |= {day: nothing_on(day) for day in some}
                continue
            terms, relief = self._agreed_by(some[-1])
            found |= accounts(terms, facts, some, planned(terms, facts, relief))
        return found

    def _planned_alike(self, days: Iterable[date]) -> Iterable[list[date]]:
        """Days in order, by what was drawn, or undone, until then: that makes their plan.

        Relief and a plan that was made anew rest on what was repaid too: each day is by itself.
        """
        is_plain = self.relief is None and not self.terms.restructured
        drawn = sorted(fact.on for fact in self.facts if fact.kind is not FactKind.REPAYMENT)
        alike: dict[object, list[date]] = {}
        for day in sorted(days):
            alike.setdefault(bisect_right(drawn, day) if is_plain else day, []).append(day)
        return alike.values()

    def _agreed_by(self, on: date) -> tuple[RepaymentTerms, Relief | None]:
        """The terms and the relief that held on a day."""
        terms, relief = self.terms.until(on), self.relief
        if relief is not None and relief.granted_on > on.isoformat():
            return relief.undone(terms), None
        return terms, relief

    def drawn_minor(self, on: date) -> int:
        """All that was drawn by a day [minor units]."""
        return self._sum(FactKind.DRAWDOWN, on)

    def repaid_minor(self, on: date) -> int:
        """All that was paid by a day [minor units]."""
        return self._sum(FactKind.REPAYMENT, on)

    def _sum(self, kind: FactKind, on: date) -> int:
        return sum(each.amount_minor for each in self.facts if each.kind is kind and each.on <= on)

    def risk(self, found: Account) -> Risk:
        """What its provision is computed from."""
        undrawn = self.limit.limit_minor - found.owed.principal_minor if self.limit.may_draw else 0
        return Risk(
            product_id=self.line.product_id,
            late_days=found.late_days,
            watch=self.limit.watch,
            owed_minor=found.owed.total_minor,
            undrawn_minor=max(0, undrawn),
            pd_ppm=self.pd_ppm,
            forborne_months=forborne_months(self.terms.restructured, found.on),
            remaining_days=max(0, (self._agreed_by(found.on)[0].due_on - found.on).days),
        )


def loans(tx: Tx, then: AsOf) -> Iterator[Loan]:
    """Every line that was open by a day, a page at a time."""
    for page in line_pages.pages(tx):
        found = [line for line in page if _is_opened(line, then)]
        if found:
            with tx.remembering() as remembering:
                yield from _loans(remembering, found, then)


def _is_opened(line: Line, then: AsOf) -> bool:
    return line.opened_on <= then.on and line.opened_at_ms <= then.recorded_ms


def _loans(tx: Tx, page: Sequence[Line], then: AsOf) -> Iterator[Loan]:
    line_ids = [line.line_id for line in page]
    line_pages.learn_opening(tx, line_ids)
    facts = facts_of(tx, line_ids, then)
    written_off = _written_off(tx, line_ids, then)
    upto_ms = min(then.recorded_ms, day_end_ms(date.fromisoformat(then.on)))
    limits = line_pages.limits_at(tx, line_ids, upto_ms)
    scores = line_pages.scores_of(tx, [line.card_id for line in page])
    villages = line_pages.villages_of(tx, sorted({line.farmer_id for line in page}))
    for line in page:
        product = priced_by(tx, line)
        limit = limits.get(line.line_id, LimitThen(0, watch=False, may_draw=False))
        is_closed = line.closed_at_ms is not None and line.closed_at_ms <= upto_ms
        if is_closed or then.on >= line.due_on:
            limit = LimitThen(limit.limit_minor, limit.watch, may_draw=False)
        yield Loan(
            line=line,
            crop=product.crop or product.kind.value,
            village=villages.get(line.farmer_id, ""),
            limit=limit,
            pd_ppm=scores.get(line.card_id),
            terms=terms_of(tx, line),
            facts=facts[line.line_id],
            is_written_off=line.line_id in written_off,
            relief=relief_of(tx, line),
        )


def _written_off(tx: Tx, line_ids: Sequence[str], then: AsOf) -> frozenset[str]:
    """The lines of which something had been written off and not recovered."""
    owners = {written_off_account(each): each for each in line_ids}
    sums: dict[str, int] = {}
    for posting in books.postings_on(tx, then, sorted(owners)):
        line_id = owners[posting.account]
        sums[line_id] = sums.get(line_id, 0) + posting.amount_minor
    return frozenset(line_id for line_id, left in sums.items() if left)


def facts_of(tx: Tx, line_ids: Sequence[str], then: AsOf) -> Mapping[str, tuple[Fact, ...]]:
    """What had happened to lines by a day, as far as it was known by an instant."""
    owners = {principal_account(each): each for each in line_ids}
    owners |= {fee_account(each): each for each in line_ids}
    found: dict[str, list[Fact]] = {each: [] for each in line_ids}
    undone: set[str] = set()
    for posting in books.postings_on(tx, then, sorted(owners)):
        kind = _KINDS.get(posting.kind)
        if posting.cause_id.startswith((PAYOUT_CAUSE, WITHDRAWN_CAUSE)):
            what = posting.cause_id.partition("/undoes/")[2]
            undone |= {what} if what.startswith(draw_fact("")) else set()
        if kind is None or posting.amount_minor <= 0:
            continue
        fact_id = posting.cause_id if kind is FactKind.DRAWDOWN else f"{posting.cause_id}/fee"
        on = date.fromisoformat(posting.effective_on)
        found[owners[posting.account]].append(Fact(fact_id, kind, on, posting.amount_minor))
    ledger.learn_repayments(tx, line_ids)
    bounces.learn(tx, line_ids)
    for line_id in line_ids:
        came_to_nothing = {
            each.repayment_id
            for each in bounces.of_line(tx, line_id)
            if each.at_ms <= then.recorded_ms
        }
        for paid in ledger.repayments_of(tx, line_id):
            is_known = paid.effective_on <= then.on and paid.at_ms <= then.recorded_ms
            if is_known and paid.repayment_id not in came_to_nothing:
                found[line_id].append(
                    Fact(
                        repayment_fact(paid.repayment_id),
                        FactKind.REPAYMENT,
                        date.fromisoformat(paid.effective_on),
                        paid.amount_minor,
                    )
                )
    return {
        line_id: tuple(fact for fact in facts if fact.fact_id not in undone)
        for line_id, facts in found.items()
    }


@lru_cache(DAYS_KEPT_MAX)
def nothing_on(day: date) -> Account:
    """What is owed on a day of a line to which nothing has happened."""
    return Account(day, Amounts(), 0, 0, 0, 0, 0, None, 0, ())


@lru_cache(DAYS_KEPT_MAX)
def month_ends(opened_on: str, upto: date) -> tuple[date, ...]:
    """The last days of the months from one on, the last of them no later than a day."""
    day, found = date.fromisoformat(opened_on), list[date]()
    while day <= upto:
        following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        found.append(min(following - timedelta(days=1), upto))
        day = following
    return tuple(found)
