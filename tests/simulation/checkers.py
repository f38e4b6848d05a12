"""What must hold whatever befell: looked at from both sides, after every step.

The numbers are those of docs/architecture.md. ``after_each_step`` is cheap; the
centre's whole verifier and the comparison of both books come at the end.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from core.lending.books import (
    line_accounts,
    payable_account,
    posted_slots,
    principal_account,
    slot_of,
)
from core.lending.lease import DrawState, LeaseKind
from core.lending.ledger import Entry, EntryKind, EntryLine
from core.lending.limit import Movement
from core.units import civil_day
from core.wire.envelope import LogClass, LogName
from edge_node.decide.debt import debt
from edge_node.decide.room import uncounted_draws
from edge_node.store import leases as station_leases
from edge_node.store import lines as station_lines
from edge_node.store import logs as station_logs
from edge_node.store import village
from server.services.standing import owed
from server.services.verifying import verify
from server.store import leases, ledger, lines, logs, places
from server.store.engine import Tx
from tests.simulation.agents import in_lost_hands, not_handed_in
from tests.simulation.own_months import faults_of_months
from tests.simulation.reliefs import faults_of_reliefs
from tests.simulation.station import SimulatedStation
from tests.simulation.ticks import faults_of_news
from tests.simulation.world import World

# Asked after every step, so in one question each, and not through the product's own reading.
_LEASES = "SELECT lease_id, kind, amount_minor, per_line_minor, closed_at_ms FROM leases"
_LINES = """
SELECT l.line_id, l.watch, m.movement, m.limit_minor, m.outstanding_minor,
       m.reasons, m.evidence_ids,
       (SELECT max(limit_minor) FROM movements WHERE line_id = l.line_id) AS highest_minor
FROM lines l JOIN movements m ON m.line_id = l.line_id
WHERE m.seq = (SELECT max(seq) FROM movements WHERE line_id = l.line_id)
"""

_BOOKED = """
SELECT l.line_id,
       (SELECT coalesce(sum(amount_minor), 0) FROM drawdowns d
        WHERE d.line_id = l.line_id AND d.state = 'posted'),
       (SELECT coalesce(sum(x.amount_minor), 0) FROM ledger_lines x
        JOIN ledger_entries e ON e.entry_id = x.entry_id
        WHERE x.account = 'loan/principal/' || l.line_id AND e.kind = 'drawdown')
