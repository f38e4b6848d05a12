"""Vintages and cohorts: loans followed from the month, farmers from the quarter they began."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from core.lending.account import Account
from server.services.reports.loans import Loan, loans, month_ends
from server.services.reports.portfolio import Aged, rows_of
from server.services.reports.table import Cell, Report, count, minor, ppm, share, text
from server.store import line_pages
from server.store.books import AsOf
from server.store.engine import Tx

LATE_DAYS = 30
_RUN_LOANS = 500


class VintageSums:
    """Loans by the month in which they were opened, at each month's end since."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, int, date], list[int]] = {}

    def add(self, aged: Aged) -> None:
        """Add a loan as it stood at each month's end."""
        line = aged.loan.line
        ends = month_ends(line.opened_on, aged.on)
        stood = aged.accounts(ends)  # by one replay, as far as one plan held
        for age, end in enumerate(ends):
            found = self._sums.setdefault((line.opened_on[:7], line.currency, age, end), [0] * 4)
            found[0] += 1
            if aged.loan.facts:
                _add_money(found, aged.loan, stood[end])

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """A row a month of opening and month's end."""
        for (month, currency, age, at), (many, drawn, owed, late) in sorted(self._sums.items()):
            yield (month, currency, age, at.isoformat(), many, drawn, owed, late,
                   share(late, drawn))  # fmt: skip


def vintage(tx: Tx, then: AsOf) -> Report:
    """Loans by the month in which they were opened, as they stood at each month's end since."""
    return vintage_report(then, rows_of(tx, then, VintageSums()))


def vintage_report(then: AsOf, rows: Iterator[tuple[Cell, ...]]) -> Report:
    """That report, from its rows."""
    return Report(
        "vintage",
        f"Vintages: principal late by more than {LATE_DAYS} days, of all that was drawn",
        then.on,
        (*text("opened_in", "currency"), *count("months"), *text("at"), *count("loans"),
         *minor("drawn_minor", "outstanding_minor", "late_minor"), *ppm("late_ppm")),
        rows,
    )  # fmt: skip


def _add_money(found: list[int], loan: Loan, stood: Account) -> None:
    """Add what was drawn by a day, what was then owed of it, and what of that was late."""
    owed = stood.owed.principal_minor
    found[1] += loan.drawn_minor(stood.on)
    found[2] += owed
    found[3] += owed if stood.late_days > LATE_DAYS else 0


def cohort(tx: Tx, then: AsOf) -> Report:
    """Farmers by the quarter of their first line, and how each of their lines went.

    ``line_number`` is 1 for a farmer's first line, 2 for the second, and so on.
    """

    def rows() -> Iterator[tuple[Cell, ...]]:
        on = date.fromisoformat(then.on)
        sums: dict[tuple[str, str, int], list[int]] = {}
        for loan, first, number in _numbered(tx, then):
            found = loan.account(on)
            owed = found.owed.principal_minor
            late = owed if found.late_days > LATE_DAYS else 0
            amounts = (1, loan.drawn_minor(on), loan.repaid_minor(on), owed, late)
            key = (_quarter(first), loan.line.currency, number)
            kept = sums.setdefault(key, [0] * len(amounts))
            kept[:] = [a + b for a, b in zip(kept, amounts, strict=True)]
        farmers = {key[:2]: found[0] for key, found in sums.items() if key[2] == 1}
        for (quarter, currency, number), (many, *money) in sorted(sums.items()):
            returned = share(many, farmers.get((quarter, currency), 0))
            yield quarter, currency, number, many, returned, *money, share(money[3], money[0])

    return Report(
        "cohort",
        "Cohorts of farmers by the quarter of their first line",
        then.on,
        (*text("began_in", "currency"), *count("line_number", "farmers"), *ppm("returned_ppm"),
         *minor("drawn_minor", "repaid_minor", "outstanding_minor", "late_minor"),
         *ppm("late_ppm")),
        rows(),
    )  # fmt: skip


def _numbered(tx: Tx, then: AsOf) -> Iterator[tuple[Loan, str, int]]:
    """Every loan with the day of its farmer's first line, and its number among their lines."""
    page: list[Loan] = []
    for loan in loans(tx, then):
        page.append(loan)
        if len(page) == _RUN_LOANS:
            yield from _number(tx, page)
            page = []
    yield from _number(tx, page)


def _number(tx: Tx, page: list[Loan]) -> Iterator[tuple[Loan, str, int]]:
    farmer_ids = sorted({loan.line.farmer_id for loan in page})
    of_farmer = line_pages.lines_of_farmers(tx, farmer_ids)
    for loan in page:
        theirs = of_farmer[loan.line.farmer_id]
        own = (loan.line.opened_on, loan.line.line_id)
        yield loan, theirs[0][0], theirs.index(own) + 1


def _quarter(day: str) -> str:
    return f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"
