"""What waits for people beside a wide book: all that the first page of the console counts.

Applications and cards of every line, some referred, raises above the rule's authority, appeals,
words of agents, flags in looks, logs of stations, an audit trail, cash agents with their boxes,
payouts in doubt, and the ledger's entries of every draw. As many as a district has in a season.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from core.canonical import canonical_bytes, canonical_hash, sha256_hex
from core.lending.agreed import draw_fact
from core.lending.books import fee_account, principal_account
from core.lending.ledger import Entry, EntryKind, transfer
from core.shape import encode
from core.units import MS_PER_DAY, day_start_ms
from core.wire import evidence as ev
from core.wire.registry import SubjectKind
from server.store import bulk, evidence, ledger_bulk, people, registry
from server.store.appeal_tables import appeals
from server.store.cash_tables import cash_moves, cash_people
from server.store.desk_tables import review_items
from server.store.engine import Store, Tx
from server.store.evidence import KeptEvidence
from server.store.field_tables import field_versions
from server.store.payout_tables import payouts
from server.store.rows import json_text
from server.store.tables import (
    agreement_steps,
    applications,
    audit,
    drawdowns,
    inbound_logs,
    lines,
    outbound_logs,
    quarantine,
    subjects,
)
from tests.support.console_evidence import Looks, seen_of_plot
from tests.support.limit_book import NOW_MS, TODAY, Rows
from tests.support.wide_book import RAISE_EVERY

REFERRED = 300
APPEALS = 60
VERSIONS = 150
FLAGGED = 120
PAYOUTS = 40
MOVES_OF_A_BOX = 60
TRAIL_LINES = 60_000
ENTRIES_AT_ONCE = 2_000


def add_desk(store: Store, trail_lines: int = TRAIL_LINES) -> None:
    """Put on the desk what a book that is there would bring."""
    for make in (_asked, _raises, _stations, _people, _money, _boxes):
        store.write(lambda tx, made=make: _write(tx, made(tx)))
    store.write(_flags)
    for draws in _parts(store):
        store.write(lambda tx, some=draws: _post(tx, some))
    for start in range(0, trail_lines, 20_000):
        span = range(start, min(start + 20_000, trail_lines))
        store.write(lambda tx, some=span: _trail(tx, some))
    if store.engine.dialect.name == "postgresql":
        store.write(lambda tx: tx.connection.exec_driver_sql("ANALYZE"))


def _write(tx: Tx, rows: Rows) -> None:
    for table, kept in rows.items():
        if kept and bulk.is_postgresql(tx):
            bulk.copy_rows(tx, table, kept)
        else:
            tx.insert_many(table, kept)


def _asked(tx: Tx) -> Rows:
    """The application of every line, and some that wait for a person."""
    found = tx.rows(select(lines).where(lines.c.tenant_id == tx.tenant_id).order_by("line_id"))
    rows = [_application(row, row["application_id"]) for row in found]
    waits = found[:: max(1, len(found) // REFERRED)]
    rows += [_application(row, f"ask-{row['line_id']}") for row in waits]
    return {applications: rows, agreement_steps: [step for row in waits for step in _steps(row)]}


def _application(row: dict[str, Any], application_id: str) -> dict[str, Any]:
    return {
        "application_id": application_id, "farmer_id": row["farmer_id"],
        "product_id": row["product_id"], "subject_ids": json_text([_rests_on(row)]),
        "asked_minor": row["limit_minor"], "currency": row["currency"],
        "writer": row["station"], "at_ms": row["opened_at_ms"],
    }  # fmt: skip


def _rests_on(row: dict[str, Any]) -> str:
    kinds = {"livestock": "herd", "machinery": "machine", "warehouse-receipt": "store"}
    return f"{kinds.get(row['product_id'], 'plot')}-{row['line_id'].rpartition('-')[2]}"


def _steps(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for seq, (event, state) in enumerate((("apply", "applied"), ("refer", "referred")), 1):
        yield {
            "agreement_id": f"ask-{row['line_id']}", "seq": seq, "line_id": "", "event": event,
            "state": state, "on_day": TODAY.isoformat(), "at_ms": NOW_MS - seq * MS_PER_DAY,
            "actor": row["station"], "role": "station", "party": "station",
            "reason": "decision_card", "detail": "{}", "irregular": "",
        }  # fmt: skip


def _raises(tx: Tx) -> Rows:
    """Raises above the rule's authority; the last movement of each line says that it waits."""
    found = tx.rows(select(lines).where(lines.c.tenant_id == tx.tenant_id))
    waits = [row for row in found if int(row["line_id"][5:]) % RAISE_EVERY == 0]
    reasons = [{"code": "limit_second_look", "params": {}}]
    rows = [
        {
            "item_id": f"item-{row['line_id']}", "kind": "raise", "subject_id": row["line_id"],
            "line_id": row["line_id"], "farmer_id": row["farmer_id"],
            "product_id": row["product_id"], "currency": row["currency"],
            "amount_minor": row["limit_minor"] * 2, "fingerprint": canonical_hash(row["line_id"]),
            "facts": json_text({"limit_before_minor": row["limit_minor"], "reasons": reasons,
                                "evidence_ids": ["ev-1"]}),
            "made_by": "the rule", "made_at_ms": NOW_MS - MS_PER_DAY,
        }
        for row in waits
    ]  # fmt: skip
    return {review_items: rows}


