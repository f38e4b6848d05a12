"""What a review of each line read, in one number, and the mark of the latest that said nothing new.

A review is a function of rows that it reads and of the day. PostgreSQL hashes those rows
where they lie, a page of lines in one question, in a tenth of the time that it takes to hand
them over; what the rows say is judged by the one rule alone. Every table that a review reads
is in ``_PARTS`` (a test asks the database which those are), by what identifies a row that
never changes, or by the columns that may. SQLite keeps no marks: there every line is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from server.store import bulk
from server.store.book_reviews import Part
from server.store.engine import Tx

VERSION_MIN = (14,)  # of PostgreSQL: it hashes whole rows since
_MINE = "{0}.tenant_id = l.tenant_id AND {0}."
_LINE, _FARMER = _MINE + "line_id = l.line_id", _MINE + "farmer_id = l.farmer_id"
# Of each subject that a line rests on, and only of those kinds of which the rule reads it.
_SUBJECT = """s.subject_id, s.kind, s.farmer_id, s.season_id, s.sown_on, s.area_m2, s.area_low_m2,
    s.heads,
    s.pasture_id,
    (SELECT evidence_id FROM evidence e
     WHERE e.tenant_id = s.tenant_id
       AND e.subject_id = CASE s.kind WHEN 'herd' THEN s.pasture_id ELSE s.subject_id END
       AND (s.kind = 'herd' OR s.season_id = '' OR e.season_id = s.season_id)
     ORDER BY as_of DESC, received_at_ms DESC, evidence_id DESC LIMIT 1),
    (SELECT bit_xor(hash_record_extended(ROW(x.paper_id, x.effective_on <= z.today), 1))
     FROM farm_papers x WHERE x.tenant_id = s.tenant_id AND x.subject_id = s.subject_id),
    CASE WHEN s.kind = 'herd' THEN
      (SELECT bit_xor(hash_record_extended(ROW(/*daily*/), 1)) FROM (
         SELECT * FROM daily_features d
         WHERE d.tenant_id = s.tenant_id AND d.subject_id = s.subject_id
           AND d.feature = 'heads_count' AND d.day <= z.today
         ORDER BY d.day DESC LIMIT 40) x)
    WHEN s.kind IN ('machine', 'store') THEN
      (SELECT bit_xor(hash_record_extended(ROW(/*daily*/, x.day <= z.today), 2))
       FROM daily_features x
       WHERE x.tenant_id = s.tenant_id AND x.subject_id = s.subject_id) END,
    CASE s.kind WHEN 'herd' THEN
      (SELECT bit_or(1) FROM (
         SELECT FROM daily_features d
         WHERE d.tenant_id = s.tenant_id AND d.subject_id = s.subject_id
           AND d.feature = 'heads_count' LIMIT 1) x)
    WHEN 'store' THEN
      (SELECT bit_xor(hash_record_extended(ROW(x.receipt_id, x.effective_on <= z.today), 1))
       FROM store_receipts x
       WHERE x.tenant_id = s.tenant_id AND x.subject_id = s.subject_id)
    WHEN 'plot' THEN  -- what agents saw there, of products whose rises ask for it
      CASE WHEN l.product_id = ANY(ARRAY(
           SELECT p.product_id FROM products p WHERE p.tenant_id = %(tenant)s
           AND position('raise_sources_min' IN p.content) > 0)) THEN
      (SELECT bit_xor(hash_record_extended(ROW(x.seq), 1))
       FROM audit x
       WHERE x.tenant_id = s.tenant_id AND x.object_kind = 'subject'
         AND x.object_id = s.subject_id AND x.action = 'field_visited') END END""".replace(
    "/*daily*/", "x.subject_id, x.feature, x.day, x.value, x.coverage_ppm, x.writer, x.seq"
)  # the rule looks at the last fourteen days of a herd's counts
# Where a line's farmer lives, and which day it is there: what is dated ahead changes the number
# on its day.
_HOME = """LEFT JOIN LATERAL (
        SELECT x.household_size, x.site, t.utc_offset_minutes, to_char(DATE '1970-01-01' +
          ((%(at_ms)s + 60000 * coalesce(t.utc_offset_minutes, 0)) / 86400000)::int,
          'YYYY-MM-DD') AS today
        FROM farmers x LEFT JOIN sites t ON t.tenant_id = x.tenant_id AND t.site = x.site
        WHERE x.tenant_id = l.tenant_id AND x.farmer_id = l.farmer_id LIMIT 1
    ) z ON true"""
# What is hashed of which rows, for which line; every part has its own seed.
_PARTS: tuple[tuple[str, str, str], ...] = (
    (
        _SUBJECT,
        (
            "line_subjects r JOIN subjects s ON s.tenant_id = r.tenant_id"
            " AND s.subject_id = r.subject_id"
        ),
        _LINE.format("r"),
    ),
    ("x.as_of, x.features", "dossiers x", _FARMER.format("x")),
    ("x.consent_id", "consents x", _FARMER.format("x")),
    ("x.cover_id, x.seq", "covers x", _FARMER.format("x")),
    (
        "x.cover_id, x.seq, b.repayment_id",
        (
            "covers x JOIN repayment_bounces b ON b.tenant_id = x.tenant_id AND b.repayment_id ="
            " 'cover/' || x.cover_id || '/' || (x.content::jsonb ->> 'reference')"
        ),
        _FARMER.format("x") + " AND x.event = 'paid'",
    ),
    ("x.query_id", "bureau_answers x", _FARMER.format("x")),
    (  # and what was drawn under them on other lines
        (
            "x.lease_id, x.amount_minor, x.closed_at_ms, (SELECT"
            " bit_xor(hash_record_extended(ROW(d.draw_id, d.state, d.amount_minor), 1))"
            " FROM drawdowns d WHERE d.tenant_id = x.tenant_id AND d.lease_id = x.lease_id"
            " AND d.line_id <> x.line_id)"
        ),
        "leases x",
        _LINE.format("x"),
    ),
    (
        "x.lease_id, x.closed_at_ms",
        "leases x",
        (_MINE + "lease_id = l.onboarding_lease_id AND l.onboarding_lease_id <> ''").format("x"),
    ),
    (
        (
            "x.draw_id, x.lease_id, x.state, x.amount_minor, x.fee_minor, x.effective_on,"
            " x.order_id, x.supplier, x.goods, x.rate_ppm"
        ),
        "drawdowns x",
        _LINE.format("x"),
    ),
    ("x.repayment_id", "repayments x", _LINE.format("x")),
    ("x.repayment_id", "repayment_bounces x", _LINE.format("x")),
    ("x.payout_id, x.state", "payouts x", _LINE.format("x")),
    (  # a review brings steps about itself: a line says by its own columns whether it is frozen
        "x.seq",
        "agreement_steps x",
        (_MINE + "agreement_id = l.application_id").format("x")
        + " AND x.event NOT IN ('freeze', 'thaw')",
    ),
    (
        "x.order_id, y.seq",
        "orders x JOIN order_steps y ON y.tenant_id = x.tenant_id AND y.order_id = x.order_id",
        _LINE.format("x"),
    ),
    ("x.line_id", "lines x", _FARMER.format("x") + " AND x.line_id <> l.line_id"),
    (
        "x.item_id, y.answer",
        (
            "review_items x LEFT JOIN review_answers y ON y.tenant_id = x.tenant_id"
            " AND y.item_id = x.item_id"
        ),
        _LINE.format("x"),
    ),
    ("x.crop, x.village, x.cell", "line_buckets x", _LINE.format("x")),
)  # fmt: skip
# A movement moves its line's counter, so that the line says which was the last.
_OWN = (
    "hash_record_extended(ROW(l.farmer_id, l.product_id, l.application_id, l.station, l.currency,"
    " l.limit_minor, l.due_on, l.opened_on, l.opened_at_ms, l.frozen, l.watch, l.is_open,"
    " l.reviewed_as_of, l.supported, l.movements_count, l.onboarding_lease_id,"
    " l.onboarding_minor), 0)"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a review that says nothing new read, what came of it, and when that holds [ms UTC]."""

    inputs: int
    outcome: str
    since_ms: int
    until_ms: int


