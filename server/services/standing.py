"""How a line stands: owed, drawn, pending, leased, and what headroom is left.

Interest is never posted overnight: what is owed follows from dated facts on every reading,
by the account of :mod:`core.lending.account`, which the stations call too.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date

from core.lending.account import Account, Amounts, Asked, account, ahead
from core.lending.agreed import draw_fact, draw_facts, fee_fact
from core.lending.agreement import AgreementEvent
from core.lending.books import PAYOUT_CAUSE, bounce_fact, fee_back_cause, repayment_fact
from core.lending.facts import Fact, FactKind, reversal_of
from core.lending.lease import DrawState, LeaseBook, headroom_minor
from core.lending.ledger import EntryKind
from core.lending.own_cash import with_own_cash
from core.lending.product import Product
from core.lending.relief import Relief, planned
from core.lending.terms import RepaymentTerms, Restructured
from core.shape import decode
from server.store import agreements, bounces, leases, ledger, lines, payouts, products, registry
from server.store.agreements import Step
from server.store.bounces import KeptBounce
from server.store.engine import Tx
from server.store.lines import Line
from server.store.payouts import Payout


def suspense_account(line_id: str) -> str:
    """What was paid out on a line that is not known here, until people have put it right."""
    return f"suspense/{line_id}"


@dataclass(frozen=True, slots=True)
class LineStanding:
    """A line on a day [minor units].

    ``terms`` and ``facts`` are what is owed follows from; ``drawn_minor`` what was ever
    posted; ``leased_minor`` the unspent part of leases that are out, with the share of the
    onboarding lease. ``reckoned`` and ``counted`` keep what is owed and what counts once they
    were asked: they stay with another limit, and with nothing else replaced.
    """

    line: Line
    terms: RepaymentTerms
    facts: tuple[Fact, ...]
    relief: Relief | None
    drawn_minor: int
    pending_minor: int
    onboarding_unspent_minor: int
    books: tuple[LeaseBook, ...]
    on: date
    reckoned: list[Amounts] = field(default_factory=list, compare=False, repr=False)
    counted: list[int] = field(default_factory=list, compare=False, repr=False)

    @property
    def leased_minor(self) -> int:
        """Leased and not spent, whether or not the lease has expired [minor units]."""
        return sum(book.unspent_minor for book in self.books) + self.onboarding_unspent_minor

    @property
    def owed(self) -> Amounts:
        """What is owed on the day."""
        if not self.facts:
            return Amounts()
        if not self.reckoned:
            dues = planned(self.terms, self.facts, self.relief)
            self.reckoned.append(account(self.terms, self.facts, self.on, dues).owed)
        return self.reckoned[0]

    @property
    def outstanding_minor(self) -> int:
        """The principal that counts against the limit, on whatever day it was drawn."""
        if not self.counted:
            self.counted.append(self._outstanding_minor())
        return self.counted[0]

    def _outstanding_minor(self) -> int:
        undone = {fact.reverses for fact in self.facts if fact.reverses}
        drawn = [
            fact
            for fact in self.facts
            if fact.kind is FactKind.DRAWDOWN and fact.fact_id not in undone
        ]
        all_stands = not any(fact.kind is FactKind.REPAYMENT for fact in self.facts)
        if all_stands and not self.terms.capitalises:
            return sum(fact.amount_minor for fact in drawn)
        ahead_minor = sum(fact.amount_minor for fact in drawn if fact.on > self.on)
        return self.owed.principal_minor + ahead_minor

    @property
    def headroom_minor(self) -> int:
        """What may still be leased under the limit in force [minor units]."""
        reserved = self.pending_minor + self.onboarding_unspent_minor
        return headroom_minor(self.line.limit_minor, self.outstanding_minor, reserved, self.books)


def standing(tx: Tx, line: Line, on: date) -> LineStanding:
    """How a line stands on a day."""
    draws = leases.draws_of_line(tx, line.line_id)
    return LineStanding(
        line=line,
        terms=terms_of(tx, line),
        facts=facts_of(tx, line),
        relief=relief_of(tx, line),
        drawn_minor=leases.posted_minor(draws),
        pending_minor=leases.pending_minor(draws),
        onboarding_unspent_minor=onboarding_unspent(tx, line),
        books=leases.books_of_line(tx, line.line_id),
        on=on,
    )


def owed(tx: Tx, line: Line, on: date) -> Amounts:
    """What a line owes on a day, interest accrued up to and not including it."""
    return account_of(tx, line, on).owed


def account_of(
    tx: Tx,
    line: Line,
    on: date,
    *,
    also: tuple[Fact, ...] = (),
    looks: AbstractSet[date] = frozenset(),
) -> Account:
    """The account of a line at the end of a day, from all facts that are known and some more."""
    terms, facts = terms_of(tx, line), (*facts_of(tx, line), *also)
    return account(terms, facts, on, planned(terms, facts, relief_of(tx, line)), looks)


def ahead_of(tx: Tx, line: Line, on: date) -> tuple[Asked, ...]:
    """What is still to be paid on which day, if nothing more is drawn."""
    terms, facts = terms_of(tx, line), facts_of(tx, line)
    counted = [fact for fact in facts if fact.on <= on]
    return ahead(terms, counted, on, planned(terms, counted, relief_of(tx, line)))


def terms_of(tx: Tx, line: Line) -> RepaymentTerms:
    """How a line is repaid: the terms it was opened with, its own due date, its newest plan."""
    product = priced_by(tx, line)
    terms = product.repayment()
    if product.due_on == line.due_on:
        return terms
    due_on = date.fromisoformat(line.due_on)
    anew, relief = restructured_of(tx, line), relief_of(tx, line)
    if relief is not None:
        terms = relief.applied(terms)
    if not anew:
        return replace(terms, due_on=due_on)
    plan = anew[-1].after
    return replace(
        terms, due_on=due_on, rate_ppm=plan.rate_ppm, schedule=plan.schedule, restructured=anew
    )


def restructured_of(tx: Tx, line: Line) -> tuple[Restructured, ...]:
    """How the plan of a line was made anew, the oldest first; steps of its agreement say it.

    A new plan always ends later than the line did, so that others need not be asked.
    """
    if line.due_on == priced_by(tx, line).due_on:
        return ()
    return tuple(
        decode(Restructured, dict(each.detail["restructured"])) for each in replanned(tx, line)
    )


def replanned(tx: Tx, line: Line) -> tuple[Step, ...]:
    """The steps by which the plan of a line was made anew, the oldest first."""
    steps = agreements.life(tx, line.application_id)
    return tuple(each for each in steps if each.event is AgreementEvent.RESTRUCTURE)


def priced_now(tx: Tx, line: Line) -> Product:
    """The product of a line with its newest plan: what a draw is told from now on."""
    product, anew = priced_by(tx, line), restructured_of(tx, line)
    if not anew:
        return product
    plan = anew[-1].after
    credit = replace(product.credit, rate_ppm=plan.rate_ppm)
    return replace(product, credit=credit, schedule=plan.schedule)


def relief_of(tx: Tx, line: Line) -> Relief | None:
    """The relief that a line was granted, if any; a step of its agreement says it."""
    if line.due_on == priced_by(tx, line).due_on:
        return None
    steps = agreements.life(tx, line.application_id)
    granted = [each for each in steps if each.event is AgreementEvent.GRANT_RELIEF]
    return decode(Relief, dict(granted[-1].detail["relief"])) if granted else None


def facts_of(tx: Tx, line: Line) -> tuple[Fact, ...]:
    """What happened to a line: posted draws with their fees, repayments, and what came back."""
    drawn: list[Fact] = []
    for draw in leases.draws_of_line(tx, line.line_id):
        if draw.state is DrawState.POSTED:
            on = date.fromisoformat(draw.effective_on)
            drawn += draw_facts(draw.draw_id, on, draw.amount_minor, draw.fee_minor, draw.rate_ppm)
    repaid = _repaid(ledger.repayments_of(tx, line.line_id))
    bounced = _bounced(repaid, bounces.of_line(tx, line.line_id))
    given_back = _given_back(tx, line, drawn)
    left = {fact.reverses for fact in given_back}
    still = [fact for fact in drawn if fact.fact_id not in left]
    undone = _undone(still, payouts.undone_of(tx, line.line_id))
    return (*drawn, *repaid, *bounced, *given_back, *undone)


def _given_back(tx: Tx, line: Line, drawn: Sequence[Fact]) -> tuple[Fact, ...]:
    """Reversals of the fees that were given back to a farmer who left while the line cooled."""
    fees = [fact for fact in drawn if fact.kind is FactKind.FEE]
    if not fees or priced_by(tx, line).agreement is None:
        return ()
    if not agreements.left_on(tx, line.application_id):
        return ()
    causes = ((fee, fee_back_cause(line.line_id, fee.fact_id)) for fee in fees)
    return tuple(
        reversal_of(fee, cause)
        for fee, cause in causes
        if ledger.has_cause(tx, cause, EntryKind.REVERSAL)
    )


def _undone(drawn: Sequence[Fact], found: Sequence[Payout]) -> tuple[Fact, ...]:
    """Reversals of the draws, and their fees, whose money came back or never left."""
    return tuple(
        reversal_of(fact, f"{PAYOUT_CAUSE}{each.payout_id}/undoes/{fact.fact_id}")
        for each in found
        for fact in drawn
        if fact.fact_id in (draw_fact(each.draw_id), fee_fact(each.draw_id))
    )


def _repaid(found: Sequence[ledger.Repayment]) -> tuple[Fact, ...]:
    return tuple(
        Fact(
            repayment_fact(each.repayment_id),
            FactKind.REPAYMENT,
            date.fromisoformat(each.effective_on),
            each.amount_minor,
        )
        for each in found
    )


def _bounced(repaid: Sequence[Fact], found: Sequence[KeptBounce]) -> tuple[Fact, ...]:
    known = {fact.fact_id: fact for fact in repaid}
    return tuple(
        reversal_of(known[repayment_fact(each.repayment_id)], bounce_fact(each.repayment_id))
        for each in found
    )


def opened_by(tx: Tx, line: Line) -> Product:
    """The product as it stood when the line was opened: what the line's terms are cited by."""
    policy = lines.opening_policy(tx, line.line_id)
    found = products.by_policy(tx, policy) if policy else None
    return found or products.newest(tx, line.product_id)


