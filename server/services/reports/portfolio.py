"""How healthy the loans are: at risk by days late, by age, and what is set aside for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Protocol

from core.lending.account import Account
from core.lending.provisioning import (
    PAR_DAYS,
    Provision,
    ProvisioningRules,
    bucket_of,
    bucket_words,
    provision,
)
from server.services.reports.loans import Loan, loans
from server.services.reports.table import Cell, Report, count, minor, ppm, share, text
from server.store import rulebooks
from server.store.books import AsOf
from server.store.engine import Tx

ALL = "all"


class Group(Enum):
    """By what loans are grouped."""

    PRODUCT = "product"
    CROP = "crop"
    VILLAGE = "village"
    STATION = "station"


def group_of(loan: Loan, by: Group) -> str:
    """The group that a loan belongs to."""
    named: dict[Group, Callable[[Loan], str]] = {
        Group.PRODUCT: lambda each: each.line.product_id,
        Group.CROP: lambda each: each.crop,
        Group.VILLAGE: lambda each: each.village,
        Group.STATION: lambda each: each.line.station,
    }
    return named[by](loan)


class _Sums:
    """Whole numbers added up by group and currency, and over all groups."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._found: dict[tuple[str, ...], list[int]] = {}

    def add(self, key: tuple[str, ...], amounts: tuple[int, ...]) -> None:
        """Add amounts to a key, whose last part is the currency, and to all."""
        everything = (ALL, *("" for _ in key[1:-1]), key[-1])
        for each in {key, everything}:
            found = self._found.setdefault(each, [0] * self._width)
            found[:] = [a + b for a, b in zip(found, amounts, strict=True)]

    def rows(self) -> Iterator[tuple[tuple[str, ...], list[int]]]:
        """Keys in order with their sums, those over all at the end."""
        yield from sorted(self._found.items(), key=lambda item: (item[0][0] == ALL, item[0]))


class Aged:
    """A loan on the day of a report; its account is reckoned once, whoever asks."""

    def __init__(self, loan: Loan, on: date) -> None:
        self.loan, self.on = loan, on
        self._known: dict[date, Account] = {}

    def account(self, on: date | None = None) -> Account:
        """The account at the end of a day; of the report's own, if none is named."""
        day = self.on if on is None else on
        return self.accounts((day,))[day]

    def accounts(self, days: Sequence[date]) -> Mapping[date, Account]:
        """The accounts at the ends of some days, among others that were asked for before."""
        if unknown := [day for day in days if day not in self._known]:
            self._known |= self.loan.accounts(unknown)
        return self._known

    @property
    def is_live(self) -> bool:
        """Whether anything is owed; what is written off is none."""
        return not self.loan.is_written_off and self.account().owed.total_minor > 0


class Adding(Protocol):
    """What adds loans up, one after the other, and tells the rows in the end."""

    def add(self, aged: Aged) -> None:
        """Add a loan."""

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """The rows of the report."""


def add_up(tx: Tx, then: AsOf, *adding: Adding) -> None:
    """Read every loan once, and add it to each."""
    on = date.fromisoformat(then.on)
    for loan in loans(tx, then):
        aged = Aged(loan, on)
        for each in adding:
            each.add(aged)


def rows_of(tx: Tx, then: AsOf, adding: Adding) -> Iterator[tuple[Cell, ...]]:
    """The rows of one report; nothing is read until they are asked for."""
    add_up(tx, then, adding)
    yield from adding.rows()


class ParSums:
    """Loans and principal at risk by group and currency."""

    def __init__(self, by: Group) -> None:
        self._by, self._sums = by, _Sums(2 + len(PAR_DAYS))

    def add(self, aged: Aged) -> None:
        """Add a loan, if anything is owed."""
        if aged.is_live:
            found, loan = aged.account(), aged.loan
            owed = found.owed.principal_minor
            risk = tuple(owed if found.late_days > days else 0 for days in PAR_DAYS)
            self._sums.add((group_of(loan, self._by), loan.line.currency), (1, owed, *risk))

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """A row a group, and one for all."""
        for (group, currency), (many, owed, *late) in self._sums.rows():
            yield group, currency, many, owed, *late, *(share(each, owed) for each in late)