class Looked(NamedTuple):
    """An open line as it lies in the tables, and what its mark says if it has one.

    ``around`` is the hash of all that its review reads but the line itself, ``own`` that of
    the line; ``inputs`` and what follows are the mark's, None and nothing without one.
    """

    station: str
    line_id: str
    product_id: str
    around: int
    own: int
    inputs: int | None
    outcome: str
    since_ms: int
    until_ms: int

    @property
    def mark(self) -> Mark:
        """The mark of a line that has one."""
        return Mark(self.inputs or 0, self.outcome, self.since_ms, self.until_ms)


class Around(NamedTuple):
    """What reviews read besides rows: the number of each product, and that of the day's book."""

    products: Mapping[str, int]
    book: int


class Sifted(NamedTuple):
    """A page of open lines: which are new, and how many marks hold, by their outcomes.

    ``new`` are lines of which no mark speaks as they are now, each with its product and the
    hash of all that its review reads but the line itself and its product.
    """

    new: tuple[tuple[str, str, int], ...]
    passed: Counter[str]
    last: tuple[str, str] | None
    lines_count: int


def are_kept(tx: Tx) -> bool:
    """Whether this database hashes rows, so that lines are marked."""
    if not bulk.is_postgresql(tx):
        return False
    found = tx.connection.dialect.server_version_info or ()
    return tuple(found[:1]) >= VERSION_MIN


