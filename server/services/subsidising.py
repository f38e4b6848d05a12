"""Subsidised interest: what a region owes of it is claimed, and what it pays repays the lines.

The farmer's account bears the full rate until the money is there, so that a subsidy that is
never paid leaves no hole in the books. A claim asks for what no claim before it asked for. Where
a fact that came late took some back, that line asks for nothing until it has earned it again,
and no other line's share pays for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.lending.account import principal_changes
from core.lending.dated import subsidised_minor
from core.units import allocate, civil_date
from server.services.centre import Centre, RequestError, Work
from server.services.posting import RepaymentRequest, take_repayment_in
from server.services.standing import account_of, facts_of, priced_by
from server.store import bounces, ledger, line_pages, people, subsidies
from server.store.engine import ConflictError, Tx
from server.store.ledger import Repayment
from server.store.lines import Line
from server.store.people import Actor
from server.store.subsidies import ClaimLine, SubsidyClaim, SubsidyPayment


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim with its lines and what was paid of it [minor units]."""

    claim: SubsidyClaim
    lines: tuple[ClaimLine, ...]
    paid_minor: int


def earned_minor(tx: Tx, line: Line, until: date) -> int:
    """What its region subsidises of a line's interest before a day [minor units]."""
    rows = priced_by(tx, line).subsidies_here()
    if not rows:
        return 0
    changes = principal_changes(facts_of(tx, line), account_of(tx, line, until))
    return subsidised_minor(rows, changes, until, priced_by(tx, line).credit.day_count)


def claim(centre: Centre, region: str, currency: str, until_on: str, by: Actor) -> Claimed:
    """Ask a region for what it subsidised of all its lines before a day, and was not asked for.

    Raises
    ------
    RequestError
        If the day is none, lies ahead, or there is nothing to claim.
    """
    return centre.write(lambda work: _claim(work, region, currency, until_on, by))


def _claim(work: Work, region: str, currency: str, until_on: str, by: Actor) -> Claimed:
    subsidies.lock(work.tx)  # two claims at once would ask for the same interest
    until = civil_date(until_on)
    if until is None or until > work.today():
        raise RequestError(f"expected a day up to {work.today()}, got {until_on!r}")
    before, claim_id = subsidies.claimed_before(work.tx), work.new_id()
    found = []
    for line in (line for page in line_pages.pages(work.tx) for line in page):
        if line.currency != currency or priced_by(work.tx, line).region != region:
            continue
        earned = earned_minor(work.tx, line, until)
        change = earned - before.get(line.line_id, 0)
        if change > 0:  # what a late fact took back, the line earns again before it asks
            found.append(ClaimLine(claim_id, line.line_id, earned, change))
    total = sum(each.claimed_minor for each in found)
    if total <= 0:
        raise RequestError(
            f"expected subsidised interest of {region} in {currency} before {until_on} that was "
            f"not claimed before, got {total} [minor units]"
        )
    made = SubsidyClaim(claim_id, region, currency, until_on, total, work.at_ms, by.name)
    subsidies.add_claim(work.tx, made, found)
    detail = {"region": region, "until": until_on, "total_minor": total}
    people.record(work.tx, work.at_ms, by, "subsidy_claimed", ("subsidy_claim", claim_id), detail)
    return Claimed(made, tuple(found), 0)


def take_payment(
    centre: Centre, payment_id: str, claim_id: str, paid: tuple[int, str], by: Actor
) -> tuple[SubsidyPayment, bool]:
    """Take what a region paid of a claim, and repay its lines by their shares.

    Parameters
    ----------
    paid
        How much [minor units] and on which day.

    Returns
    -------
    tuple[SubsidyPayment, bool]
        The payment, and whether it was new: the same again changes nothing.

    Raises
    ------
    RequestError
        If the claim is not known, or less of it is open.
    ConflictError
        If the id is known with other content.
    """
    return centre.write(lambda work: _take_payment(work, payment_id, claim_id, paid, by))


def _take_payment(
    work: Work, payment_id: str, claim_id: str, paid: tuple[int, str], by: Actor
) -> tuple[SubsidyPayment, bool]:
    amount_minor, effective_on = paid
    subsidies.lock(work.tx)  # two payments of one claim are taken one after the other
    made = SubsidyPayment(payment_id, claim_id, amount_minor, effective_on, work.at_ms, by.name)
    known = subsidies.find_payment(work.tx, payment_id)
    if known is not None:
        if (known.claim_id, known.amount_minor, known.effective_on) != (claim_id, *paid):
            raise ConflictError(f"payment {payment_id} exists with other content")
        return known, False
    found = told(work.tx, claim_id)
    open_minor = found.claim.total_minor - found.paid_minor
    if not 0 < amount_minor <= open_minor:
        raise RequestError(
            f"expected 1 to {open_minor} [minor units], which is open of claim {claim_id}, got "
            f"{amount_minor}"
        )
    shares = allocate(amount_minor, _open_of_lines(work.tx, found))
    subsidies.add_payment(work.tx, made)
    for each, share in zip(found.lines, shares, strict=True):
        if share:
            said = (repayment_id(payment_id, each), each.line_id, share, found.claim.currency)
            take_repayment_in(work, RepaymentRequest(*said, effective_on), by)
    detail = {"claim_id": claim_id, "amount_minor": amount_minor}
    people.record(work.tx, work.at_ms, by, "subsidy_paid", ("subsidy_claim", claim_id), detail)
    return made, True


def _open_of_lines(tx: Tx, found: Claimed) -> list[int]:
    """What of each line's part was not paid yet [minor units]."""
    left = []
    for each in found.lines:
        taken = _repaid(tx, found.claim.claim_id, each)
        had = sum(one.amount_minor for one, has_bounced in taken if not has_bounced)
        left.append(each.claimed_minor - had)
    return left


def _repaid(tx: Tx, claim_id: str, line: ClaimLine) -> list[tuple[Repayment, bool]]:
    """What payments of a claim repaid of a line, and whether it bounced: then it is open again."""
    paid = subsidies.payments_of(tx, claim_id)
    taken = [ledger.find_repayment(tx, repayment_id(one.payment_id, line)) for one in paid]
    return [
        (one, bounces.find(tx, one.repayment_id) is not None) for one in taken if one is not None
    ]


def repayment_id(payment_id: str, line: ClaimLine) -> str:
    """The repayment of a line by its share of a payment."""
    return f"subsidy/{payment_id}/{line.line_id}"


def told(tx: Tx, claim_id: str) -> Claimed:
    """A claim, its lines and what was paid of it and did not bounce.

    Raises
    ------
    RequestError
        If there is none.
    """
    found = subsidies.find_claim(tx, claim_id)
    if found is None:
        raise RequestError(f"expected a claim, got {claim_id!r}: see subsidy list")
    paid_minor = sum(each.amount_minor for each in subsidies.payments_of(tx, claim_id))
    claimed = subsidies.lines_of(tx, claim_id)
    taken = [one for each in claimed for one in _repaid(tx, claim_id, each)]
    bounced_minor = sum(one.amount_minor for one, has_bounced in taken if has_bounced)
    return Claimed(found, claimed, paid_minor - bounced_minor)