class AgeingSums:
    """Loans by how late the oldest unpaid due date is."""

    def __init__(self, by: Group) -> None:
        self._by, self._sums = by, _Sums(4)

    def add(self, aged: Aged) -> None:
        """Add a loan, if anything is owed."""
        if not aged.is_live:
            return
        found, loan = aged.account(), aged.loan
        place = bucket_of(found.late_days)
        key = (group_of(loan, self._by), f"{place}", loan.line.currency)
        owed = found.owed
        late = found.late_minor if found.late_days else 0  # on its own day a due is not late yet
        self._sums.add(key, (1, owed.principal_minor, owed.total_minor, late))

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """A row a group and age, and one for all."""
        words = bucket_words()
        for (group, at, currency), amounts in self._sums.rows():
            yield group, words[int(at)] if at else ALL, currency, *amounts


class ProvisionSums:
    """Exposure and expected loss by group and stage."""

    def __init__(self, rules: ProvisioningRules, by: Group) -> None:
        self._rules, self._by, self._sums = rules, by, _Sums(6)

    def add(self, aged: Aged) -> None:
        """Add a loan, if there is any exposure."""
        made = _provision(self._rules, aged)
        if made is None:
            return
        key = (group_of(aged.loan, self._by), f"{made.stage}", aged.loan.line.currency)
        weighted = (made.pd_ppm * made.ead_minor, made.lgd_ppm * made.ead_minor)
        owed = aged.account().owed.total_minor
        self._sums.add(key, (1, owed, made.ead_minor, made.expected_loss_minor, *weighted))

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """A row a group and stage, and one for all."""
        for (group, stage, currency), (many, owed, ead, loss, pds, lgds) in self._sums.rows():
            mean = (pds // ead if ead else 0, lgds // ead if ead else 0)
            yield group, stage or ALL, currency, many, owed, ead, *mean, loss, share(loss, ead)


def _provision(rules: ProvisioningRules, aged: Aged) -> Provision | None:
    if aged.loan.is_written_off:
        return None
    made = provision(rules, aged.loan.risk(aged.account()))
    return made if made.ead_minor > 0 else None


def par(tx: Tx, then: AsOf, by: Group = Group.PRODUCT) -> Report:
    """Portfolio at risk: the whole principal of loans late by more than 30, 60 and 90 days."""
    return par_report(then, by, rows_of(tx, then, ParSums(by)))


def par_report(then: AsOf, by: Group, rows: Iterator[tuple[Cell, ...]]) -> Report:
    """That report, from its rows."""
    at_risk = [f"par{days}" for days in PAR_DAYS]
    return Report(
        "par",
        f"Portfolio at risk by {by.value}",
        then.on,
        (*text(by.value, "currency"), *count("loans"), *minor("outstanding_minor"),
         *minor(*(f"{name}_minor" for name in at_risk)),
         *ppm(*(f"{name}_ppm" for name in at_risk))),
        rows,
    )  # fmt: skip


def ageing(tx: Tx, then: AsOf, by: Group = Group.PRODUCT) -> Report:
    """Loans by how late the oldest unpaid due date is, with what is owed and what is late."""
    return ageing_report(then, by, rows_of(tx, then, AgeingSums(by)))


def ageing_report(then: AsOf, by: Group, rows: Iterator[tuple[Cell, ...]]) -> Report:
    """That report, from its rows."""
    return Report(
        "ageing",
        f"Ageing by {by.value}",
        then.on,
        (*text(by.value, "late", "currency"), *count("loans"),
         *minor("outstanding_minor", "owed_minor", "late_minor")),
        rows,
    )  # fmt: skip


def provisions(tx: Tx, then: AsOf) -> Iterator[tuple[Loan, Account, Provision]]:
    """Every loan on which something is owed or can be drawn, with its provision."""
    rules = rulebooks.provisioning_on(tx, then.on)
    on = date.fromisoformat(then.on)
    for loan in loans(tx, then):
        aged = Aged(loan, on)
        made = _provision(rules, aged)
        if made is not None:
            yield loan, aged.account(), made


def provisioning(tx: Tx, then: AsOf, by: Group = Group.PRODUCT) -> Report:
    """Exposure and expected loss by stage: PD × LGD × EAD, loan by loan."""
    rules = rulebooks.provisioning_on(tx, then.on)
    return provisioning_report(then, by, rules, rows_of(tx, then, ProvisionSums(rules, by)))


def provisioning_report(
    then: AsOf, by: Group, rules: ProvisioningRules, rows: Iterator[tuple[Cell, ...]]
) -> Report:
    """That report, from its rows."""
    return Report(
        "provisioning",
        f"Provisioning by {by.value}, rules version {rules.version}",
        then.on,
        (*text(by.value, "stage", "currency"), *count("loans"), *minor("owed_minor", "ead_minor"),
         *ppm("pd_ppm", "lgd_ppm"), *minor("expected_loss_minor"), *ppm("coverage_ppm")),
        rows,
    )  # fmt: skip