def priced_by(tx: Tx, line: Line) -> Product:
    """The product that the line was opened by: its price holds for the line.

    It is repaid in the farmer's own cash months, where the application brought any.
    """
    return with_own_cash(opened_by(tx, line), line.cash)


def onboarding_unspent(tx: Tx, line: Line) -> int:
    """The unspent part of a line's share of its onboarding lease [minor units]."""
    signed = leases.find(tx, line.onboarding_lease_id) if line.onboarding_lease_id else None
    if signed is None or signed.closed_at_ms is not None:
        return 0
    used = leases.line_used_minor(tx, signed, line.line_id)
    return max(0, line.onboarding_minor - used)


def zone_minutes(tx: Tx, farmer_id: str) -> int:
    """The offset of a farmer's zone from UTC [minutes]."""
    site = registry.farmer_site(tx, farmer_id)
    return site.utc_offset_minutes if site else 0


def read_money(tx: Tx, found: Sequence[Line]) -> None:
    """What is owed, drawn and leased on lines: leases, draws, repayments and what came back."""
    line_ids = [line.line_id for line in found]
    onboarding = sorted({line.onboarding_lease_id for line in found} - {""})
    leases.learn_leases(tx, line_ids, onboarding)
    ledger.learn_repayments(tx, line_ids)
    payouts.learn_undone(tx, line_ids)
    bounces.learn(tx, line_ids)
    cooling = [line.application_id for line in found if priced_by(tx, line).agreement is not None]
    agreements.learn_left(tx, cooling)
