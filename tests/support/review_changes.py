"""What may change around a line, each as its row is written; a review of it looks again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from server.store import people
from server.store.engine import Tx
from server.store.field_visits import VISITED
from server.store.lines import Line
from server.store.people import Actor
from tests.support.bare_rows import T, add, alter, relieve
from tests.support.limit_book import NOW_MS, TODAY, product_of


def look_of(tx: Tx, line: Line, subject_id: str, season_id: str) -> None:
    add(tx, "evidence", evidence_id=f"new-{line.line_id}", kind="crop", subject_id=subject_id,
        season_id=season_id, as_of=TODAY.isoformat(), last_clear_on=TODAY.isoformat(),
        stage="heading", yield_p10=900, yield_p50=1000, received_at_ms=NOW_MS)  # fmt: skip


def repay(tx: Tx, line: Line) -> None:
    add(tx, "repayments", repayment_id=f"paid-{line.line_id}-x", line_id=line.line_id,
        amount_minor=100, currency=line.currency, effective_on=TODAY.isoformat())  # fmt: skip


def bounce(tx: Tx, line: Line) -> None:
    repay(tx, line)
    add(
        tx,
        "rail_answers",
        rail="bank",
        kind="call",
        actor="bank",
        repayment_id=f"paid-{line.line_id}-x",
        outcome="bounced",
        finding="matched",
    )
    bounced = f"paid-{line.line_id}-x"
    add(tx, "repayment_bounces", actor="bank", repayment_id=bounced, line_id=line.line_id)


def visit(tx: Tx, line: Line, on: date = TODAY) -> None:
    told = {"visit_id": f"{line.line_id}/{on}", "on": on.isoformat(), "stage": "heading"}
    subject = ("subject", line.subject_ids[0])
    people.record(tx, NOW_MS, Actor("moses", "agent"), VISITED, subject, told)


def order(tx: Tx, line: Line) -> None:
    add(tx, "orders", order_id=f"o-{line.line_id}", reference=line.line_id, line_id=line.line_id)
    add(tx, "order_steps", order_id=f"o-{line.line_id}", seq=1, state="offered")


def herd_of(line: Line) -> str:
    return f"pasture-{int(line.line_id[5:]) // 20:07d}"


# What changes, on which product's line, and how. None: any line will do.
Change = Callable[[Tx, Line], None]
CHANGES: dict[str, tuple[str, Change]] = {
    "a look": ("crop-season", lambda tx, one: look_of(
        tx, one, one.subject_ids[0], product_of("crop-season").season_id)),
    "a pasture's look": ("livestock", lambda tx, one: look_of(tx, one, herd_of(one), "")),
    "a plot's land": ("crop-season", lambda tx, one: alter(
        tx, "subjects", {"subject_id": one.subject_ids[0]}, area_m2=7)),
    "a household": ("crop-season", lambda tx, one: alter(
        tx, "farmers", {"farmer_id": one.farmer_id}, household_size=9)),
    "a dossier": ("crop-season", lambda tx, one: tx.upsert(
        T["dossiers"], farmer_id=one.farmer_id, as_of="2026-05-01", features="{}")),
    "a consent": ("crop-season", lambda tx, one: add(
        tx, "consents", consent_id=f"c-{one.line_id}", farmer_id=one.farmer_id,
        action="withdraw", purposes='["satellite_images"]', recipient="lender", at_ms=NOW_MS)),
    "a cover": ("crop-season", lambda tx, one: add(
        tx, "covers", cover_id=f"k-{one.line_id}", seq=1, farmer_id=one.farmer_id)),
    "a bureau's answer": ("crop-season", lambda tx, one: add(
        tx, "bureau_answers", query_id=f"q-{one.line_id}", farmer_id=one.farmer_id)),
    "a lease given back": ("crop-season", lambda tx, one: alter(
        tx, "leases", {"line_id": one.line_id}, closed_at_ms=NOW_MS)),
    "a draw": ("crop-season", lambda tx, one: add(
        tx, "drawdowns", draw_id=f"d-{one.line_id}", line_id=one.line_id, state="pending",
        amount_minor=100)),
    "a draw's state": ("crop-season", lambda tx, one: alter(
        tx, "drawdowns", {"line_id": one.line_id}, state="voided")),
    "another's draw under its lease": ("crop-season", lambda tx, one: add(
        tx, "drawdowns", draw_id=f"d-{one.line_id}", line_id="elsewhere",
        lease_id=f"lease-{one.line_id[5:]}", state="pending", amount_minor=100)),
    "a repayment": ("crop-season", repay),
    "a bounce": ("crop-season", bounce),
    "a payout": ("crop-season", lambda tx, one: add(
        tx, "payouts", payout_id=f"p-{one.line_id}", draw_id=f"p-{one.line_id}",
        line_id=one.line_id, state="returned")),
    "a relief": ("crop-season", relieve),
    "an order": ("input-voucher", order),
    "a paper": ("kisan-revolving", lambda tx, one: add(
        tx, "farm_papers", paper_id=f"n-{one.line_id}", subject_id=one.subject_ids[0])),
    "heads that were counted": ("livestock", lambda tx, one: add(
        tx, "daily_features", subject_id=one.subject_ids[0], feature="heads_count",
        day=TODAY.isoformat(), value=3)),
    "a machine's day": ("machinery", lambda tx, one: add(
        tx, "daily_features", subject_id=one.subject_ids[0], feature="engine_s",
        day=TODAY.isoformat(), value=3)),
    "a store's ticket": ("warehouse-receipt", lambda tx, one: add(
        tx, "store_receipts", receipt_id=f"t-{one.line_id}", subject_id=one.subject_ids[0])),
    "a raise that waits": ("crop-season", lambda tx, one: add(
        tx, "review_items", item_id=f"i-{one.line_id}", kind="raise", line_id=one.line_id)),
    "where it counts": ("crop-season", lambda tx, one: add(
        tx, "line_buckets", line_id=one.line_id, crop="maize")),
    "the line itself": ("crop-season", lambda tx, one: alter(
        tx, "lines", {"line_id": one.line_id}, frozen=not one.frozen)),
}  # fmt: skip
