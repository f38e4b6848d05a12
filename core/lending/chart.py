"""The chart of accounts as data: which accounts a book may post to, and what each is.

An account is a path; a chart names it, or a family of it with ``*`` at its end (one for
each line, one for each writer). What the program posts to must be in every chart, so a
lender may rename and add, never leave out. A chart is dated: the one in force on an
entry's day of effect is the one that the entry is held against.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from core.errors import ChartError, ShapeError
from core.shape import decode
from core.units import civil_date

ACCOUNTS_MAX = 500
ANY = "*"
# What the program posts to; an entry on anything else could only come from elsewhere.
REQUIRED = (
    "loan/principal/*", "loan/interest/*", "loan/fee/*", "loan/penalty/*",
    "loan/written-off/*", "cash/*", "income/interest", "income/fee", "income/penalty",
    "income/rebate", "income/recovery", "expense/write-off", "payable/*", "suspense/*",
)  # fmt: skip


class AccountKind(Enum):
    """The five kinds of accounts; assets and expenses stand in debit."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"

    @property
    def in_debit(self) -> bool:
        """Whether such an account's balance is usually positive."""
        return self in (AccountKind.ASSET, AccountKind.EXPENSE)


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """An account or a family of accounts: its path, its code in the lender's books, its name."""

    path: str
    code: str
    name: str
    kind: AccountKind

    def covers(self, account: str) -> bool:
        """Whether an account is this one or of this family."""
        if not self.path.endswith(f"/{ANY}"):
            return account == self.path
        stem = self.path[: -len(ANY)]
        return account.startswith(stem) and len(account) > len(stem)


@dataclass(frozen=True, slots=True)
class Chart:
    """A version of the chart, in force from a day on."""

    version: int
    effective_from: str
    accounts: tuple[ChartAccount, ...]

    def find(self, account: str) -> ChartAccount | None:
        """What an account is; None if the chart does not know it."""
        return next((each for each in self.accounts if each.covers(account)), None)


# What the program came to post to later: a chart that does not name it takes it as it is here.
LATER = (
    ChartAccount(
        "cash-difference/*", "1010", "Cash short or over, by agent: until it is dealt with",
        AccountKind.ASSET,
    ),
    ChartAccount(
        "expense/cash-shortage", "5210", "Cash that was short, and is lost", AccountKind.EXPENSE
    ),
    ChartAccount(
        "income/cash-overage", "4095", "Cash that was over, and nobody's", AccountKind.INCOME
    ),
)  # fmt: skip


def parse_chart(table: Mapping[str, Any]) -> Chart:
    """Read a chart from a parsed TOML table and hold it against itself.

    Raises
    ------
    ChartError
        If a field is missing, or accounts contradict each other; all faults at once.
    """
    try:
        chart = decode(Chart, dict(table))
    except ShapeError as error:
        raise ChartError(f"chart of accounts: {error}") from error
    faults = _faults(chart)
    if faults:
        raise ChartError(f"chart of accounts, version {chart.version}: " + "; ".join(faults))
    return _with_later(chart)


def _with_later(chart: Chart) -> Chart:
    """A chart with the accounts that came later; a code that is taken gets the path beside it."""
    codes = {each.code for each in chart.accounts}
    added = tuple(
        replace(each, code=f"{each.code} {each.path}") if each.code in codes else each
        for each in LATER
        if chart.find(each.path.replace(ANY, "x")) is None
    )
    return replace(chart, accounts=(*chart.accounts, *added)) if added else chart


def _faults(chart: Chart) -> list[str]:
    faults = []
    if chart.version < 1:
        faults.append(f"version must be at least 1, got {chart.version}")
    if civil_date(chart.effective_from) is None:
        faults.append(f"effective_from must be a date, got {chart.effective_from!r}")
    if not 1 <= len(chart.accounts) <= ACCOUNTS_MAX:
        faults.append(f"expected 1 to {ACCOUNTS_MAX} accounts, got {len(chart.accounts)}")
    faults += [
        f"{each.path}: {words}" for each in chart.accounts for words in _account_faults(each)
    ]
    faults += [f"code {code} stands twice" for code in _twice(x.code for x in chart.accounts)]
    faults += _overlaps(chart.accounts)
    known = {each.path for each in chart.accounts}
    faults += [f"{path} is missing: the program posts to it" for path in REQUIRED
               if path not in known]  # fmt: skip
    return faults


def _account_faults(account: ChartAccount) -> list[str]:
    parts = account.path.split("/")
    faults = []
    if not all(parts) or account.path != account.path.strip():
        faults.append("expected a path such as income/fee, without empty parts")
    if ANY in account.path and (parts[-1] != ANY or account.path.count(ANY) > 1 or len(parts) < 2):
        faults.append("a * may only stand alone, at the end, under a name")
    if not account.code or not account.name:
        faults.append("expected a code and a name")
    return faults


def _twice(values: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    again: list[str] = []
    for value in values:
        again += [value] if value in seen and value not in again else []
        seen.add(value)
    return again


def _overlaps(accounts: Sequence[ChartAccount]) -> list[str]:
    """Paths of which one covers the other: an account must be one thing."""
    twice = [f"{path} stands twice" for path in _twice(each.path for each in accounts)]
    covered = [
        f"{other.path} is covered by {family.path} already"
        for family in accounts
        for other in accounts
        if other.path != family.path and family.covers(other.path)
    ]
    return twice + covered
