"""Which part of the book somebody may read, put into every question that they ask.

One door: a transaction that is opened with a scope rewrites each of its questions, so that
every table stands there without the rows outside it, whoever wrote the question. A table
of which nobody has said to whom its rows belong cannot be read within a scope at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

from sqlalchemy import FromClause, Select, Table, and_, or_, select, true
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.visitors import replacement_traverse

from core.errors import HarvestlineError
from core.wire.telemetry import DeviceKind
from server.store.appeal_tables import appeals
from server.store.cash_tables import money_words, restructure_proposals
from server.store.columns import metadata
from server.store.desk_tables import review_items, scopes
from server.store.engine import Tx
from server.store.payout_tables import payouts
from server.store.tables import applications, devices, farmers, lines, repayments, subjects
from server.store.trade_tables import orders

Cond = ColumnElement[bool]
VALUES_MAX = 200  # of one holder


class OutOfScopeError(HarvestlineError):
    """What was asked for cannot be read within a scope."""

    code = "HL-SRV-023"


class Dimension(Enum):
    """By what a book is parted among those who look at it."""

    STATION = "station"
    VILLAGE = "village"
    PRODUCT = "product"


class Holder(Enum):
    """Who is held to a scope."""

    USER = "user"
    TOKEN = "token"  # noqa: S105 - a kind of holder, no secret


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the book; a dimension without values is not bounded. ``name`` is its holder's."""

    name: str = ""
    stations: frozenset[str] = field(default_factory=frozenset)
    villages: frozenset[str] = field(default_factory=frozenset)
    products: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole book."""
        return not (self.stations or self.villages or self.products)

    def values(self, dimension: Dimension) -> frozenset[str]:
        """The values by which a dimension is bounded."""
        return {
            Dimension.STATION: self.stations,
            Dimension.VILLAGE: self.villages,
            Dimension.PRODUCT: self.products,
        }[dimension]


def scope_of(tx: Tx, kind: Holder, name: str) -> Scope:
    """The scope of a user or of a token's label."""
    rows = tx.find_rows(scopes, "dimension", "value", holder_kind=kind.value, holder=name)
    found = {each: {r["value"] for r in rows if r["dimension"] == each.value} for each in Dimension}
    return Scope(
        name,
        frozenset(found[Dimension.STATION]),
        frozenset(found[Dimension.VILLAGE]),
        frozenset(found[Dimension.PRODUCT]),
    )


def put_scope(tx: Tx, kind: Holder, scope: Scope) -> None:
    """Hold a user or a token to a scope, in place of the one before."""
    before, name = scope_of(tx, kind, scope.name), scope.name
    for each in Dimension:
        lifted, held = before.values(each) - scope.values(each), scope.values(each)
        for value in sorted(lifted):
            tx.run(scopes.delete().where(*_row_of(tx, kind, name, (each, value))))
        for value in sorted(held - before.values(each)):
            row = {"holder_kind": kind.value, "holder": name, "dimension": each.value}
            tx.insert(scopes, **row, value=value)


def _row_of(tx: Tx, kind: Holder, name: str, bound: tuple[Dimension, str]) -> tuple[Cond, ...]:
    c = scopes.c
    return (
        c.tenant_id == tx.tenant_id, c.holder_kind == kind.value, c.holder == name,
        c.dimension == bound[0].value, c.value == bound[1],
    )  # fmt: skip


def within(scope: Scope, tenant_id: str) -> Callable[[Select[Any]], Select[Any]]:
    """What turns a question about the book into one about the part in a scope."""
    made: dict[str, FromClause] = {}

    def part(table: Table) -> FromClause:
        if table.name not in made:
            held = _condition(scope, tenant_id, table)
            kept = select(table).where(table.c.tenant_id == tenant_id, held)
            made[table.name] = kept.subquery(table.name)
        return made[table.name]

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, Table):
            return element if element.name in OPEN else part(element)
        table = getattr(element, "table", None)
        if isinstance(table, Table) and table.name not in OPEN:
            return part(table).c[element.key]
        return None

    def narrow(question: Select[Any]) -> Select[Any]:
        return cast("Select[Any]", replacement_traverse(question, {}, replace))

    return narrow


def _condition(scope: Scope, tenant_id: str, table: Table) -> Cond:
    """Which of a table's rows lie in a scope."""
    own = _OWN.get(table.name)
    if own is not None:
        return own(scope, tenant_id, table)
    for column, rule in _BY_COLUMN.items():
        if column in table.c:
            return rule(scope, tenant_id, table.c[column])
    raise OutOfScopeError(f"expected a table that can be read within a scope, got {table.name}")