def _stations(tx: Tx) -> Rows:
    names = [each.name for each in registry.all_stations(tx)]
    logs = [
        {"writer": name, "log": log, "stream": "", "high_water": 900, "head": "0" * 64,
         "quarantine_reason": "the chain is broken" if n % 40 == 7 else ""}
        for n, name in enumerate(names) for log in ("money", "features", "raw")
    ]  # fmt: skip
    down = [{"station": name, "high_water": 400, "head": "0" * 64, "acknowledged": 380}
            for name in names]  # fmt: skip
    aside = [{"quarantine_id": f"aside-{name}", "source": name, "log": "money",
              "code": "HL-ENV-001", "detail": "damaged", "sha256": sha256_hex(name.encode()),
              "at_ms": NOW_MS - MS_PER_DAY, "data": b"x" * 200}
             for name in names[::3]]  # fmt: skip
    return {inbound_logs: logs, outbound_logs: down, quarantine: aside}


def _people(tx: Tx) -> Rows:
    """Appeals of farmers, and what agents wrote of the register."""
    farmer_ids = [each.farmer_id for each in registry.all_farmers(tx)][:VERSIONS]
    on, until = TODAY - timedelta(days=5), TODAY + timedelta(days=2)
    asked = [
        {"appeal_id": f"appeal-{n}", "farmer_id": farmer_id, "station": "st-00000",
         "answer_by": until.isoformat(), "at_ms": NOW_MS,
         "body": json_text({"appeal_id": f"appeal-{n}", "farmer_id": farmer_id, "kind": "complaint",
                            "topic": "price", "about": "", "language": "sw",
                            "opened_on": on.isoformat(), "answer_by": until.isoformat(),
                            "helped": False})}
        for n, farmer_id in enumerate(farmer_ids[:APPEALS])
    ]  # fmt: skip
    told = [
        {"operation_id": f"op-{n}", "farmer_id": farmer_id, "subject_id": "", "field": "household",
         "station": "st-00000", "agent_id": "agent-1", "seq": n, "noted_on": on.isoformat(),
         "was": "3", "value": "4", "at_ms": NOW_MS}
        for n, farmer_id in enumerate(farmer_ids)
    ]  # fmt: skip
    return {appeals: asked, field_versions: told}


def _money(tx: Tx) -> Rows:
    """Payouts in doubt."""
    found = tx.rows(select(drawdowns).where(drawdowns.c.tenant_id == tx.tenant_id), PAYOUTS)
    rows = [
        {"payout_id": f"pay-{row['draw_id']}", "draw_id": row["draw_id"],
         "line_id": row["line_id"], "payee_kind": "farmer", "payee_id": "f",
         "currency": row["currency"], "amount_minor": row["amount_minor"],
         "effective_on": row["effective_on"], "made_at_ms": NOW_MS - MS_PER_DAY,
         "state": "stuck", "attempt": 1, "tries": 3, "due_at_ms": 0, "rail": "mobile",
         "payee_seq": 1, "batch_id": "", "reference": "", "steps_count": 1}
        for row in found
    ]  # fmt: skip
    return {payouts: rows}


