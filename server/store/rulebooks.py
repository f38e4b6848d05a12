"""The books' rules as they were in force, by version: accounts, provisioning, caps and more.

Until a lender has added its own, the versions that come with the program are in force.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from core.canonical import canonical_hash
from core.errors import HarvestlineError
from core.lending.chart import Chart, parse_chart
from core.lending.colending import JointRules, parse_joint_rules
from core.lending.concentration import ConcentrationRules, parse_concentration
from core.lending.provisioning import ProvisioningRules, parse_provisioning
from core.shape import encode
from server.store.engine import ConflictError, Tx
from server.store.rows import from_json, json_text
from server.store.tables import book_rules

FOLDER = Path(__file__).resolve().parents[1] / "books"


class RuleKind(Enum):
    """Which rules."""

    CHART = "chart"
    PROVISIONING = "provisioning"
    JOINT = "joint"
    CONCENTRATION = "concentration"


Rules = Chart | ProvisioningRules | JointRules | ConcentrationRules
Dated = TypeVar("Dated", ProvisioningRules, JointRules, ConcentrationRules)


@dataclass(frozen=True, slots=True)
class KeptRules:
    """A version of rules, by whom and when it was added; 0 for what comes with the program."""

    rules: Rules
    sha256: str
    added_at_ms: int
    added_by: str


def parse_rules(kind: RuleKind, table: Mapping[str, Any]) -> Rules:
    """Rules from a parsed TOML table.

    Raises
    ------
    ChartError, ProvisioningError, AgreementError, ConcentrationError
        If they contradict themselves.
    """
    if kind is RuleKind.JOINT:
        return parse_joint_rules(table)
    if kind is RuleKind.CONCENTRATION:
        return parse_concentration(table)
    return parse_chart(table) if kind is RuleKind.CHART else parse_provisioning(table)


def add(tx: Tx, kind: RuleKind, rules: Rules, when: tuple[int, str]) -> bool:
    """Add a version (at an instant, by whom); False if the same is there.

    Raises
    ------
    ConflictError
        If the version has other content, is not the next, or takes effect before the last.
    """
    known = versions(tx, kind)
    content, newest = encode(rules), known[-1].rules
    digest = canonical_hash(content)
    same = next((each for each in known if each.rules.version == rules.version), None)
    if same is not None and same.sha256 == digest:
        return False
    named = f"{kind.value} version {rules.version}"
    if rules.version != newest.version + 1:
        raise ConflictError(f"{named}: expected version {newest.version + 1}, others are kept")
    if rules.effective_from < newest.effective_from:
        raise ConflictError(f"{named}: expected effective_from from {newest.effective_from} on")
    tx.insert(
        book_rules, kind=kind.value, version=rules.version, effective_from=rules.effective_from,
        content=json_text(content), sha256=digest, added_at_ms=when[0], added_by=when[1],
    )  # fmt: skip
    return True


def versions(tx: Tx, kind: RuleKind) -> tuple[KeptRules, ...]:
    """Every version, oldest first; what comes with the program stands before all."""
    where = (book_rules.c.tenant_id == tx.tenant_id, book_rules.c.kind == kind.value)
    rows = tx.rows(select(book_rules).where(*where).order_by(book_rules.c.version))
    own = tuple(
        KeptRules(
            parse_rules(kind, from_json(row["content"])), row["sha256"], row["added_at_ms"],
            row["added_by"],
        )
        for row in rows
    )  # fmt: skip
    return (_packaged(kind), *own)


def charts(tx: Tx) -> tuple[Chart, ...]:
    """Every version of the chart of accounts, oldest first."""
    found = (each.rules for each in versions(tx, RuleKind.CHART))
    return tuple(rules for rules in found if isinstance(rules, Chart))


def chart_on(found: tuple[Chart, ...], day: str) -> Chart:
    """The chart in force on a day; before the first, the first."""
    return next((each for each in reversed(found) if each.effective_from <= day), found[0])


def provisioning_on(tx: Tx, day: str) -> ProvisioningRules:
    """The provisioning rules in force on a day; before the first, the first."""
    return _in_force(tx, RuleKind.PROVISIONING, ProvisioningRules, day)


def joint_on(tx: Tx, day: str) -> JointRules:
    """The rules of joint lending in force on a day; before the first, the first."""
    return _in_force(tx, RuleKind.JOINT, JointRules, day)


def concentration_on(tx: Tx, day: str) -> ConcentrationRules:
    """The caps on the book's spread in force on a day; before the first, the first."""
    return _in_force(tx, RuleKind.CONCENTRATION, ConcentrationRules, day)


def _in_force(tx: Tx, kind: RuleKind, cls: type[Dated], day: str) -> Dated:
    found = [each.rules for each in versions(tx, kind) if isinstance(each.rules, cls)]
    return next((each for each in reversed(found) if each.effective_from <= day), found[0])


@cache
def _packaged(kind: RuleKind) -> KeptRules:
    path = FOLDER / f"{kind.value}.toml"
    try:
        rules = parse_rules(kind, tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, HarvestlineError) as error:
        raise AssertionError(f"{path} comes with the program and must be readable") from error
    return KeptRules(rules, canonical_hash(encode(rules)), 0, "harvestline")
