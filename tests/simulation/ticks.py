"""What is new since the last tick, held against every promise that one record can break.

Append-only tables are read from where the last look ended, so a tick costs what happened
in it. The numbers are those of docs/architecture.md.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from core.errors import LedgerImbalanceError
from core.lending.account import account
from core.lending.agreed import agreed
from core.lending.agreement import TRANSITIONS, AgreementEvent, AgreementState
from core.lending.facts import Fact
from core.lending.ledger import Entry, EntryKind, EntryLine, check_entry, entry_hash
from core.lending.limit import Movement
from core.lending.relief import planned
from core.units import civil_day
from server.services.audit.run import audit_in
from server.services.standing import facts_of, priced_by, relief_of, terms_of
from server.store import lines, newplans, products
from server.store.engine import Tx
from server.store.ledger import GENESIS, content_hash
from server.store.lines import Line
from tests.simulation.noted import Noted, Plan
from tests.simulation.reliefs import faults_of_end
from tests.simulation.rises import faults_of_rises
from tests.simulation.station import SimulatedStation
from tests.simulation.stock import faults_of_advance, faults_of_stock
from tests.simulation.village import PRODUCT, STORED
from tests.simulation.world import World

_PERMITTED = {(each.state, each.event, each.after) for each in TRANSITIONS}
_TABLES = (
    "ledger_entries", "ledger_lines", "leases", "decisions", "agreement_steps", "movements",
    "outbound_records", "inbound_records",
)  # fmt: skip
_NEWEST = " UNION ALL ".join(map("SELECT coalesce(max(rowid), 0) FROM {}".format, _TABLES))
_LEDGER = "SELECT count(*), total(amount_minor * line_no), total(length(account)) FROM ledger_lines"
_HOMES = (
    "SELECT l.farmer_id, s.station FROM line_stations s JOIN lines l ON l.line_id = s.line_id"
    " UNION SELECT farmer_id, station FROM lines UNION SELECT farmer_id, home_station FROM farmers"
)
# A cut asks nothing back, and relief puts off: what makes a due date later is one of these.
_LATER = (AgreementEvent.GRANT_RELIEF.value, AgreementEvent.RESTRUCTURE.value)


def faults_of_news(world: World, tx: Tx, noted: Noted) -> Iterator[str]:
    """Every promise that a new record breaks."""
    newest = tx.connection.exec_driver_sql(_NEWEST).scalars()
    noted.newest = dict(zip(_TABLES, newest, strict=True))
    yield from _entries(world, tx, noted)
    yield from _leases(world, tx, noted)
    yield from _decisions(world, tx, noted)
    granted = yield from _steps(world, tx, noted)
    moved = _new(tx, noted, "movements")
    yield from _movements(world, tx, moved)
    yield from _due_dates(world, tx, noted, (granted, moved))
    yield from _told(world, tx, noted)
    yield from _forgotten(world, tx)
    for row in _new(tx, noted, "inbound_records"):
        world.reached["up", row["kind"]] += 1
    for station in world.stations.values():
        yield from _draws(tx, station, noted)


def _new(tx: Tx, noted: Noted, table: str) -> list[dict[str, Any]]:
    """The rows of an append-only table that were not looked at."""
    if noted.newest[table] <= noted.upto[table]:
        return []
    question = f"SELECT rowid AS place, * FROM {table} WHERE rowid > ? ORDER BY rowid"  # noqa: S608  # a table's name
    rows = [
        dict(r) for r in tx.connection.exec_driver_sql(question, (noted.upto[table],)).mappings()
    ]
    if rows:
        noted.upto[table] = rows[-1]["place"]
    return rows


def _entries(world: World, tx: Tx, noted: Noted) -> Iterator[str]:
    """Invariants 3 and 4: each new entry balances, is sealed in its chain, and is the only one."""
    news = _new(tx, noted, "ledger_entries")
    before = _new(tx, noted, "ledger_lines")
    count, total, length = (
        len(before), sum(x["amount_minor"] * x["line_no"] for x in before),
        sum(len(x["account"]) for x in before),
    )  # fmt: skip
    was = noted.sealed
    wanted = (was[0] + count, was[1] + total, was[2] + length)
    noted.sealed = tuple(tx.connection.exec_driver_sql(_LEDGER).one())
    if noted.sealed != wanted:
        yield f"4: lines that were sealed are others now: {noted.sealed}, expected {wanted}"
    owned = defaultdict(list)
    for row in before:
        owned[row["entry_id"]].append(
            EntryLine(row["account"], row["currency"], row["amount_minor"])
        )
    for row in news:
        world.reached["entry", row["kind"]] += 1
        yield from _entry(row, tuple(owned.pop(row["entry_id"], ())), noted)
    for entry_id in owned:
        yield f"4: lines of {entry_id} have no header that seals them"


def _entry(row: dict[str, Any], own: tuple[EntryLine, ...], noted: Noted) -> Iterator[str]:
    entry = Entry(
        row["entry_id"], EntryKind(row["kind"]), row["effective_on"], row["recorded_at_ms"],
        row["cause_id"], own,
    )  # fmt: skip
    try:
        check_entry(entry)
    except (LedgerImbalanceError, ValueError) as error:
        yield f"4: {error}"
    seq, head = noted.heads.get(row["writer"], (0, GENESIS))
    noted.heads[row["writer"]] = (row["seq"], row["hash"])
    sealed = (row["seq"], row["previous"], row["hash"], row["content_sha256"])
    if sealed != (seq + 1, head, entry_hash(entry, head), content_hash(entry)):
        yield f"4: entry {entry.entry_id} is not sealed after {seq} of {row['writer']}"
    if (cause := (entry.cause_id, entry.kind.value)) in noted.causes:
        yield f"3: {cause} was posted twice"
    noted.causes.add(cause)


_OUT = """
SELECT (SELECT max(limit_minor) FROM movements WHERE line_id = :line_id),
       (SELECT coalesce(sum(amount_minor), 0) FROM drawdowns
        WHERE line_id = :line_id AND state != 'voided'),
       (SELECT coalesce(sum(l.amount_minor - coalesce((SELECT sum(amount_minor) FROM drawdowns d
            WHERE d.lease_id = l.lease_id AND d.state != 'voided'), 0)), 0)
        FROM leases l WHERE l.line_id = :line_id AND l.closed_at_ms IS NULL),
       (SELECT coalesce(-sum(x.amount_minor), 0) FROM ledger_lines x
        JOIN ledger_entries e ON e.entry_id = x.entry_id
        WHERE x.account = 'loan/principal/' || :line_id AND e.kind = 'repayment')
