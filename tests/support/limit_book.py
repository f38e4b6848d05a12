"""A book of lines of every kind, as large as asked, the same for the same seed.

Its rows are those that openings, looks, leases, draws and repayments leave behind, written
in bulk: a book of a million lines cannot be lent line by line. About three in five lines
are drawn, one in twenty was not seen for long, one in ten waits with a rise.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Table

from core.lending.limit import HerdView, Household, PlotView, Seen, limit_terms
from core.lending.product import Product, ProductKind, parse_product
from core.shape import encode
from core.units import MS_PER_DAY, day_start_ms
from core.wire.evidence import Stage
from server.store import bulk
from server.store.engine import Store, Tx
from server.store.rows import json_text
from server.store.tables import (
    agreement_steps,
    consents,
    dossiers,
    drawdowns,
    evidence,
    farmers,
    leases,
    line_subjects,
    lines,
    movements,
    products,
    repayments,
    sites,
    stations,
    subjects,
)

FOLDER = Path(__file__).resolve().parents[2] / "server" / "products"
NAMES = ("crop-season", "livestock", "kisan-revolving", "input-voucher", "machinery",
         "warehouse-receipt")  # fmt: skip
TODAY = date(2026, 5, 20)
NOW_MS = day_start_ms(TODAY) + 9 * 3_600_000
SOWN_ON = date(2026, 3, 10)
OPENED_ON = date(2026, 3, 15)
BEFORE = TODAY - timedelta(days=6)  # of the look before
LINES_OF_A_STATION = 250
STATIONS_OF_A_SITE = 4
STAGES = (Stage.SOWING, Stage.EMERGENCE, Stage.VEGETATIVE, Stage.HEADING, Stage.HARVESTED)
DOCUMENT = b'{"body":"' + b"look" * 120 + b'"}'  # kept verbatim, never read by a review
CHUNK = 10_000
ENROLLED = ("automated_decision", "device_readings", "satellite_images")  # by the forms

_LISTS = {"consent_ids": "[]"}  # texts that hold JSON

Rows = dict[Table, list[dict[str, Any]]]


@cache
def product_of(name: str) -> Product:
    """A product as it comes with the program."""
    return parse_product(tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")))


@cache
def _policy(name: str) -> str:
    return product_of(name).policy_version()


@dataclass(frozen=True, slots=True)
class _Line:
    """What chance decides of one line."""

    number: int
    product: Product
    area_m2: int
    heads: int
    before_p10: int
    now_p10: int | None
    stages: tuple[Stage, Stage]
    unseen_days: int
    drawn_ppm: int
    repaid_ppm: int

    @property
    def line_id(self) -> str:
        return f"line-{self.number:08d}"

    @property
    def station(self) -> str:
        return f"st-{self.number // LINES_OF_A_STATION:05d}"

    @property
    def subject_id(self) -> str:
        return f"{'herd' if self.is_herd else 'plot'}-{self.number:08d}"

    @property
    def speaker(self) -> tuple[str, str]:
        """Whose evidence speaks for the line, and of which season."""
        if self.is_herd:
            return f"pasture-{self.number // 20:07d}", ""
        return self.subject_id, self.product.season_id

    @property
    def is_herd(self) -> bool:
        return self.product.kind is ProductKind.LIVESTOCK

    @property
    def farmer_id(self) -> str:
        return f"farmer-{self.number:08d}"


def fill(store: Store, lines_count: int, seed: int, *, first: int = 0) -> None:
    """Write a book of so many lines, and tell PostgreSQL how it is spread.

    Parameters
    ----------
    first
        The number of the first line; more than one process may fill one book.
    """
    for start in range(first, first + lines_count, CHUNK):
        count = min(CHUNK, first + lines_count - start)
        rows = rows_of(range(start, start + count), seed)
        store.write(lambda tx, some=rows: _write(tx, some))
    if store.engine.dialect.name == "postgresql" and first == 0:
        store.write(lambda tx: tx.connection.exec_driver_sql("ANALYZE"))


def add_products(store: Store) -> None:
    """Offer every product that comes with the program."""
    rows = [
        {
            "policy_version": _policy(name), "product_id": name,
            "version": product_of(name).version, "content": json_text(product_of(name)),
            "sha256": "0" * 64, "added_at_ms": 0, "state": "in_force",
        }
        for name in NAMES
    ]  # fmt: skip
    store.write(lambda tx: tx.insert_many(products, rows))


def _write(tx: Tx, rows: Rows) -> None:
    for table, kept in rows.items():
        if bulk.is_postgresql(tx):
            bulk.copy_rows(tx, table, kept)
        else:
            tx.insert_many(table, kept)


def rows_of(numbers: range, seed: int) -> Rows:
    """The rows of some lines, by table."""
    found: Rows = {}
    for number in numbers:
        for table, row in _rows(_chosen(number, seed)):
            found.setdefault(table, []).append(row)
    known = {table: _defaults(table, rows[0]) for table, rows in found.items()}
    return {table: [{**known[table], **row} for row in rows] for table, rows in found.items()}


def _defaults(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """What stands in the columns of which a row says nothing."""
    empty = {Boolean: False, BigInteger: 0, Integer: 0, LargeBinary: b""}
    return {
        column.name: None
        if column.nullable
        else _LISTS.get(column.name, empty.get(type(column.type), ""))
        for column in table.columns
        if column.name != "tenant_id"
    }


def _chosen(number: int, seed: int) -> _Line:
    chance = random.Random(f"{seed}/{number}")
    name = NAMES[chance.choices(range(6), (66, 10, 10, 10, 2, 2))[0]]
    before = chance.randint(18, 52) * 50
    seen = chance.random()
    stage = chance.choice((1, 2, 2, 3))
    return _Line(
        number=number,
        product=product_of(name),
        area_m2=chance.randint(6, 40) * 1_000,
        heads=chance.randint(5, 60),
        before_p10=before,
        now_p10=None if seen < 0.04 else before * chance.randint(55, 140) // 100,
        stages=(STAGES[stage], STAGES[min(4, stage + chance.choice((0, 0, 1, 1, 2)))]),
        unseen_days=chance.choices((1, 25, 60), (90, 5, 5))[0] + chance.randint(0, 3),
        drawn_ppm=chance.choice((0, 0, 300_000, 500_000, 1_000_000)),
        repaid_ppm=chance.choice((0, 0, 0, 0, 400_000)),
    )


def _rows(one: _Line) -> Iterator[tuple[Table, dict[str, Any]]]:
    yield from _places(one)
    yield from _stations(one)
    yield from _people(one)
    yield from _looks(one)
    first, then = _movements(one)
    drawn = then["limit_minor"] * one.drawn_ppm // 1_000_000 // 10_000 * 10_000
    if drawn:
        yield from _money(one, drawn, then["limit_minor"])
    for moved in (first, then):
        yield movements, moved
    yield lines, _line(one, then)
    yield line_subjects, {"line_id": one.line_id, "subject_id": one.subject_id}
    yield agreement_steps, _step(one)


def _places(one: _Line) -> Iterator[tuple[Table, dict[str, Any]]]:
    if one.number % (LINES_OF_A_STATION * STATIONS_OF_A_SITE) == 0:
        yield sites, {"site": _site(one), "name": _site(one), "utc_offset_minutes": 180,
                      "currency": "KES"}  # fmt: skip


def _stations(one: _Line) -> Iterator[tuple[Table, dict[str, Any]]]:
    if one.number % LINES_OF_A_STATION == 0:
        yield stations, {
            "name": one.station, "public_key": one.station, "key_id": one.station,
            "seal_key": one.station, "seal_key_id": one.station,
            "enrolled_at_ms": day_start_ms(OPENED_ON),
        }  # fmt: skip


def _site(one: _Line) -> str:
    return f"site-{one.number // (LINES_OF_A_STATION * STATIONS_OF_A_SITE):05d}"


def _people(one: _Line) -> Iterator[tuple[Table, dict[str, Any]]]:
    yield farmers, {
        "farmer_id": one.farmer_id, "site": _site(one), "name": f"Farmer {one.number}",
        "language": "sw", "home_station": one.station, "household_size": 2 + one.number % 6,
    }  # fmt: skip
    yield consents, {
        "consent_id": f"consent-{one.number:08d}", "farmer_id": one.farmer_id,
        "action": "grant", "purposes": json_text(ENROLLED), "recipient": "lender",
        "writer": "centre", "at_ms": day_start_ms(OPENED_ON), "shown_sha256": "0" * 64,
    }  # fmt: skip
    if one.number % 3:
        features = {"past_seasons_repaid_count": one.number % 5, "other_debt_minor": 30_000}
        yield dossiers, {"farmer_id": one.farmer_id, "as_of": "2026-03-01",
                         "features": json_text(features)}  # fmt: skip
    kind = "herd" if one.is_herd else "plot"
    if one.product.kind in (ProductKind.MACHINERY, ProductKind.RECEIPT):
        kind = one.product.kind.pledge
    yield subjects, {
        "subject_id": one.subject_id, "kind": kind, "farmer_id": one.farmer_id,
        "name": one.subject_id, "crop": one.product.crop, "season_id": one.speaker[1],
        "sown_on": SOWN_ON.isoformat(), "area_m2": 0 if one.is_herd else one.area_m2,
        "heads": one.heads if one.is_herd else 0,
        "pasture_id": one.speaker[0] if one.is_herd else "",
    }  # fmt: skip


def _looks(one: _Line) -> Iterator[tuple[Table, dict[str, Any]]]:
    """The look before and today's; a pasture is seen once, whoever's herds graze there."""
    if one.is_herd and one.number % 20 >= 10 and one.number % 20 != 19:
        return
    for number, (as_of, p10) in enumerate(((BEFORE, one.before_p10), (TODAY, one.now_p10))):
        yield evidence, {
            "evidence_id": f"ev-{one.number:08d}-{number}", "sha256": f"{one.number:064x}",
            "satellite": "sat-one", "kind": "pasture" if one.is_herd else "crop",
            "subject_id": one.speaker[0], "season_id": one.speaker[1],
            "as_of": as_of.isoformat(), "last_clear_on": _seen_on(one, as_of).isoformat(),
            "clear_looks": 5 + number, "stage": one.stages[number].value,
            "anomaly_ppm": None, "yield_p10": _estimate(one, p10),
            "yield_p50": _estimate(one, None if p10 is None else p10 * 13 // 10),
            "yield_p90": _estimate(one, None if p10 is None else p10 * 16 // 10),
            "received_at_ms": day_start_ms(as_of) + 6 * 3_600_000, "document": DOCUMENT,
        }  # fmt: skip


def look_again(store: Store, numbers: range, seed: int) -> None:
    """Bring a new look at what lines rest on, on the day after the book's own."""
    day = TODAY + timedelta(days=1)
    for start in range(numbers.start, numbers.stop, CHUNK):
        some = range(start, min(start + CHUNK, numbers.stop), numbers.step)
        rows = [row for number in some for row in _look_again(_chosen(number, seed), day, seed)]
        store.write(lambda tx, found=rows: _write(tx, {evidence: found}))


