"""The reports by name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.services.reports import accounts, cohorts, portfolio, spread
from server.services.reports.portfolio import Group
from server.services.reports.table import Report
from server.store.books import AsOf
from server.store.engine import Tx


class ReportName(Enum):
    """What can be reported."""

    TRIAL_BALANCE = "trial-balance"
    GENERAL_LEDGER = "general-ledger"
    PAR = "par"
    AGEING = "ageing"
    PROVISIONING = "provisioning"
    VINTAGE = "vintage"
    COHORT = "cohort"
    CONCENTRATION = "concentration"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a report besides its name: a day, a grouping, an account."""

    then: AsOf
    by: Group = Group.PRODUCT
    account: str = ""


def report(tx: Tx, name: ReportName, asked: Asked) -> Report:
    """The report of a name; its rows are read while the transaction is open."""
    then = asked.then
    if name is ReportName.TRIAL_BALANCE:
        return accounts.trial_balance(tx, then)
    if name is ReportName.GENERAL_LEDGER:
        return accounts.general_ledger(tx, then, asked.account)
    if name is ReportName.VINTAGE:
        return cohorts.vintage(tx, then)
    if name is ReportName.COHORT:
        return cohorts.cohort(tx, then)
    if name is ReportName.CONCENTRATION:
        return spread.concentration(tx, then)
    grouped = {
        ReportName.PAR: portfolio.par,
        ReportName.AGEING: portfolio.ageing,
        ReportName.PROVISIONING: portfolio.provisioning,
    }
    return grouped[name](tx, then, asked.by)