"""


def _leases(world: World, tx: Tx, noted: Noted) -> Iterator[str]:
    """Invariant 1: with a new lease, all that is out is within the highest limit, expired or not.

    Only the station itself can say what was drawn under a lease, whatever its date.
    """
    for row in _new(tx, noted, "leases"):
        if not row["line_id"]:
            continue
        if world.repaid == STORED:
            yield from faults_of_advance(tx, row)
        found = tx.connection.exec_driver_sql(_OUT, {"line_id": row["line_id"]}).one()
        highest, drawn, unspent, repaid = found
        if drawn - repaid + unspent > highest:
            yield (
                f"1: lease {row['lease_id']} of {row['line_id']} was signed while {unspent} are "
                f"out, {drawn} drawn, {repaid} ever repaid; its highest limit was {highest}"
            )


def _decisions(world: World, tx: Tx, noted: Noted) -> Iterator[str]:
    """Invariants 5 and 8: a new card replays to the byte, and looked where it might."""
    news = _new(tx, noted, "decisions")
    if not news:
        return
    for fault in audit_in(world.centre, tx, ("cards",)).checks[0].findings:
        yield f"5: card {fault.record_id}: expected {fault.expected}, found {fault.found}"
    for row in news:
        inputs = json.loads(row["document"])["body"]["inputs"]
        found = _consents(world, tx, row["writer"], inputs["consent_ids"])
        given = {purpose for each in found for purpose in each["purposes"]}
        strangers = [each for each in found if each["farmer_id"] != row["farmer_id"]]
        if len(found) != len(inputs["consent_ids"]) or strangers or not found:
            yield f"8: card {row['card_id']} cites {inputs['consent_ids']}, there are {found}"
        elif not set(inputs["purposes"]) <= given:
            yield f"8: card {row['card_id']} looked at {inputs['purposes']}, given were {given}"


def _consents(world: World, tx: Tx, writer: str, ids: list[str]) -> list[dict[str, Any]]:
    """The grants among some consents, wherever they were given."""
    marks = ",".join("?" * len(ids))
    which = f"action = 'grant' AND consent_id IN ({marks})"
    asked = f"SELECT farmer_id, purposes FROM consents WHERE {which}"  # noqa: S608  # question marks
    rows = tx.connection.exec_driver_sql(asked, tuple(ids)).mappings()
    found = [{"farmer_id": r["farmer_id"], "purposes": json.loads(r["purposes"])} for r in rows]
    if len(found) == len(ids) or writer not in world.stations:
        return found
    here = f"SELECT body FROM consents WHERE {which}"  # noqa: S608  # question marks
    kept = world.stations[writer].db.execute(here, ids).fetchall()
    return [json.loads(body) for (body,) in kept]


def _steps(world: World, tx: Tx, noted: Noted) -> Iterator[str]:
    """An agreement's new steps are the table's, or marked; gives the lines that were put off."""
    granted: set[str] = set()
    for row in _new(tx, noted, "agreement_steps"):
        before = noted.states.get(row["agreement_id"])
        noted.states[row["agreement_id"]] = row["state"]
        step = f"{before or 'nothing'} {row['event']} {row['state']}"
        world.reached["irregular step" if row["irregular"] else "step", step] += 1
        if row["event"] in _LATER:
            granted.add(row["line_id"])
        moved = (
            AgreementState(before) if before else None,
            AgreementEvent(row["event"]), AgreementState(row["state"]),
        )  # fmt: skip
        if not row["irregular"] and moved not in _PERMITTED:
            yield f"6: {row['agreement_id']}: {row['event']} made {row['state']} of {before}"
        if not (row["actor"] and row["reason"]):
            yield f"6: {row['agreement_id']}: {row['event']} by nobody, or without a reason"
        if row["event"] == AgreementEvent.END_RELIEF.value:
            yield from faults_of_end(tx, row)
    return granted


def _movements(world: World, tx: Tx, moved: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Invariant 6: why a limit moved; what befell limits is counted."""
    for row in moved:
        codes = {each["code"] for each in json.loads(row["reasons"])}
        world.reached["movement", row["movement"]] += 1
        world.reached.update(("reason", code) for code in codes)
    if world.repaid == STORED:
        yield from faults_of_stock(world, tx, moved)
    else:
        yield from faults_of_rises(tx, moved)


