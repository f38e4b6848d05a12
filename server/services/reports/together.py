"""The reports of the page on the portfolio's health, from one reading of every loan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from server.services.reports.cohorts import VintageSums, vintage_report
from server.services.reports.loans import as_of
from server.services.reports.portfolio import (
    AgeingSums,
    Group,
    ParSums,
    ProvisionSums,
    add_up,
    ageing_report,
    par_report,
    provisioning_report,
)
from server.services.reports.spread import concentration
from server.services.reports.table import Cell, Report
from server.store import rulebooks
from server.store.engine import Tx

Records = tuple[Mapping[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class HealthRecords:
    """The rows of each report, and when they were known [ms UTC]."""

    par: Records
    ageing: Records
    vintages: Records
    provisioning: Records
    spread: Records
    known_at_ms: int


def read_health_records(tx: Tx, on: date, now_ms: int) -> HealthRecords:
    """What the reports by village, product and month say at the end of a day."""
    then, rules = as_of(on, now_ms), rulebooks.provisioning_on(tx, on.isoformat())
    at_risk, aged = ParSums(Group.VILLAGE), AgeingSums(Group.PRODUCT)
    set_aside, opened = ProvisionSums(rules, Group.PRODUCT), VintageSums()
    add_up(tx, then, opened, at_risk, aged, set_aside)  # vintages first: theirs are most days
    staged = provisioning_report(then, Group.PRODUCT, rules, set_aside.rows())
    return HealthRecords(
        par=_records(par_report(then, Group.VILLAGE, at_risk.rows())),
        ageing=_records(ageing_report(then, Group.PRODUCT, aged.rows())),
        vintages=_records(vintage_report(then, opened.rows())),
        provisioning=_records(staged),
        spread=_records(concentration(tx, then)),
        known_at_ms=now_ms,
    )


def _records(found: Report) -> Records:
    return tuple(found.records())
