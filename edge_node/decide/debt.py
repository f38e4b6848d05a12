"""What a line owes here and when: the centre's facts, the draws since, and one function.

The station calls the same :func:`core.lending.account.account` on the same facts as the
centre, so both tell the same amount. An older centre told only balances; these are
carried on at simple interest until it says more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from core.lending.account import Account, Amounts, Asked, account, ahead
from core.lending.agreed import draw_facts
from core.lending.facts import Fact, FactKind
from core.lending.lease import DrawState
from core.lending.own_cash import with_own_cash
from core.lending.product import Product
from core.lending.relief import planned
from core.lending.terms import RepaymentTerms
from core.wire.records import Leaving, LineStatus
from edge_node.store.leases import KeptDraw
from edge_node.store.lines import KeptLine


@dataclass(frozen=True, slots=True)
class Debt:
    """What a line owes, how it stands with its plan, and what is still to be paid when."""

    owed: Amounts
    account: Account
    ahead: tuple[Asked, ...]


def priced(line: KeptLine, product: Product) -> Product:
    """The product with the terms of the line: what it is charged, and its draws are told.

    Until the centre has said them, they are the product's in the farmer's own cash months.
    """
    status = line.status
    if status is None:
        return with_own_cash(product, line.opened.cash if line.opened is not None else None)
    if status.facts is not None:
        return status.facts.priced(product, status.rate_ppm, status.due_on)
    credit = replace(product.credit, rate_ppm=status.rate_ppm)
    return replace(
        product, due_on=status.due_on, credit=credit,
        schedule=None, arrears=None, rebate=None, waterfall=None,
    )  # fmt: skip


def terms_of(line: KeptLine, product: Product) -> RepaymentTerms:
    """How a line is repaid, with what was made anew of its plan."""
    terms, status = priced(line, product).repayment(), line.status
    facts = status.facts if status else None
    if facts is not None and facts.relief is not None:
        terms = facts.relief.applied(terms)
    return (
        replace(terms, restructured=facts.restructured) if facts and facts.restructured else terms
    )


def debt(
    line: KeptLine,
    uncounted: tuple[KeptDraw, ...],
    product: Product,
    today: date,
    paid: tuple[Fact, ...] = (),
) -> Debt:
    """What a line owes on a day: all that the centre counts, the draws and repayments since.

    Interest runs to the day, or to the day of the centre's word or of a draw here if that
    is later: a clock that was set back makes nothing less.
    """
    status, here = line.status, (*_drawn_here(uncounted), *paid)
    told = status.facts.as_facts() if status and status.facts else ()
    if line.left is Leaving.WITHDRAW:  # who leaves while the agreement cools pays no fee
        told, here = _but_fees(told), _but_fees(here)
    known = {fact.fact_id for fact in told}
    facts = (*told, *(fact for fact in here if fact.fact_id not in known))
    carried_minor = 0
    if status is not None and status.facts is None:
        facts, carried_minor = (*_carried(status), *facts), status.interest_minor
    spoken = [date.fromisoformat(status.as_of)] if status else []
    on = max([today, *spoken, *(fact.on for fact in here)])
    terms = terms_of(line, product)
    dues = planned(terms, facts, status.facts.relief if status and status.facts else None)
    found = account(terms, facts, on, dues)
    return Debt(_with_carried(found.owed, carried_minor), found, ahead(terms, facts, on, dues))


def _but_fees(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    return tuple(fact for fact in facts if fact.kind is not FactKind.FEE)


def _drawn_here(uncounted: tuple[KeptDraw, ...]) -> tuple[Fact, ...]:
    posted = [k.drawdown for k in uncounted if k.drawdown.state is DrawState.POSTED]
    return tuple(
        fact
        for draw in posted
        for fact in draw_facts(
            draw.draw_id,
            date.fromisoformat(draw.effective_on),
            draw.amount_minor,
            draw.fee_minor,
            draw.rate_ppm,
        )
    )


def _carried(status: LineStatus) -> tuple[Fact, ...]:
    """Balances without their facts; interest so far stands with the fees, for it bears none."""
    on = date.fromisoformat(status.as_of)
    amounts = (
        ("carried", FactKind.DRAWDOWN, status.principal_minor),
        ("carried/fee", FactKind.FEE, status.fee_minor + status.interest_minor),
    )
    return tuple(Fact(name, kind, on, amount) for name, kind, amount in amounts if amount)


def _with_carried(owed: Amounts, interest_minor: int) -> Amounts:
    return replace(
        owed,
        fee_minor=owed.fee_minor - interest_minor,
        interest_minor=owed.interest_minor + interest_minor,
    )