def _due_dates(
    world: World, tx: Tx, noted: Noted, news: tuple[set[str], Sequence[dict[str, Any]]]
) -> Iterator[str]:
    """Invariant 7: no arrears from a falling limit, nor from relief that puts payments off."""
    granted, moved = news
    fallen = {row["line_id"] for row in moved if row["movement"] == Movement.CUT.value}
    known = tx.connection.exec_driver_sql("SELECT line_id, due_on FROM lines").all()
    for line_id, due_on in known:
        before = noted.due_on.setdefault(line_id, due_on)
        if due_on != before and (line_id not in granted or due_on < before):
            yield f"7: {line_id} was due on {before}, is due on {due_on} now"
        if line_id in granted | fallen:
            yield from made_late(tx, noted, lines.get(tx, line_id), civil_day(world.now_ms))
        noted.due_on[line_id] = due_on


def made_late(tx: Tx, noted: Noted, line: Line, today: date) -> Iterator[str]:
    """Invariant 7: today and in 60 days no more is late than by the plan of a tick ago.

    A plan that was made anew in this tick may ask sooner for parts of it, though never today:
    what is shown in its offer and agreed to by the farmer is let pass, on its days, and no more.
    """
    was = noted.plans.get(line.line_id) or (priced_by(tx, line).repayment(), None)
    now = noted.plans[line.line_id] = terms_of(tx, line), relief_of(tx, line)
    if now == was:
        return
    facts = facts_of(tx, line)
    for on in (today, today + timedelta(days=60)):
        found, before = _late_minor(now, facts, on), _late_minor(was, facts, on)
        if now[0].restructured != was[0].restructured:
            before = max(before, _agreed_minor(tx, line, (today, on)))
        if found > before:
            yield f"7: {found} of {line.line_id} are late on {on}, {before} by the plan before"


