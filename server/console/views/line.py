"""A line: how its limit moved and why, what is drawn, leased, owed and due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.lending.account import Asked
from core.lending.books import principal_account
from core.lending.lease import DrawState, Lease
from core.lending.product import Product
from core.units import civil_day
from core.wire.registry import Farmer, Subject
from server.console.figures.limit import LimitStory, Marker, Step
from server.services.explaining import TermTold, explained
from server.services.freezing import frozen_by_people
from server.services.standing import (
    LineStanding,
    account_of,
    ahead_of,
    priced_by,
    standing,
)
from server.store import bounces, evidence, leases, ledger, lines, people, registry, reports
from server.store.engine import Tx
from server.store.leases import Drawing
from server.store.ledger import Repayment
from server.store.lines import Line, LineMovement
from server.store.people import AuditRow


@dataclass(frozen=True, slots=True)
class TermRow:
    """One term of the latest review, and its part of the largest."""

    told: TermTold
    share: float


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A lease that is or was out [minor units]."""

    lease: Lease
    used_minor: int
    unspent_minor: int
    closed: bool
    expired: bool


@dataclass(frozen=True, slots=True)
class MovementRow:
    """A movement with its number and the plots that its evidence speaks of."""

    number: int
    moved: LineMovement
    evidence: tuple[tuple[str, str], ...]  # evidence id, subject id


@dataclass(frozen=True, slots=True)
class LinePage:
    """Everything that a line's page shows."""

    line: Line
    stands: LineStanding
    farmer: Farmer | None
    product: Product
    subjects: tuple[Subject, ...]
    movements: tuple[MovementRow, ...]
    terms: tuple[TermRow, ...]
    terms_on: str
    story: LimitStory
    draws: tuple[Drawing, ...]
    repayments: tuple[Repayment, ...]
    bounced: Mapping[str, str]  # by repayment, the day on which it bounced
    leases: tuple[LeaseRow, ...]
    dues: tuple[Asked, ...]
    late_days: int
    consents: Mapping[str, str]
    acts: tuple[AuditRow, ...]
    frozen_by_people: bool
    today: date

    @property
    def has_penalty(self) -> bool:
        """Whether being late costs anything, now or on a day to come."""
        return any(due.parts.penalty_minor for due in self.dues)


def read_line(tx: Tx, line_id: str, today: date, now_ms: int) -> LinePage:
    """A line's page.

    Raises
    ------
    NotKnownError
        If there is no such line.
    """
    line = lines.get(tx, line_id)
    stands = standing(tx, line, today)
    product = priced_by(tx, line)
    moved = lines.movements_of(tx, line_id)
    weighed = next((m for m in reversed(moved) if m.terms), None)
    found = (registry.find_subject(tx, each) for each in line.subject_ids)
    return LinePage(
        line=line,
        stands=stands,
        farmer=registry.find_farmer(tx, line.farmer_id),
        product=product,
        subjects=tuple(subject for subject in found if subject is not None),
        movements=_movements(tx, moved),
        terms=_terms(explained(tx, line, weighed)) if weighed else (),
        terms_on=weighed.as_of if weighed else "",
        story=_story(tx, line, moved, today),
        draws=leases.draws_of_line(tx, line_id),
        repayments=ledger.repayments_of(tx, line_id),
        bounced={each.repayment_id: each.bounced_on for each in bounces.of_line(tx, line_id)},
        leases=_leases(tx, line, stands, now_ms),
        dues=ahead_of(tx, line, today),
        late_days=account_of(tx, line, today).late_days,
        consents=reports.granted_purposes(tx, line.farmer_id),
        acts=people.trail_of(tx, "line", line_id),
        frozen_by_people=frozen_by_people(tx, line),
        today=today,
    )


def _movements(tx: Tx, moved: Sequence[LineMovement]) -> tuple[MovementRow, ...]:
    rows = []
    for number, each in enumerate(moved, 1):
        known = ((e, evidence.find(tx, e)) for e in each.evidence_ids)
        links = tuple((evidence_id, kept.subject_id) for evidence_id, kept in known if kept)
        rows.append(MovementRow(number, each, links))
    return tuple(reversed(rows))


