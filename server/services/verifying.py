"""The verifier: what must always hold, computed again from the stored facts.

It changes nothing. Every fault names the statement that broke and the id at which
it broke, so that all faults show at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.canonical import parse_canonical, sha256_hex
from core.errors import HarvestlineError, LedgerImbalanceError
from core.lending.books import principal_account
from core.lending.facts import FactKind
from core.lending.lease import LEASE, Lease, LeaseKind
from core.lending.ledger import check_entry, entry_hash
from core.lending.limit import Movement
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX, open_document
from core.wire.envelope import GENESIS, LogClass, LogName, record_hash
from server.keys import KeyRing
from server.services.cards import judge_card
from server.services.centre import Centre
from server.services.posting import unsquared
from server.services.standing import facts_of, suspense_account
from server.store import (
    evidence,
    leases,
    ledger,
    lines,
    logs,
    people,
    registry,
    reports,
    suspense,
)
from server.store.engine import Tx
from server.store.reports import Replay
from server.store.rows import json_text

RUN_RECORDS = 5_000


@dataclass(frozen=True, slots=True)
class Fault:
    """A statement that does not hold, and where."""

    statement: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was looked at, by statement, and what was wrong."""

    checked: dict[str, int]
    faults: tuple[Fault, ...]


def verify(centre: Centre) -> Verified:
    """Check everything that the centre promises of its books."""
    checked: dict[str, int] = {}
    faults: list[Fault] = []
    with centre.store.reading() as tx:
        for statement, check in _CHECKS.items():
            found = list(check(centre, tx))
            checked[statement] = len(found)
            faults += [Fault(statement, where, wrong) for where, wrong in found if wrong]
    return Verified(checked, tuple(faults))


Found = Iterator[tuple[str, str]]


def _ledger_entries(_: Centre, tx: Tx) -> Found:
    for posted in ledger.entries(tx):
        try:
            check_entry(posted.entry)
            yield posted.entry.entry_id, ""
        except LedgerImbalanceError as error:
            yield posted.entry.entry_id, str(error)


def _ledger_chains(_: Centre, tx: Tx) -> Found:
    for writer, chain in itertools.groupby(ledger.entries(tx), key=lambda posted: posted.writer):
        previous = ledger.GENESIS
        for number, posted in enumerate(chain, 1):
            expected = entry_hash(posted.entry, previous)
            whole = (posted.seq, posted.previous, posted.hash) == (number, previous, expected)
            previous = posted.hash
            yield f"{writer}/{posted.seq}", "" if whole else "does not follow the entry before it"


def _ledger_matches_facts(centre: Centre, tx: Tx) -> Found:
    """What the ledger holds of each line is what its draws and repayments come to."""
    till = f"cash/{centre.settings.name}"
    for line in lines.every(tx):
        facts = {fact.fact_id: fact for fact in facts_of(tx, line)}
        drawn = sum(f.amount_minor for f in facts.values() if f.kind is FactKind.DRAWDOWN)
        booked = ledger.drawn_minor(tx, principal_account(line.line_id))
        yield line.line_id, "" if booked == drawn else f"booked {booked} drawn, facts say {drawn}"
        wrong = unsquared(tx, line, till, "verifier")
        told = ", ".join(each.cause_id for each in wrong)
        yield line.line_id, f"the ledger and the facts differ: {told}" if wrong else ""


def _suspense_matches_draws(_: Centre, tx: Tx) -> Found:
    for each in suspense.suspended(tx):
        booked = ledger.account_balance(tx, suspense_account(each.line_id), each.currency)
        paid = sum(
            other.amount_minor
            for other in suspense.suspended(tx)
            if (other.line_id, other.currency) == (each.line_id, each.currency)
        )
        yield each.line_id, "" if booked == paid else f"booked {booked}, paid out {paid}"
    for line in lines.every(tx):
        left = ledger.account_balance(tx, suspense_account(line.line_id), line.currency)
        if left:
            yield line.line_id, f"{left} stands in suspense, though the line is known"


def _inbound_chains(_: Centre, tx: Tx) -> Found:
    for log in logs.inbound(tx):
        name = LogName(log.writer, LogClass(log.log), log.stream)
        head, seq = GENESIS, 0
        while run := logs.inbound_run(tx, name, seq, RUN_RECORDS):
            for kept in run:
                head, seq = record_hash(name, head, kept.record), seq + 1
                whole = (kept.record.seq, kept.hash) == (seq, head)
                yield f"{log.writer}/{log.log}/{seq}", "" if whole else "breaks the chain"
        if (head, seq) != (log.head, log.high_water):
            yield f"{log.writer}/{log.log}", "the high water is not the last record"


def _movements(_: Centre, tx: Tx) -> Found:
    known = evidence.known_ids(tx)
    for line in lines.every(tx):
        limit = 0
        for number, moved in enumerate(lines.movements_of(tx, line.line_id), 1):
            yield f"{line.line_id}/{moved.seq}", _fault_of_movement(moved, (number, limit), known)
            limit = moved.limit_minor
        yield line.line_id, "" if limit == line.limit_minor else "limit without a movement"


