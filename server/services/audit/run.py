"""All checks of the audit, in order, each from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.services.audit import (
    agreements,
    beside,
    cash,
    consents,
    counted,
    documents,
    entries,
    lending,
    logs,
    looks,
    marks,
    payouts,
    persons,
    policies,
    tablets,
    trade,
    words,
)
from server.services.audit.finding import Check, Finding, readable
from server.services.centre import Centre, RequestError
from server.store.engine import Tx

FINDINGS_MAX = 100  # told of any one check; the count goes on


@dataclass(frozen=True, slots=True)
class Checked:
    """One promise: how many records were looked at, how many break it, and the first of them."""

    check: str
    about: str
    looked_count: int
    faults_count: int
    first: Finding | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found, check by check."""

    checks: tuple[Checked, ...]

    @property
    def holds(self) -> bool:
        """Whether every promise holds."""
        return not any(each.faults_count for each in self.checks)

    @property
    def first(self) -> Finding | None:
        """The first bad record of all."""
        return next((each.first for each in self.checks if each.first), None)


# name: (what is promised, the table it begins at, the check)
CHECKS: dict[str, tuple[str, str, Check]] = {
    "sums": ("ledger entries balance", "ledger_entries", entries.sums),
    "seals": ("ledger entries are as they were sealed", "ledger_entries", entries.seals),
    "chains": ("ledger chains hold", "ledger_entries", entries.chains),
    "causes": ("no operation posted twice", "ledger_entries", entries.causes),
    "accounts": ("ledger moves accounts of the chart", "ledger_lines", entries.accounts),
    "books": ("ledger agrees with draws and repayments", "lines", lending.books_match_facts),
    "bounces": ("what bounced is undone by another person", "repayment_bounces", cash.bounced),
    "words": ("what people say of money is said by two", "money_words", words.by_two),
    "users": ("who may log in, and set how much, was said by two", "user_steps", persons.rights),
    "given": ("what was given up or let go was said by two", "agreement_steps", persons.let_go),
    "policies": (
        "what is lent by was said by two", "products", policies.said_by_two_or_founders,
    ),
    "raises": ("raises above an authority had leave", "movements", persons.raises),
    "erased": ("whom two erased is erased, and nobody else", "farmers", persons.erased),
    "boxes": ("agents hold what records say", "cash_moves", cash.boxes),
    "cash": ("cash moved as stations signed", "cash_moves", cash.said),
    "suspense": ("suspense agrees with draws", "ledger_lines", lending.suspense_matches_draws),
    "payouts": ("payouts lived as the table permits", "payout_steps", payouts.lives),
    "payables": ("payees are owed what is open", "payouts", payouts.books),
    "inbound": ("inbound chains hold", "inbound_records", logs.inbound),
    "outbound": ("outbound chains hold", "outbound_records", logs.outbound),
    "heads": ("heads are as their writers signed", "signed_heads", logs.signed_heads),
    "roots": ("daily roots hold", "day_roots", logs.day_roots),
    "limits": ("movements have evidence and reasons", "movements", lending.limits),
    "marks": ("what a review passes over is not news", "review_marks", marks.hide_nothing),
    "looks": ("a plot's newest look is its newest evidence", "newest_looks", looks.newest_first),
    "leases": (
        "leases stayed within the limit when signed", "leases", lending.leases_within_limits,
    ),
    "draws": ("draws stayed within their leases", "leases", lending.draws_within_leases),
    "tablets": ("tablets paid out what was theirs to", "inbound_records", tablets.paid_out),
    "shares": ("partners' parts add up to the books", "line_partners", beside.shares_add_up),
    "covers": ("covers paid once and no more than their sum", "covers", beside.covers_paid),
    "rates": ("rates stay in their bands", "line_rates", beside.rates_in_band),
    "tickets": ("stores held what left them", "store_receipts", counted.tickets),
    "papers": ("what is taken back was said", "farm_papers", counted.paperwork),
    "claims": ("subsidy claims add up", "subsidy_claims", counted.claims),
    "agreements": ("agreements lived as the table permits", "agreement_steps", agreements.lives),
    "orders": ("orders lived as the table permits", "orders", trade.order_lives),
    "sales": ("sales add up, and repay what they say", "sales", trade.sales_add_up),
    "plans": ("new plans were agreed by three", "agreement_steps", agreements.plans),
    "consents": ("what is cited was granted for it", "movements", consents.granted),
    "cards": ("decision cards replay", "decisions", documents.cards),
    "evidence": ("evidence is as it came", "evidence", documents.evidence_as_it_came),
    "trail": ("audit trail holds", "audit", logs.trail),
}  # fmt: skip


def audit(centre: Centre, only: Sequence[str] = ()) -> Audit:
    """Check everything that the centre promises of its books, or the named checks.

    Raises
    ------
    RequestError
        If a check is not known.
    """
    unknown = [name for name in only if name not in CHECKS]
    if unknown:
        raise RequestError(f"expected checks among {', '.join(CHECKS)}, got {', '.join(unknown)}")
    with centre.store.reading() as tx:
        return audit_in(centre, tx, only)


def audit_in(centre: Centre, tx: Tx, only: Sequence[str] = ()) -> Audit:
    """The same, within a transaction that is open."""
    names = [name for name in CHECKS if not only or name in only]
    return Audit(tuple(_run(centre, tx, name) for name in names))


def _run(centre: Centre, tx: Tx, name: str) -> Checked:
    about, table, check = CHECKS[name]
    looked_count = faults_count = 0
    findings: list[Finding] = []
    for look in readable(table, check)(centre, tx):
        looked_count += 1
        if not look.expected:
            continue
        faults_count += 1
        if len(findings) < FINDINGS_MAX:
            findings.append(Finding(name, look.table, look.record_id, look.expected, look.found))
    first = findings[0] if findings else None
    return Checked(name, about, looked_count, faults_count, first, tuple(findings))