FROM lines l
"""
_ATTEMPTS = (
    "UPDATE ledger_lines SET amount_minor = amount_minor + 1",
    "DELETE FROM ledger_lines",
    "UPDATE ledger_entries SET effective_on = '2000-01-01'",
    "DELETE FROM ledger_entries",
    "INSERT INTO ledger_lines SELECT tenant_id, entry_id, 99, 'x', 'KES', 1 FROM ledger_entries",
)

# The most principal that repayments ever stood for: a fact that comes late may lower it again.
_REPAID = """
SELECT account, max(running) AS paid_minor FROM (
    SELECT l.account, sum(-l.amount_minor) OVER (
        PARTITION BY l.account ORDER BY e.seq, l.line_no) AS running
    FROM ledger_lines l JOIN ledger_entries e ON e.entry_id = l.entry_id
    WHERE l.account LIKE 'loan/principal/%' AND e.kind IN ('repayment', 'reversal')
      AND e.cause_id NOT LIKE '%/undoes/capitalised/%'
) GROUP BY account
"""


def most_repaid(tx: Tx) -> dict[str, int]:
    """By principal account, the most that repayments ever stood for [minor units]."""
    return {row.account: row.paid_minor for row in tx.connection.exec_driver_sql(_REPAID)}


def after_each_step(world: World) -> None:
    """No over-lending, and no promise broken; nothing to look at where nothing moved."""
    if not world.moved():
        return
    with world.looked_at(), world.centre.store.reading() as tx:
        known = tx.connection.exec_driver_sql(_LINES).all()
        faults = [
            *_no_overlending(world, tx, known), *_nothing_lost(world, tx),
            *_no_forced_arrears(known),
            *_booked_once(tx), *faults_of_news(world, tx, world.noted),
            *faults_of_months(world, tx),
        ]  # fmt: skip
    assert not faults, faults


def at_the_end(world: World) -> None:
    """After healing: both books agree, every chain and every rule holds."""
    found = verify(world.centre)
    assert not found.faults, found.faults
    with world.looked_at(), world.centre.store.reading() as tx:
        faults = [
            *_books_agree(world, tx), *_ledger_holds(tx), *_one_figure(world, tx), *_seals_hold(tx),
            *_forgotten(world), *faults_of_reliefs(world, tx),
        ]  # fmt: skip
    assert not faults, faults


def _live(world: World, station: SimulatedStation) -> Iterator[tuple[str, str, int]]:
    """Draws that stand at a station: (lease, line, amount); of a destroyed one, what was paid."""
    rows = station.db.execute(
        "SELECT lease_id, line_id, amount_minor, draw_id FROM draws WHERE state != 'voided'"
    )
    counted = set()
    for lease_id, line_id, amount, draw_id in rows.fetchall():
        if station.name != world.destroyed or draw_id in station.promises.shown:
            counted.add(draw_id)
            yield lease_id, line_id, amount
    for told in not_handed_in(world, station):
        # A tablet that died before it marked what was taken hands it in once more.
        if told.draw_id not in counted:
            lease_id = world.agents[station.name].parts[told.sublease_id].lease_id
            yield lease_id, told.line_id, told.amount_minor
    for part, left in in_lost_hands(world, station):
        yield part.lease_id, part.line_id, left


def _no_overlending(world: World, tx: Tx, known: Sequence[Any]) -> Iterator[str]:
    """Invariant 1: the truth at the stations is within what the centre signed and counts."""
    by_lease: dict[str, int] = defaultdict(int)
    by_line: dict[tuple[str, str], int] = defaultdict(int)
    for station in world.stations.values():
        for lease_id, line_id, amount in _live(world, station):
            by_lease[lease_id] += amount
            by_line[lease_id, line_id] += amount
    signed = {row.lease_id: row for row in tx.connection.exec_driver_sql(_LEASES)}
    for lease_id, used in by_lease.items():
        if lease_id not in signed:
            yield f"1: {used} drawn under lease {lease_id}, which the centre never signed"
            continue
        counted = signed[lease_id].amount_minor
        if signed[lease_id].closed_at_ms is not None:
            kept = leases.find(tx, lease_id)
            assert kept is not None
            counted = leases.book(tx, kept).used_minor
        if used > counted:
            yield f"1: {used} drawn under lease {lease_id}, the centre counts {counted}"
    for (lease_id, line_id), used in by_line.items():
        lease = signed.get(lease_id)
        if lease is None or lease.kind != LeaseKind.ONBOARDING.value:
            continue
        if used > lease.per_line_minor:
            yield f"1: {used} drawn by {line_id} under {lease_id}, per line {lease.per_line_minor}"
    yield from _within_the_highest_limit(by_line, tx, known)


def _within_the_highest_limit(
    by_line: dict[tuple[str, str], int], tx: Tx, known: Sequence[Any]
) -> Iterator[str]:
    drawn: dict[str, int] = defaultdict(int)
    for (_, line_id), used in by_line.items():
        drawn[line_id] += used
    repaid = most_repaid(tx)
    for line in known:
        paid_minor = repaid.get(principal_account(line.line_id), 0)
        if drawn[line.line_id] - paid_minor > line.highest_minor:
            yield (
                f"1: {drawn[line.line_id]} drawn less {paid_minor} repaid under "
                f"{line.line_id}, the highest limit ever was {line.highest_minor}"
            )


def _nothing_lost(world: World, tx: Tx) -> Iterator[str]:
    """Invariant 2: receipts that were shown, and records that were receipted, are there."""
    for station in world.stations.values():
        for draw_id, amount in station.promises.shown.items():
            if station.name == world.destroyed:
                booked = leases.find_draw(tx, draw_id)
                if booked is None or (booked.state, booked.amount_minor) != (
                    DrawState.POSTED, amount,
                ):  # fmt: skip
                    yield f"2: the receipt of draw {draw_id} was brought in, it is not booked"
                continue
            kept = station_leases.draw(station.db, draw_id)
            whole = kept is not None and (
                (kept.drawdown.state, kept.drawdown.amount_minor) == (DrawState.POSTED, amount)
            )
            if not whole:
                yield f"2: the receipt of draw {draw_id} was shown at {station.name}, it is gone"
        for log, (seq, head) in station.promises.receipted.items():
            name = LogName(station.name, log)
            if seq and logs.inbound_hash(tx, name, seq) != head:
                yield f"2: the centre receipted {station.name}/{log.value} to {seq}, it is gone"


def _no_forced_arrears(known: Sequence[Any]) -> Iterator[str]:
    """Invariants 6 and 7: a cut has reasons and evidence, and asks nothing back.

    A limit may fall below what is owed; then the line is watched, and what is owed stays
    due when it was due.
    """
    for line in known:
        if line.movement != Movement.CUT.value:
            continue
        if line.limit_minor < line.outstanding_minor and not line.watch:
            owes = line.outstanding_minor
            yield f"7: {line.line_id} was cut to {line.limit_minor}, owes {owes}, is not watched"
        if not json.loads(line.reasons) or not json.loads(line.evidence_ids):
            yield f"6: {line.line_id} was cut without reason or evidence"


def _books_agree(world: World, tx: Tx) -> Iterator[str]:
    """Invariants 2 and 3: all that the stations wrote is at the centre, exactly once."""
    for station in world.alive:
        for log in (LogClass.MONEY, LogClass.FEATURES, LogClass.RAW):
            tail = station_logs.tail(station.db, log)
            name = LogName(station.name, log)
            if tail.seq and logs.inbound_hash(tx, name, tail.seq) != tail.head:
                yield f"2: {station.name}/{log.value} to {tail.seq} is not whole at the centre"
        rows = station.db.execute(
            "SELECT draw_id, state, amount_minor, line_id FROM draws ORDER BY draw_id"
        )
        for draw_id, state, amount, line_id in rows.fetchall():
            kept = leases.find_draw(tx, draw_id)
            if kept is None and lines.find(tx, line_id) is None:
                continue  # of a line that the centre could not take; its record is flagged
            if kept is None or (kept.state.value, kept.amount_minor) != (state, amount):
                yield f"3: draw {draw_id} is {state} {amount} at {station.name}, centre: {kept}"


def _ledger_holds(tx: Tx) -> Iterator[str]:
    """Invariants 3 and 4: all sums to zero, nothing is negative, what is undone was done."""
    if any(sum(balances) for balances in _by_currency(tx).values()):
        yield f"4: the trial balance sums to {_by_currency(tx)}"
    for line in lines.every(tx):
        posted = leases.posted_minor(leases.draws_of_line(tx, line.line_id))
        booked = ledger.drawn_minor(tx, principal_account(line.line_id))
        if booked != posted:
            yield f"3: {line.line_id} has {booked} drawn in the ledger, its draws are {posted}"
        for account in line_accounts(line.line_id):
            held = ledger.account_balance(tx, account, line.currency)
            if held * (-1 if account == payable_account(line.line_id) else 1) < 0:
                yield f"4: {account} holds {held}"
    if ledger.account_balance(tx, "income/recovery", "KES") > 0:
        yield "4: more was undone of recoveries than ever came"
    yield from _undone_was_done(tx)


def _undone_was_done(tx: Tx) -> Iterator[str]:
    """Invariant 4: each reversal undoes just what stood; recoveries are undone in part."""
    held: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    entries = [each.entry for each in ledger.entries(tx)]
    slots = [each for each in entries if not each.cause_id.endswith("/undoes/recovery")]
    for entry in sorted(slots, key=_written):
        owner = next((x.account.rpartition("/")[2] for x in entry.lines if _of_line(x)), "")
        slot = slot_of(entry) or _of_draw(entry)
        before = posted_slots(held[owner, slot]).get(slot) or _standing(held[owner, slot])
        undone = {(x.account, -x.amount_minor) for x in entry.lines}
        was = {(x.account, x.amount_minor) for x in before.lines} if before else set()
        if slot and (entry.kind is EntryKind.REVERSAL) != bool(before):
            yield f"4: {entry.cause_id} {entry.kind.value} of what held {was}"
        if entry.kind is EntryKind.REVERSAL and undone != was:
            yield f"4: {entry.cause_id} undoes {undone}, there stood {was}"
        held[owner, slot].append(entry)


def _of_draw(entry: Entry) -> str:
    """The fact of a draw, or of its fee, that an entry posts or undoes; they have no slots."""
    if entry.kind not in (EntryKind.DRAWDOWN, EntryKind.FEE, EntryKind.REVERSAL):
        return ""
    undone = entry.cause_id.rpartition("/undoes/")[2]
    return f"{undone}/fee" if entry.kind is EntryKind.FEE else undone


def _standing(entries: list[Entry]) -> Entry | None:
    """What was posted and not undone since of what has no slot; it is posted once."""
    last = entries[-1] if entries and not slot_of(entries[-1]) else None
    return last if last and last.kind is not EntryKind.REVERSAL else None


def _by_currency(tx: Tx) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for (_, currency), total in ledger.trial_balance(tx).items():
        found[currency].append(total)
    return found


def _written(entry: Entry) -> str:
    return entry.entry_id  # identifiers of a world rise


def _of_line(line: EntryLine) -> bool:
    return line.account.startswith(("loan/", "payable/"))


def _one_figure(world: World, tx: Tx) -> Iterator[str]:
    """What a station tells of its lines is what the centre tells, to the unit, on any day."""
    today = civil_day(world.now_ms)
    for line in lines.every(tx):
        for station in world.alive:
            kept = station_lines.find(station.db, line.line_id)
            at_home = station.name in {each.station for each in places.of_line(tx, line)}
            if kept is None or not at_home:
                continue
            offered = village.product(station.db, line.product_id)
            uncounted = uncounted_draws(station.db, kept)
            for later in (2, 300):
                on = today + timedelta(days=later)
                here, there = debt(kept, uncounted, offered, on).owed, owed(tx, line, on)
                if here != there:
                    yield f"5: {line.line_id} owes {here} at {station.name}, {there} at the centre"


def _forgotten(world: World) -> Iterator[str]:
    """Invariant 8: no station names who was erased, once it has heard of it."""
    for station in world.alive:
        for farmer_id in sorted(world.erased):
            if station.knows(farmer_id) and (name := village.farmer(station.db, farmer_id).name):
                yield f"8: {farmer_id} was erased, {station.name} names them {name!r}"


def _booked_once(tx: Tx) -> Iterator[str]:
    """Invariant 3: what is drawn under a line stands in the ledger once, at every tick."""
    for line_id, posted, booked in tx.connection.exec_driver_sql(_BOOKED):
        if posted != booked:
            yield f"3: {line_id} has {booked} drawn in the ledger, its draws are {posted}"


def _seals_hold(tx: Tx) -> Iterator[str]:
    """Invariant 4: the store itself refuses whoever would change a sealed entry."""
    for attempt in _ATTEMPTS:
        try:
            changed = tx.connection.exec_driver_sql(attempt).rowcount
        except IntegrityError:
            continue
        if changed:
            yield f"4: the store let somebody {attempt}"
