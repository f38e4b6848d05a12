"""How healthy the loans are: at risk by days late, by age, and what is set aside for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from enum import Enum

from core.lending.account import Account
from core.lending.provisioning import (
    PAR_DAYS,
    Provision,
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


def _live(tx: Tx, then: AsOf) -> Iterator[tuple[Loan, Account]]:
    """Loans on which anything is owed, with their account; what is written off is none."""
    on = date.fromisoformat(then.on)
    for loan in loans(tx, then):
        if loan.is_written_off:
            continue
        found = loan.account(on)
        if found.owed.total_minor > 0:
            yield loan, found


def par(tx: Tx, then: AsOf, by: Group = Group.PRODUCT) -> Report:
    """Portfolio at risk: the whole principal of loans late by more than 30, 60 and 90 days."""

    def rows() -> Iterator[tuple[Cell, ...]]:
        sums = _Sums(2 + len(PAR_DAYS))
        for loan, found in _live(tx, then):
            owed = found.owed.principal_minor
            risk = tuple(owed if found.late_days > days else 0 for days in PAR_DAYS)
            sums.add((group_of(loan, by), loan.line.currency), (1, owed, *risk))
        for (group, currency), (many, owed, *late) in sums.rows():
            yield group, currency, many, owed, *late, *(share(each, owed) for each in late)

    at_risk = [f"par{days}" for days in PAR_DAYS]
    return Report(
        "par",
        f"Portfolio at risk by {by.value}",
        then.on,
        (*text(by.value, "currency"), *count("loans"), *minor("outstanding_minor"),
         *minor(*(f"{name}_minor" for name in at_risk)),
         *ppm(*(f"{name}_ppm" for name in at_risk))),
        rows(),
    )  # fmt: skip


def ageing(tx: Tx, then: AsOf, by: Group = Group.PRODUCT) -> Report:
    """Loans by how late the oldest unpaid due date is, with what is owed and what is late."""

    def rows() -> Iterator[tuple[Cell, ...]]:
        sums = _Sums(4)
        words = bucket_words()
        for loan, found in _live(tx, then):
            place = bucket_of(found.late_days)
            key = (group_of(loan, by), f"{place}", loan.line.currency)
            owed = found.owed
            late = (
                found.late_minor if found.late_days else 0
            )  # on its own day a due is not late yet
            sums.add(key, (1, owed.principal_minor, owed.total_minor, late))
        for (group, at, currency), amounts in sums.rows():
            yield group, words[int(at)] if at else ALL, currency, *amounts

    return Report(
        "ageing",
        f"Ageing by {by.value}",
        then.on,
        (*text(by.value, "late", "currency"), *count("loans"),
         *minor("outstanding_minor", "owed_minor", "late_minor")),
        rows(),
    )  # fmt: skip


def provisions(tx: Tx, then: AsOf) -> Iterator[tuple[Loan, Account, Provision]]:
    """Every loan on which something is owed or can be drawn, with its provision."""
    rules = rulebooks.provisioning_on(tx, then.on)
    on = date.fromisoformat(then.on)
    for loan in loans(tx, then):
        if loan.is_written_off:
            continue
        found = loan.account(on)
        made = provision(rules, loan.risk(found))
        if made.ead_minor > 0:
            yield loan, found, made


def provisioning(tx: Tx, then: AsOf, by: Group = Group.PRODUCT) -> Report:
    """Exposure and expected loss by stage: PD × LGD × EAD, loan by loan."""

    def rows() -> Iterator[tuple[Cell, ...]]:
        sums = _Sums(6)
        for loan, found, made in provisions(tx, then):
            key = (group_of(loan, by), f"{made.stage}", loan.line.currency)
            weighted = (made.pd_ppm * made.ead_minor, made.lgd_ppm * made.ead_minor)
            amounts = (found.owed.total_minor, made.ead_minor, made.expected_loss_minor)
            sums.add(key, (1, *amounts, *weighted))
        for (group, stage, currency), (many, owed, ead, loss, pds, lgds) in sums.rows():
            mean = (pds // ead if ead else 0, lgds // ead if ead else 0)
            yield group, stage or ALL, currency, many, owed, ead, *mean, loss, share(loss, ead)

    version = rulebooks.provisioning_on(tx, then.on).version
    return Report(
        "provisioning",
        f"Provisioning by {by.value}, rules version {version}",
        then.on,
        (*text(by.value, "stage", "currency"), *count("loans"), *minor("owed_minor", "ead_minor"),
         *ppm("pd_ppm", "lgd_ppm"), *minor("expected_loss_minor"), *ppm("coverage_ppm")),
        rows(),
    )  # fmt: skip
