"""How a line stands: owed, drawn, pending, leased, and what headroom is left.

Interest is never posted overnight: it follows from dated facts on every reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.lending.accrual import PrincipalChange, simple_interest
from core.lending.lease import LeaseBook, headroom_minor
from core.lending.ledger import Owed
from core.lending.product import Product
from server.store import leases, ledger, lines, products, registry
from server.store.engine import Tx
from server.store.lines import Line


def principal_account(line_id: str) -> str:
    """What the farmer owes of what was drawn."""
    return f"loan/principal/{line_id}"


def interest_account(line_id: str) -> str:
    """Interest that was posted and not yet paid."""
    return f"loan/interest/{line_id}"


def fee_account(line_id: str) -> str:
    """Fees that were posted and not yet paid."""
    return f"loan/fee/{line_id}"


def suspense_account(line_id: str) -> str:
    """What was paid out on a line that is not known here, until people have put it right."""
    return f"suspense/{line_id}"


@dataclass(frozen=True, slots=True)
class LineStanding:
    """A line on a day [minor units].

    ``owed.principal_minor`` is what is drawn and not repaid; ``drawn_minor`` what was
    ever posted; ``leased_minor`` the unspent part of leases that are out, with the
    share of the onboarding lease.
    """

    line: Line
    owed: Owed
    drawn_minor: int
    pending_minor: int
    onboarding_unspent_minor: int
    books: tuple[LeaseBook, ...]
    on: date

    @property
    def leased_minor(self) -> int:
        """Leased and not spent, whether or not the lease has expired [minor units]."""
        return sum(book.unspent_minor for book in self.books) + self.onboarding_unspent_minor

    @property
    def headroom_minor(self) -> int:
        """What may still be leased under the limit in force [minor units]."""
        reserved = self.pending_minor + self.onboarding_unspent_minor
        return headroom_minor(
            self.line.limit_minor, self.owed.principal_minor, reserved, self.books
        )


def standing(tx: Tx, line: Line, on: date) -> LineStanding:
    """How a line stands on a day."""
    draws = leases.draws_of_line(tx, line.line_id)
    return LineStanding(
        line=line,
        owed=owed(tx, line, on),
        drawn_minor=leases.posted_minor(draws),
        pending_minor=leases.pending_minor(draws),
        onboarding_unspent_minor=onboarding_unspent(tx, line),
        books=leases.books_of_line(tx, line.line_id),
        on=on,
    )


def owed(tx: Tx, line: Line, on: date) -> Owed:
    """What a line owes on a day, interest accrued up to and not including it."""
    paid = sum(each.interest_minor for each in ledger.repayments_of(tx, line.line_id))
    return Owed(
        fee_minor=ledger.account_balance(tx, fee_account(line.line_id), line.currency),
        interest_minor=max(0, interest_earned(tx, line, on) - paid),
        principal_minor=ledger.account_balance(tx, principal_account(line.line_id), line.currency),
    )


def interest_earned(tx: Tx, line: Line, on: date) -> int:
    """All interest that a line has earned up to and not including a day [minor units]."""
    credit = priced_by(tx, line).credit
    changes = [
        PrincipalChange(date.fromisoformat(day), amount)
        for day, amount in ledger.principal_changes(tx, principal_account(line.line_id))
    ]
    return simple_interest(changes, credit.rate_ppm, on, credit.day_count)


def priced_by(tx: Tx, line: Line) -> Product:
    """The product as it stood when the line was opened: its price holds for the line."""
    policy = lines.opening_policy(tx, line.line_id)
    found = products.by_policy(tx, policy) if policy else None
    return found or products.newest(tx, line.product_id)


def onboarding_unspent(tx: Tx, line: Line) -> int:
    """The unspent part of a line's share of its onboarding lease [minor units]."""
    signed = leases.find(tx, line.onboarding_lease_id) if line.onboarding_lease_id else None
    if signed is None or signed.closed_at_ms is not None:
        return 0
    used = leases.book(tx, signed).line_used_minor(line.line_id)
    return max(0, line.onboarding_minor - used)


def zone_minutes(tx: Tx, farmer_id: str) -> int:
    """The offset of a farmer's zone from UTC [minutes]."""
    site = registry.farmer_site(tx, farmer_id)
    return site.utc_offset_minutes if site else 0