def _look_again(one: _Line, day: date, seed: int) -> Iterator[dict[str, Any]]:
    """A harvest a tenth worse to a tenth better than at the look before."""
    for row in list(_looks(one))[-1:]:
        chance = random.Random(f"{seed}/{one.number}/again").randint(90, 110)
        looked = {"evidence_id": f"ev-{one.number:08d}-2", "as_of": day.isoformat()}
        for name in ("yield_p10", "yield_p50", "yield_p90"):
            looked[name] = None if row[1][name] is None else row[1][name] * chance // 100
        seen = {"last_clear_on": day.isoformat(), "clear_looks": 7}
        yield {**row[1], **looked, **seen, "received_at_ms": day_start_ms(day) + 6 * 3_600_000}


def _seen_on(one: _Line, as_of: date) -> date:
    return min(as_of, TODAY - timedelta(days=one.unseen_days)) if as_of == TODAY else as_of


def _estimate(one: _Line, p10: int | None) -> int | None:
    """Of a harvest [kg/ha], or of a pasture's forage [ppm]."""
    return p10 if p10 is None or not one.is_herd else min(p10 * 400, 1_200_000)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the rule gave at the opening and at the look before, as it stands on the record."""

    opening: str
    terms: str
    opened_minor: int
    target_minor: int


@lru_cache(200_000)
def _judged(
    name: str, size: int, p10: int, stage: str, household_size: int
) -> _Judged:  # lines that are alike are judged once
    product, home = product_of(name), Household(household_size)
    unit = product.credit.rounding_unit_minor
    opening = limit_terms(product, _seen(product, size, None, stage), home, BEFORE)
    terms = limit_terms(product, _seen(product, size, p10, stage), home, BEFORE)
    opened = opening.limit(unit) // 2 // unit * unit if opening else 1_000_000
    if product.kind is ProductKind.VOUCHER:
        opened *= 3  # what its goods cost is less by now: it has no margin, and is cut
    opened = max(opened, 2 * unit)
    target = terms.limit(unit) if terms else opened
    return _Judged(json_text(opening or {}), json_text(terms or {}), opened, target)


def _seen(product: Product, size: int, p10: int | None, stage: str) -> Seen:
    """One plot or herd of a size, unseen where there is no estimate."""
    if product.kind is ProductKind.LIVESTOCK:
        forage = 300_000 if p10 is None else p10
        return Seen(herds=(HerdView("", size, 6, forage, forage, tags_read=size),))
    if product.kind in (ProductKind.MACHINERY, ProductKind.RECEIPT):
        return Seen()
    stage = Stage.SOWING.value if p10 is None else stage
    return Seen((PlotView("", size, stage, stage, 1, p10 or 0, p10 or 0),))


def _movements(one: _Line) -> tuple[dict[str, Any], dict[str, Any]]:
    """How the line was opened, and the look before: held, waiting with a rise, or cut."""
    judged = _judged(
        one.product.product_id, one.heads if one.is_herd else one.area_m2,
        _estimate(one, one.before_p10) or 0, one.stages[0].value, 2 + one.number % 6,
    )  # fmt: skip
    opened, target = judged.opened_minor, judged.target_minor
    movement, limit, supported = "held", opened, "[]"
    if target < opened * 3 // 4 and target and one.product.kind is not ProductKind.VOUCHER:
        movement, limit = "cut", target
    elif target > opened * 5 // 4 and one.number % 2:
        seen = {"as_of": BEFORE.isoformat(), "limit_minor": target}
        supported = json_text([seen])
    shared = {
        "line_id": one.line_id, "outstanding_minor": 0, "leased_unspent_minor": 0,
        "policy_version": _policy(one.product.product_id), "watch": False,
    }  # fmt: skip
    first = {
        **shared, "seq": 1, "movement_id": f"mv-{one.number:08d}-1", "movement": "opened",
        "as_of": OPENED_ON.isoformat(), "at_ms": day_start_ms(OPENED_ON),
        "limit_before_minor": 0, "limit_minor": opened, "terms": judged.opening,
        "views": json_text([_view(one, seen=False)]), "supported": "[]",
        "reasons": json_text([{"code": "limit_opened", "params": {}}]), "evidence_ids": "[]",
    }  # fmt: skip
    then = {
        **shared, "seq": 2, "movement_id": f"mv-{one.number:08d}-2", "movement": movement,
        "as_of": BEFORE.isoformat(), "at_ms": day_start_ms(BEFORE) + 7 * 3_600_000,
        "limit_before_minor": opened, "limit_minor": limit, "terms": judged.terms,
        "views": json_text([_view(one, seen=True)]), "supported": supported,
        "reasons": json_text([{"code": "limit_unchanged", "params": {}}]),
        "evidence_ids": json_text([f"ev-{one.number:08d}-0"]),
    }  # fmt: skip
    return first, then


def _view(one: _Line, *, seen: bool) -> dict[str, Any]:
    p10 = _estimate(one, one.before_p10) if seen else None
    p50 = None if p10 is None else p10 * 13 // 10
    cited = f"ev-{one.number:08d}-0" if seen else ""
    if one.is_herd:
        herd = HerdView(one.subject_id, one.heads, 0, p10, p50, cited, one.heads)
        return dict(encode(herd))
    stage = one.stages[0].value if seen else Stage.SOWING.value
    plot = PlotView(one.subject_id, one.area_m2, stage, stage, 0, p10, p50, cited)
    return dict(encode(plot))


def _line(one: _Line, then: dict[str, Any]) -> dict[str, Any]:
    return {
        "line_id": one.line_id, "farmer_id": one.farmer_id,
        "product_id": one.product.product_id, "application_id": f"app-{one.number:08d}",
        "card_id": f"card-{one.number:08d}", "station": one.station,
        "currency": one.product.currency, "limit_minor": then["limit_minor"],
        "due_on": one.product.due_on, "opened_on": OPENED_ON.isoformat(),
        "opened_at_ms": day_start_ms(OPENED_ON), "frozen": False, "watch": False,
        "is_open": one.number % 97 != 0, "closed_at_ms": None,
        "reviewed_as_of": BEFORE.isoformat(), "supported": then["supported"],
        "movements_count": 2, "onboarding_lease_id": "", "onboarding_minor": 0,
    }  # fmt: skip


def _step(one: _Line) -> dict[str, Any]:
    return {
        "agreement_id": f"app-{one.number:08d}", "seq": 1, "line_id": one.line_id,
        "event": "offer", "state": "offered", "on_day": OPENED_ON.isoformat(),
        "at_ms": day_start_ms(OPENED_ON), "actor": "centre", "role": "centre", "party": "rule",
        "reason": "decision_card", "detail": "{}", "irregular": "",
    }  # fmt: skip


def _money(
    one: _Line, drawn_minor: int, limit_minor: int
) -> Iterator[tuple[Table, dict[str, Any]]]:
    """A lease over the limit, two draws under it, and a repayment of one line in five."""
    signed_ms = day_start_ms(OPENED_ON) + 3_600_000
    yield leases, {
        "lease_id": f"lease-{one.number:08d}", "kind": "line", "station": one.station,
        "product_id": one.product.product_id, "line_id": one.line_id,
        "currency": one.product.currency, "amount_minor": drawn_minor + limit_minor // 10,
        "limit_minor": limit_minor, "signed_at_ms": signed_ms,
        "expires_at_ms": signed_ms + 60 * MS_PER_DAY, "document": b"signed",
    }  # fmt: skip
    for number, amount in enumerate((drawn_minor - drawn_minor // 3, drawn_minor // 3)):
        yield drawdowns, {
            "draw_id": f"draw-{one.number:08d}-{number}", "line_id": one.line_id,
            "lease_id": f"lease-{one.number:08d}", "state": "posted", "amount_minor": amount,
            "fee_minor": amount * 15 // 1_000, "currency": one.product.currency,
            "consent_id": f"consent-{one.number:08d}", "apr_ppm": 180_000,
            "effective_on": (OPENED_ON + timedelta(days=7 + 20 * number)).isoformat(),
            "writer": one.station, "at_ms": signed_ms + number, "settled_at_ms": signed_ms,
        }  # fmt: skip
    if one.repaid_ppm:
        yield repayments, {
            "repayment_id": f"paid-{one.number:08d}", "line_id": one.line_id,
            "amount_minor": drawn_minor * one.repaid_ppm // 1_000_000,
            "currency": one.product.currency, "effective_on": BEFORE.isoformat(),
            "content_sha256": "0" * 64, "received_by": "cashier",
            "at_ms": day_start_ms(BEFORE),
        }  # fmt: skip