def _boxes(tx: Tx) -> Rows:
    """A cash agent at every station, and a season of what moved their box."""
    names = [each.name for each in registry.all_stations(tx)]
    agents = [
        {"person_id": f"agent-{name}", "name": f"Agent of {name}", "role": "agent",
         "station": name, "public_key": sha256_hex(name.encode()), "card_sha256": "",
         "currency": "KES", "hold_max_minor": 10**9, "pay_day_max_minor": 10**9, "active": True,
         "at_ms": NOW_MS, "actor": "test"}
        for name in names
    ]  # fmt: skip
    moves = [
        {"move_id": f"move-{name}-{n}", "person_id": f"agent-{name}", "kind": "payout",
         "other_id": "", "station": name, "shift_id": f"shift-{n}", "line_id": "",
         "amount_minor": -1_000, "currency": "KES",
         "effective_on": (TODAY - timedelta(days=n)).isoformat(), "body": "{}", "flag": "",
         "at_ms": NOW_MS - n * MS_PER_DAY, "recorded_at_ms": NOW_MS}
        for name in names for n in range(MOVES_OF_A_BOX)
    ]  # fmt: skip
    return {cash_people: agents, cash_moves: moves}


def _flags(tx: Tx) -> None:
    """A newer look at some plots, with its whole document, that holds a flag."""
    flag = ev.Flag("boundary_exaggerated", TODAY.isoformat(), 420_000, 20_000,
                   {"declared_ha": "2.10", "cropped_ha_at_most": "1.30"}, None)  # fmt: skip
    seen = ev.Findings(ev.Observability(9, 800_000, 10, 4_000, 30), ev.Anomalies(), flags=(flag,))
    where = (subjects.c.tenant_id == tx.tenant_id, subjects.c.kind == SubjectKind.PLOT.value)
    for row in tx.rows(select(subjects.c.subject_id).where(*where), FLAGGED):
        subject = registry.subject(tx, row["subject_id"])
        told = seen_of_plot(subject, Looks(1, TODAY, 5, is_dry=False))
        _look(tx, replace(told, evidence_id=f"flagged-{subject.subject_id}", findings=seen,
                          season_id=subject.season_id))  # fmt: skip


def _look(tx: Tx, told: ev.Evidence) -> None:
    document = canonical_bytes({"body": encode(told), "signatures": []})
    kept = KeptEvidence(
        told.evidence_id, sha256_hex(document), "sat-one", told.kind, told.subject_id,
        told.season_id, told.as_of, told.last_clear_on, told.clear_looks, told.stage, None,
        told.anomaly_ppm, 1, 2, 3, day_start_ms(TODAY) + MS_PER_DAY // 3,
    )  # fmt: skip
    evidence.add(tx, kept, document)


def _parts(store: Store) -> Iterator[list[dict[str, Any]]]:
    with store.reading() as tx:
        found = tx.rows(select(drawdowns).where(drawdowns.c.tenant_id == tx.tenant_id))
    for start in range(0, len(found), ENTRIES_AT_ONCE // 2):
        yield found[start : start + ENTRIES_AT_ONCE // 2]


def _post(tx: Tx, draws: list[dict[str, Any]]) -> None:
    """The entries of some draws and of their fees, as the centre posts them."""
    entries = []
    for row in draws:
        line_id, currency, cause = row["line_id"], row["currency"], draw_fact(row["draw_id"])
        moved = (
            (EntryKind.DRAWDOWN, principal_account(line_id), "cash/till", row["amount_minor"]),
            (EntryKind.FEE, fee_account(line_id), "income/fee", row["fee_minor"]),
        )
        entries += [
            Entry(f"{kind.value}-{row['draw_id']}", kind, row["effective_on"], row["at_ms"], cause,
                  transfer(debit, credit, currency, amount))
            for kind, debit, credit, amount in moved if amount
        ]  # fmt: skip
    ledger_bulk.post_many(tx, "centre", entries)


def _trail(tx: Tx, span: range) -> None:
    """Lines of the trail, each hashed after the one before."""
    last = tx.find_row(audit, "-seq")
    seq, previous = (last["seq"], last["hash"]) if last else (0, people.GENESIS)
    rows = []
    for n in span:
        facts = {
            "at_ms": NOW_MS - n, "actor": f"st-{n % 90:05d}", "role": "station",
            "action": ("drawdown_posted", "limit_moved", "field_visited", "lease_signed")[n % 4],
            "object_kind": "line", "object_id": f"line-{n % 23_000:08d}", "detail": "{}",
        }  # fmt: skip
        seq += 1
        digest = people.audit_hash(seq, previous, facts)
        rows.append({"seq": seq, "previous": previous, "hash": digest, **facts})
        previous = digest
    _write(tx, {audit: rows})