def _terms(told: Sequence[TermTold]) -> tuple[TermRow, ...]:
    most = max([1, *(each.amount_minor for each in told)])
    return tuple(TermRow(each, each.amount_minor / most) for each in told)


def _story(tx: Tx, line: Line, moved: Sequence[LineMovement], today: date) -> LimitStory:
    until = today.isoformat()
    if line.closed_at_ms is not None:
        until = civil_day(line.closed_at_ms).isoformat()
    # A limit is in force from the day of the review, whatever day its evidence speaks of.
    first = _day(moved[0]) if moved else line.opened_on
    limits = [Step(_day(m), m.limit_minor) for m in moved] or [Step(first, line.limit_minor)]
    changes = ledger.principal_changes(tx, principal_account(line.line_id))
    return LimitStory(
        currency=line.currency,
        limits=tuple(_rising(limits)),
        drawn=tuple(_sums(changes)),
        leased=tuple(_sums(_lease_changes(tx, line))),
        markers=tuple(_markers(moved)),
        until=max(until, limits[-1].on),
    )


def _day(moved: LineMovement) -> str:
    return civil_day(moved.at_ms).isoformat()


def _rising(steps: Sequence[Step]) -> list[Step]:
    """One step a day, in order of days; the last of a day stands."""
    last = {step.on: step for step in steps}
    return [last[day] for day in sorted(last)]


def _sums(changes: Sequence[tuple[str, int]]) -> list[Step]:
    total, steps = 0, []
    for day, change in changes:
        total += change
        steps.append(Step(day, total))
    return _rising(steps)


def _lease_changes(tx: Tx, line: Line) -> list[tuple[str, int]]:
    """When leased and unspent money rose (a lease) or fell (a draw, a lease given back)."""
    live = [d for d in leases.draws_of_line(tx, line.line_id) if d.state is not DrawState.VOIDED]
    changes = [(draw.at_ms, -draw.amount_minor) for draw in live]
    shares = [
        (one, one.lease.signed_at_ms, one.lease.amount_minor)
        for one in leases.of_line(tx, line.line_id)
    ]
    first = leases.find(tx, line.onboarding_lease_id) if line.onboarding_lease_id else None
    if first is not None:
        shares.append((first, line.opened_at_ms, line.onboarding_minor))
    for one, from_ms, amount_minor in shares:
        changes.append((from_ms, amount_minor))
        if one.closed_at_ms is not None:
            used = sum(d.amount_minor for d in live if d.lease_id == one.lease.lease_id)
            changes.append((one.closed_at_ms, used - amount_minor))
    return [(civil_day(at_ms).isoformat(), change) for at_ms, change in sorted(changes)]


def _markers(moved: Sequence[LineMovement]) -> list[Marker]:
    """A number for each movement, but for a hold that only repeats the one before."""
    shown, before = [], ""
    for number, each in enumerate(moved, 1):
        name = each.movement.value
        if name != "held" or before != "held":
            shown.append(Marker(number, _day(each), each.limit_minor, name))
        before = name
    return shown


def _leases(tx: Tx, line: Line, stands: LineStanding, now_ms: int) -> tuple[LeaseRow, ...]:
    rows = [
        LeaseRow(b.lease, b.used_minor, b.unspent_minor, b.closed, b.lease.expires_at_ms <= now_ms)
        for b in stands.books
    ]
    first = leases.find(tx, line.onboarding_lease_id) if line.onboarding_lease_id else None
    if first is not None:
        used = leases.book(tx, first).line_used_minor(line.line_id)
        closed, expired = first.closed_at_ms is not None, first.lease.expires_at_ms <= now_ms
        rows.append(LeaseRow(first.lease, used, stands.onboarding_unspent_minor, closed, expired))
    # What is still out first: the page folds away the rest.
    return tuple(sorted(rows, key=lambda row: (row.closed, -row.lease.signed_at_ms)))