def _in(column: Any, values: frozenset[str]) -> Cond:
    return column.in_(sorted(values)) if values else true()


def _farmers_in(scope: Scope, tenant_id: str) -> Select[Any]:
    """The ids of the farmers in a scope."""
    f = farmers.c
    where = [f.tenant_id == tenant_id, _in(f.site, scope.villages)]
    where.append(_in(f.home_station, scope.stations))
    if scope.products:
        sold = [
            select(t.c.farmer_id).where(
                t.c.tenant_id == tenant_id, t.c.product_id.in_(sorted(scope.products))
            )
            for t in (lines, applications)
        ]
        where.append(or_(*(f.farmer_id.in_(each) for each in sold)))
    return select(f.farmer_id).where(*where)


def _lines_in(scope: Scope, tenant_id: str) -> Select[Any]:
    """The ids of the lines in a scope."""
    return select(lines.c.line_id).where(
        lines.c.tenant_id == tenant_id, _of_line(scope, tenant_id, lines)
    )


def _of_line(scope: Scope, tenant_id: str, table: Table) -> Cond:
    c = table.c
    held = [_in(c.station, scope.stations), _in(c.product_id, scope.products)]
    if scope.villages:
        there = select(farmers.c.farmer_id).where(
            farmers.c.tenant_id == tenant_id, _in(farmers.c.site, scope.villages)
        )
        held.append(c.farmer_id.in_(there))
    return and_(*held)


def _applications_in(scope: Scope, tenant_id: str) -> Select[Any]:
    c = applications.c
    return select(c.application_id).where(
        c.tenant_id == tenant_id, _of_application(scope, tenant_id, applications)
    )


def _of_application(scope: Scope, tenant_id: str, table: Table) -> Cond:
    whose = table.c.farmer_id.in_(_farmers_in(scope, tenant_id))
    return and_(whose, _in(table.c.product_id, scope.products))


def _subjects_in(scope: Scope, tenant_id: str) -> Select[Any]:
    s = subjects.c
    mine = s.farmer_id.in_(_farmers_in(scope, tenant_id))
    grazed = select(s.pasture_id).where(s.tenant_id == tenant_id, mine)
    weather = s.subject_id.in_(_weather_in(scope, tenant_id))
    there = or_(mine, s.subject_id.in_(grazed), weather)
    return select(s.subject_id).where(s.tenant_id == tenant_id, there)


def _weather_in(scope: Scope, tenant_id: str) -> Select[Any]:
    """The places whose weather the stations in a scope hear: it is of nobody."""
    d = devices.c
    here = _at_station(scope, tenant_id, d.station)
    is_weather = d.kind == DeviceKind.WEATHER_STATION.value
    return select(d.subject_id).where(d.tenant_id == tenant_id, is_weather, here)


def _stations_in(scope: Scope, tenant_id: str) -> Select[Any]:
    f = farmers.c
    return select(f.home_station).where(f.tenant_id == tenant_id, _in(f.site, scope.villages))


def _at_station(scope: Scope, tenant_id: str, column: Any) -> Cond:
    held = [_in(column, scope.stations)]
    if scope.villages:
        held.append(column.in_(_stations_in(scope, tenant_id)))
    return and_(*held)


def _site(scope: Scope, tenant_id: str, table: Table) -> Cond:
    held = [_in(table.c.site, scope.villages)]
    if scope.stations:
        f = farmers.c
        near = select(f.site).where(f.tenant_id == tenant_id, _in(f.home_station, scope.stations))
        held.append(table.c.site.in_(near))
    return and_(*held)


def _steps(scope: Scope, tenant_id: str, table: Table) -> Cond:
    by_line = table.c.line_id.in_(_lines_in(scope, tenant_id))
    asked = table.c.agreement_id.in_(_applications_in(scope, tenant_id))
    return or_(by_line, and_(table.c.line_id == "", asked))


def _line_or_station(scope: Scope, tenant_id: str, table: Table) -> Cond:
    by_line = table.c.line_id.in_(_lines_in(scope, tenant_id))
    here = _at_station(scope, tenant_id, table.c.station)
    return or_(by_line, and_(table.c.line_id == "", here))


def _item(scope: Scope, tenant_id: str, table: Table) -> Cond:
    by_line = table.c.line_id.in_(_lines_in(scope, tenant_id))
    asked = table.c.subject_id.in_(_applications_in(scope, tenant_id))
    return or_(by_line, and_(table.c.line_id == "", asked))