def _late_minor(plan: Plan, facts: Sequence[Fact], on: date) -> int:
    terms, relief = plan
    return account(terms, facts, on, planned(terms, facts, relief)).late_minor


def _agreed_minor(tx: Tx, line: Line, days: tuple[date, date]) -> int:
    """What the newest plan asks from one day to another: as was shown, and of what was drawn since.

    The first of the days is not asked for: nothing becomes late on the day of a plan.
    """
    after, until = days
    terms = terms_of(tx, line)
    shown = next(
        each.offer for each in reversed(newplans.of_line(tx, line.line_id))
        if each.offer.restructured == terms.restructured[-1]
    )  # fmt: skip
    since = [fact for fact in facts_of(tx, line) if fact.on.isoformat() > shown.restructured.on]
    asked = [(each.on, each.amount_minor) for each in shown.payments]
    asked += [(due.on.isoformat(), due.total_minor) for due in agreed(terms, since)]
    return sum(minor for on, minor in asked if str(after) < on <= str(until))


def _told(world: World, tx: Tx, noted: Noted) -> Iterator[str]:
    """Invariant 8: a station is told of those who live or draw there, and of nobody else."""
    noted.homes |= {tuple(row) for row in tx.connection.exec_driver_sql(_HOMES)}
    news = _new(tx, noted, "outbound_records")
    owners = _owners(tx) if news else {}
    for row in news:
        world.reached["down", row["kind"]] += 1
        body = json.loads(row["body"])
        body = body["body"] if isinstance(body.get("body"), dict) else body
        about = body.get("consent", body)
        farmer = about.get("farmer_id") or owners.get(
            about.get("line_id") or about.get("subject_id")
        )
        if farmer and (farmer, row["station"]) not in noted.homes:
            yield f"8: {row['station']} was told ({row['kind']}) of {farmer}, who is not there"


def _forgotten(world: World, tx: Tx) -> Iterator[str]:
    """Invariant 8: who was erased stays so, whatever is registered again or comes late."""
    for farmer_id in sorted(world.erased):
        asked = "SELECT name FROM farmers WHERE farmer_id = ?"
        for (name,) in tx.connection.exec_driver_sql(asked, (farmer_id,)):
            if name:
                yield f"8: {farmer_id} was erased, the centre names them {name!r}"


def _owners(tx: Tx) -> dict[str, str]:
    """Whose each line and each plot is."""
    asked = "SELECT line_id, farmer_id FROM lines UNION SELECT subject_id, farmer_id FROM subjects"
    return {row[0]: row[1] for row in tx.connection.exec_driver_sql(asked)}


_DRAWS = """
SELECT d.draw_id, d.apr_ppm, d.fee_minor, d.effective_on, d.consent_id,
       l.farmer_id, c.farmer_id, c.action
FROM draws d JOIN lines l ON l.line_id = d.line_id
LEFT JOIN consents c ON c.consent_id = d.consent_id WHERE d.draw_id > ? ORDER BY d.draw_id
"""


def _draws(tx: Tx, station: SimulatedStation, noted: Noted) -> Iterator[str]:
    """Invariants 8 and 10: the farmer's own consent, a told price, under the cap of its day."""
    for row in station.db.execute(_DRAWS, (noted.drawn[station.name],)).fetchall():
        draw_id, apr_ppm, fee_minor, on, consent_id, farmer, giver, action = row
        noted.drawn[station.name] = draw_id  # identifiers of a world rise
        if giver != farmer or action != "grant":
            yield f"8: draw {draw_id} of {farmer} rests on {consent_id}, {action} of {giver}"
        cap_ppm = _cap_ppm(tx, date.fromisoformat(on))
        if not 0 < apr_ppm <= cap_ppm or fee_minor <= 0:
            yield f"10: draw {draw_id} at {apr_ppm} ppm with a fee of {fee_minor}, cap {cap_ppm}"


def _cap_ppm(tx: Tx, on: date) -> int:
    """The highest price that the product permits on a day; no version here changes it."""
    return min(each.apr_cap_ppm_on(on) for each in products.every_version(tx, PRODUCT))