def sift(tx: Tx, part: Part, at_ms: int, rows_max: int, around: Around) -> Sifted:
    """The next open lines of a part in their order, sifted where they lie. Nothing is locked.

    A line is passed over here by the same comparison of numbers as in
    :func:`server.services.marking.passed_over`, so that only those are handed over that are to
    be judged: most of what it took to pass over a line was to hand over its mark.

    Parameters
    ----------
    at_ms
        Now [ms UTC]: what is dated ahead of a farmer's own day is hashed as such.
    """
    where = "station >= %(first)s AND (station, line_id) > (%(station)s, %(line)s) AND is_open"
    if part.until_station:
        where += " AND station < %(until)s"
    # As a figure, not as a parameter: so the plan of one page is good for all.
    where += f" ORDER BY station, line_id LIMIT {rows_max:d}"
    values = {
        "first": part.from_station, "until": part.until_station, "station": part.at_station,
        "line": part.at_line, "book": around.book,
        "products": bulk.array_text(list(around.products)),
        "numbers": bulk.array_text(list(around.products.values())),
    }  # fmt: skip
    rows = _answered(tx, _SIFTED.replace("/*where*/", where), values, at_ms)
    new = tuple((line_id, product_id, number)
                for kind, _, line_id, product_id, number in rows if kind == _NEW)  # fmt: skip
    passed = Counter({outcome: number for kind, outcome, *_, number in rows if kind == _HELD})
    last = next(((row[1], row[2]) for row in rows if row[0] == _LAST), None)
    return Sifted(new, passed, last, len(new) + passed.total())


def look_at(tx: Tx, line_ids: Sequence[str], at_ms: int) -> list[Looked]:
    """The same of some lines, those that are closed left out."""
    where = "line_id = ANY(%(ids)s) AND is_open"
    found = _answered(tx, QUESTION.replace("/*where*/", where), {"ids": list(line_ids)}, at_ms)
    return list(map(Looked._make, found))


def _answered(tx: Tx, question: str, values: dict[str, Any], at_ms: int) -> list[tuple[Any, ...]]:
    tx.flush()
    told = {**values, "tenant": tx.tenant_id, "at_ms": at_ms}
    with bulk.driver(tx).cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")  # to compile it takes longer than to answer
        return cursor.execute(question.encode(), told).fetchall()