def _through(key: str, other: Table, named: str = "") -> Callable[[Scope, str, Table], Cond]:
    """Rows that belong to a row of another table, which may be read within the scope."""

    def rule(scope: Scope, tenant_id: str, table: Table) -> Cond:
        held = _condition(scope, tenant_id, other)
        found = select(other.c[named or key]).where(other.c.tenant_id == tenant_id, held)
        return cast("Cond", table.c[key].in_(found))

    return rule


def _word(scope: Scope, tenant_id: str, table: Table) -> Cond:
    """A word about a line in the scope, or a payout, repayment or order of it."""
    owned = [
        select(t.c[key]).where(t.c.tenant_id == tenant_id, _condition(scope, tenant_id, t))
        for t, key in (
            (payouts, "payout_id"),
            (repayments, "repayment_id"),
            (orders, "order_id"),
            (lines, "line_id"),
        )
    ]
    return or_(*(table.c.subject_id.in_(each) for each in owned))


def _decision(scope: Scope, tenant_id: str, table: Table) -> Cond:
    return cast("Cond", table.c.application_id.in_(_applications_in(scope, tenant_id)))


def _telemetry(scope: Scope, tenant_id: str, table: Table) -> Cond:
    d = devices.c
    mine = select(d.device_id).where(
        d.tenant_id == tenant_id, d.subject_id.in_(_subjects_in(scope, tenant_id))
    )
    return cast("Cond", table.c.device_id.in_(mine))


def _set_aside(scope: Scope, tenant_id: str, table: Table) -> Cond:
    return _at_station(scope, tenant_id, table.c.source)


def _trail(scope: Scope, tenant_id: str, table: Table) -> Cond:
    """What they did themselves, and what was done to what they may see."""
    kind, what = table.c.object_kind, table.c.object_id
    seen: Mapping[str, Select[Any]] = {
        "line": _lines_in(scope, tenant_id),
        "farmer": _farmers_in(scope, tenant_id),
        "application": _applications_in(scope, tenant_id),
        "subject": _subjects_in(scope, tenant_id),
    }
    about = [and_(kind == name, what.in_(ids)) for name, ids in seen.items()]
    return or_(table.c.actor == scope.name, *about)


def _by_line(scope: Scope, tenant_id: str, column: Any) -> Cond:
    return cast("Cond", column.in_(_lines_in(scope, tenant_id)))


def _by_farmer(scope: Scope, tenant_id: str, column: Any) -> Cond:
    return cast("Cond", column.in_(_farmers_in(scope, tenant_id)))


def _by_subject(scope: Scope, tenant_id: str, column: Any) -> Cond:
    return cast("Cond", column.in_(_subjects_in(scope, tenant_id)))


# Without rows of any farmer's, or reached only through the accounts of a line in scope.
OPEN = frozenset({
    "products", "models", "partners", "book_rules", "satellites", "ledger_entries",
    "ledger_lines", "authorities", "blobs", "model_steps",
})  # fmt: skip
_OWN: Mapping[str, Callable[[Scope, str, Table], Cond]] = {
    "lines": _of_line, "applications": _of_application, "decisions": _decision,
    "agreement_steps": _steps, "leases": _line_or_station, "cash_moves": _line_or_station,
    "review_items": _item, "money_words": _word, "quarantine": _set_aside,
    "payout_steps": _through("payout_id", payouts), "order_steps": _through("order_id", orders),
    "restructure_answers": _through("proposal_id", restructure_proposals),
    "review_answers": _through("item_id", review_items),
    "money_word_answers": _through("word_id", money_words),
    "appeal_answers": _through("appeal_id", appeals),
    "telemetry": _telemetry, "audit": _trail, "sites": _site,
    "farmers": lambda s, t, table: table.c.farmer_id.in_(_farmers_in(s, t)),
    "subjects": lambda s, t, table: table.c.subject_id.in_(_subjects_in(s, t)),
    "stations": lambda s, t, table: _at_station(s, t, table.c.name),
}  # fmt: skip
_BY_COLUMN: Mapping[str, Callable[[Scope, str, Any], Cond]] = {
    "line_id": _by_line, "farmer_id": _by_farmer, "subject_id": _by_subject,
    "station": _at_station, "writer": _at_station,
}  # fmt: skip


def unreadable() -> tuple[str, ...]:
    """The tables that nobody can read within a scope."""
    known = OPEN | _OWN.keys()
    return tuple(
        sorted(
            t.name
            for t in metadata.tables.values()
            if t.name not in known and not any(column in t.c for column in _BY_COLUMN)
        )
    )