def _fault_of_movement(
    moved: lines.LineMovement, expected: tuple[int, int], known: frozenset[str]
) -> str:
    moves = moved.movement in (Movement.RAISED, Movement.CUT)
    faults = (
        ((moved.seq, moved.limit_before_minor) != expected, "does not follow the one before"),
        (not moved.reasons, "has no reason"),
        (moves and not moved.evidence_ids, "moved the limit without evidence"),
        (not known.issuperset(moved.evidence_ids), "cites evidence that is not here"),
        (not moves and moved.seq > 1 and moved.limit_minor != expected[1], "held, yet moved"),
        (moved.movement is Movement.CUT and moved.limit_minor >= expected[1], "a cut that rose"),
    )
    return next((words for broken, words in faults if broken), "")


def _lease_invariant(centre: Centre, tx: Tx) -> Found:
    ring = KeyRing((centre.keys.identity().public_key,))
    for signed in leases.every(tx):
        lease = signed.lease
        body = open_document(signed.document, LEASE, ring).body
        faults = [(decode(Lease, body) != lease, "differs from what was signed")]
        if lease.kind is LeaseKind.LINE:
            total = signed.posted_at_signing_minor + signed.pending_at_signing_minor
            total += signed.leased_at_signing_minor + lease.amount_minor
            told = f"{total} posted and leased, limit {lease.limit_minor}"
            faults.append((total > lease.limit_minor, told))
            known = lease.limit_minor in _limits_at(tx, lease)
            faults.append((not known, f"limit {lease.limit_minor} was not in force when signed"))
        yield lease.lease_id, next((words for broken, words in faults if broken), "")


def _limits_at(tx: Tx, lease: Lease) -> set[int]:
    """The limits that were in force at the instant of signing.

    A movement in the same millisecond may have come before the lease or after it.
    """
    past = [
        moved
        for moved in lines.movements_of(tx, lease.line_id)
        if moved.at_ms <= lease.signed_at_ms
    ]
    at_once = [moved for moved in past if moved.at_ms == lease.signed_at_ms]
    found = {moved.limit_minor for moved in (*past[-1:], *at_once)}
    return found | {moved.limit_before_minor for moved in at_once if moved.seq > 1}


def _draws_within_leases(_: Centre, tx: Tx) -> Found:
    for signed in leases.every(tx):
        book = leases.book(tx, signed)
        wrong = f"{book.used_minor} drawn, {signed.lease.amount_minor} leased"
        yield signed.lease.lease_id, "" if book.used_minor <= signed.lease.amount_minor else wrong


def _cards(centre: Centre, tx: Tx) -> Found:
    keys = {one.name: one.public_key for one in registry.all_stations(tx)}
    keys[centre.settings.name] = centre.keys.identity().public_key
    for kept in reports.every_decision(tx):
        known = (keys[kept.writer],) if kept.writer in keys else ()
        outcome, detail = judge_card(tx, kept.document, known)
        body = parse_canonical(kept.document, DOCUMENT_BYTES_MAX)["body"]
        altered = sha256_hex(kept.document) != kept.document_sha256
        altered = altered or body["card_id"] != kept.card_id
        wrong = "" if outcome is Replay.SAME else f"{outcome.value}: {detail}"
        yield kept.card_id, "differs from what was received" if altered else wrong


def _evidence(_: Centre, tx: Tx) -> Found:
    for evidence_id in sorted(evidence.known_ids(tx)):
        kept = evidence.find(tx, evidence_id)
        document = evidence.document_bytes(tx, evidence_id)
        same = kept is not None and kept.sha256 == sha256_hex(document)
        yield evidence_id, "" if same else "differs from what was received"


def _audit_trail(_: Centre, tx: Tx) -> Found:
    previous, seq = people.GENESIS, 0
    while rows := people.trail(tx, seq, RUN_RECORDS):
        for row in rows:
            facts = {
                name: value
                for name, value in encode(row).items()
                if name not in ("seq", "previous", "hash")
            }
            facts["detail"] = json_text(row.detail)
            expected = people.audit_hash(seq + 1, previous, facts)
            whole = (row.seq, row.previous, row.hash) == (seq + 1, previous, expected)
            previous, seq = row.hash, row.seq
            yield str(row.seq), "" if whole else "breaks the chain"


def _safely(check: Callable[[Centre, Tx], Found]) -> Callable[[Centre, Tx], Found]:
    """A check whose own failure to read is a fault, not the end of the others."""

    def guarded(centre: Centre, tx: Tx) -> Found:
        try:
            yield from check(centre, tx)
        except HarvestlineError as error:
            yield "(reading)", str(error)

    return guarded


_CHECKS = {
    "ledger entries balance": _safely(_ledger_entries),
    "ledger chains hold": _safely(_ledger_chains),
    "ledger agrees with draws and repayments": _safely(_ledger_matches_facts),
    "suspense agrees with draws": _safely(_suspense_matches_draws),
    "inbound chains hold": _safely(_inbound_chains),
    "movements have evidence and reasons": _safely(_movements),
    "leases stayed within the limit when signed": _safely(_lease_invariant),
    "draws stayed within their leases": _safely(_draws_within_leases),
    "decision cards replay": _safely(_cards),
    "evidence is as it came": _safely(_evidence),
    "audit trail holds": _safely(_audit_trail),
}