def put(tx: Tx, found: Sequence[tuple[str, Mark]]) -> None:
    """Mark lines that are locked; of each line as it is now, and what was read around it.

    Parameters
    ----------
    found
        Lines, each with a mark whose ``inputs`` are those around the line alone.
    """
    if not found:
        return
    tx.flush()
    columns = list(zip(*((line_id, m.inputs, m.outcome, m.since_ms, m.until_ms)
                         for line_id, m in found), strict=True))  # fmt: skip
    with bulk.driver(tx).cursor() as cursor:
        cursor.execute(_PUT.encode(), [*(bulk.array_text(each) for each in columns), tx.tenant_id])


def _part(seed: int, part: tuple[str, str, str]) -> str:
    hashed, rows, where = part
    asked = (
        "coalesce((SELECT bit_xor("  # noqa: S608  # texts of this module alone
        f"hash_record_extended(ROW({hashed}), {seed}))"
        f" FROM {rows} WHERE {where}), 0)"
    )
    # Asked only where the tenant has any such rows, which is looked at once for a page. In the
    # order of the keys: of a tenant that has none, else all rows of the others were read.
    some = (
        f"(SELECT g.tenant_id FROM {rows.split()[0]} g WHERE g.tenant_id >= %(tenant)s"  # noqa: S608
        " ORDER BY g.tenant_id LIMIT 1) = %(tenant)s"
    )
    return f"CASE WHEN {some} THEN {asked} ELSE 0 END"


_AROUND = " # ".join(
    (
        "hash_record_extended(ROW(z.household_size, z.site, z.utc_offset_minutes), 0)",
        *(_part(seed, part) for seed, part in enumerate(_PARTS, 1)),
    )
)
# Built of this module's own texts alone.
QUESTION = f"""
    SELECT l.station, l.line_id, l.product_id, {_AROUND} AS around, {_OWN} AS own,
           m.inputs, m.outcome, m.since_ms, m.until_ms
    FROM (SELECT * FROM lines WHERE tenant_id = %(tenant)s AND /*where*/) l
    {_HOME}
    LEFT JOIN LATERAL (  -- each by its key: joined, all marks of the book were read for a page
        SELECT inputs, outcome, since_ms, until_ms FROM review_marks x
        WHERE x.tenant_id = l.tenant_id AND x.line_id = l.line_id LIMIT 1
    ) m ON true
    ORDER BY l.station, l.line_id"""  # noqa: S608
# What a row of a sifted page is: a line that is to be judged, how many are passed over by an
# outcome, or the last of all.
_NEW, _HELD, _LAST = 0, 1, 2
_SIFTED = f"""
    WITH looked AS MATERIALIZED (
      SELECT q.station, q.line_id, q.product_id, q.around, q.outcome,
        q.since_ms <= %(at_ms)s AND %(at_ms)s < q.until_ms
        AND (q.inputs # q.own # q.around # p.number) IN (0, %(book)s) AS holds
      FROM ({QUESTION}) q
      LEFT JOIN unnest(%(products)s::text[], %(numbers)s::bigint[]) AS p(product_id, number)
        ON p.product_id = q.product_id
    )
    SELECT {_NEW}, '', line_id, product_id, around FROM looked WHERE holds IS NOT TRUE
    UNION ALL
    SELECT {_HELD}, outcome, '', '', count(*) FROM looked WHERE holds GROUP BY outcome
    UNION ALL
    (SELECT {_LAST}, station, line_id, '', 0 FROM looked
     ORDER BY station DESC, line_id DESC LIMIT 1)"""  # noqa: S608
_PUT = f"""
    INSERT INTO review_marks (tenant_id, line_id, inputs, outcome, since_ms, until_ms)
    SELECT l.tenant_id, l.line_id, v.inputs # {_OWN}, v.outcome, v.since_ms, v.until_ms
    FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[])
      AS v(line_id, inputs, outcome, since_ms, until_ms)
    JOIN lines l ON l.tenant_id = %s AND l.line_id = v.line_id
    ON CONFLICT (tenant_id, line_id) DO UPDATE SET inputs = excluded.inputs,
      outcome = excluded.outcome, since_ms = excluded.since_ms, until_ms = excluded.until_ms
"""  # noqa: S608
