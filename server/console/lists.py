"""The console's lists as reports, each with the filter that the address names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from core.canonical import canonical_bytes
from core.lending.terms import CashMonth
from server.console.list_words import TITLES
from server.console.reader_lists import Listed
from server.console.render import civil, instant, signed_percent
from server.console.views.application import read_applications
from server.console.views.book import Query, find_rows
from server.console.views.flags import read_every_flag
from server.console.views.plot_list import PlotQuery, find_plots
from server.console.views.plot_shapes import plot_features
from server.console.views.queue import read_queue
from server.console.views.station import StationRow, read_stations
from server.console.views.trade import read_trade_flags
from server.console.views.users import read_users
from server.services.cash_people import held
from server.services.centre import Work
from server.services.reports.table import (
    Cell,
    CellKind,
    Column,
    Report,
    columns,
    count,
    minor,
    text,
)
from server.services.review_queue.waiting import Kind
from server.services.trail import Search, stream
from server.store.people import Actor

Row = tuple[Cell, ...]


def lines_listed(work: Work, query: Query) -> Listed:
    """The portfolio's lines as asked for."""
    rows = find_rows(work.tx, query, work.today())
    told = (
        (
            row.line_id, row.farmer_name, row.product_name, row.station, row.currency,
            row.limit_minor, row.drawn_minor, row.leased_minor, row.owed_minor, row.due_on,
            row.stage, row.movement, row.moved_on, row.change_minor, row.reason, _months(row.cash),
        )
        for row in rows
    )  # fmt: skip
    named = (
        *text("line", "farmer", "product", "station", "currency"),
        *minor("limit_minor", "drawn_minor", "leased_minor", "owed_minor"),
        *columns(("due_on", CellKind.DAY)), *text("stage", "movement"),
        *columns(("moved_on", CellKind.DAY)), *minor("change_minor"),
        *text("reason", "own_months"),
    )  # fmt: skip
    found = _listed(work, "lines", named, told, query.link())
    return replace(found, whole="open lines", farmer_ids=tuple(row.farmer_id for row in rows))


def applications_listed(work: Work, verdict: str) -> Listed:
    """Applications by their outcome."""
    shown = [
        row
        for row in read_applications(work.tx)
        if not verdict or (row.decision is not None and row.decision.verdict == verdict)
    ]

    def rows() -> Iterator[Row]:
        for row in shown:
            asked, said = row.kept.application, row.decision
            yield (
                asked.application_id, row.farmer_name, row.product_name, asked.currency,
                asked.asked_minor, said.verdict if said else "", said.amount_minor if said else 0,
                said.score if said else 0, row.kept.writer, instant(row.kept.at_ms),
                _months(asked.cash or ()),
            )  # fmt: skip

    named = (
        *text("application", "farmer", "product", "currency"), *minor("asked_minor"),
        *text("outcome"), *minor("amount_minor"), *count("score"),
        *text("station", "at", "own_months"),
    )  # fmt: skip
    asked = {"outcome": verdict} if verdict else {}
    found = _listed(work, "applications", named, rows(), asked)
    return replace(found, farmer_ids=tuple(row.kept.application.farmer_id for row in shown))


def _months(cash: Sequence[CashMonth]) -> str:
    """A farmer's own months as commands take them: ``6=1 8=2``."""
    return " ".join(f"{each.month}={each.weight}" for each in cash)


def trail_listed(work: Work, asked: Search) -> Listed:
    """The trail as searched, the newest first."""
    told = (
        (
            row.seq, instant(row.at_ms), row.actor, row.role, row.action, row.object_kind,
            row.object_id, canonical_bytes(dict(row.detail)).decode(), row.hash,
        )
        for row in stream(work.tx, asked)
    )  # fmt: skip
    named = (
        *count("seq"), *text("at", "actor", "role", "act", "kind", "subject", "detail", "hash"),
    )  # fmt: skip
    return _listed(work, "trail", named, told, asked.named())


def stations_listed(work: Work) -> Listed:
    """Every station with its backlog and the leases out there."""

    def rows() -> Iterator[Row]:
        for row in read_stations(work.tx, work.at_ms).rows:
            for currency, leases, unspent in _out(row):
                back = row.down.high_water - row.down.acknowledged if row.down else 0
                seen = instant(row.station.seen_at_ms)
                yield (
                    row.station.name, seen, "yes" if row.silent else "no", row.held_count, back,
                    currency, leases, unspent, row.quarantine_reason, *_machine(row),
                )  # fmt: skip

    named = (
        *text("station", "heard", "silent"), *count("held", "on_its_way_down"),
        *text("currency"), *count("leases_out"), *minor("unspent_minor"), *text("quarantine"),
        *text("software", "told"),
        *count("disk_free_bytes", "database_bytes", "backlog_records", "backlog_bytes",
               "backlog_age_ms", "clock_error_ms"),
    )  # fmt: skip
    return _listed(work, "stations", named, rows())


def _machine(row: StationRow) -> Row:
    if row.told is None:
        return ("", "", 0, 0, 0, 0, 0, 0)
    told = row.told.machine
    return (
        told.software, instant(row.told.at_ms), told.disk_free_bytes, told.database_bytes,
        told.backlog_records, told.backlog_bytes, told.backlog_age_ms, told.clock_error_ms,
    )  # fmt: skip


def _out(row: StationRow) -> list[tuple[str, int, int]]:
    found = [(each.currency, each.count, each.unspent_minor) for each in row.leases]
    return found or [("", 0, 0)]


def cash_listed(work: Work) -> Listed:
    """Who holds the lender's cash."""
    told = (
        (
            one.person.person_id, one.person.name, one.person.station, one.person.currency,
            one.box.expected_minor, one.person.hold_max_minor, one.box.short_minor,
            one.box.over_minor, one.difference_minor, "yes" if one.person.active else "no",
        )
        for one in held(work.tx, work.today())
    )  # fmt: skip
    named = (
        *text("person", "name", "station", "currency"),
        *minor("in_the_box_minor", "may_hold_minor", "short_minor", "over_minor",
               "open_difference_minor"),
        *text("active"),
    )  # fmt: skip
    return _listed(work, "cash", named, told)


def queue_listed(work: Work, kind: Kind | None, by: Actor) -> Listed:
    """What waits for a second person, of one kind."""
    shown = read_queue(work, kind, by)
    told = (
        (
            row.waits.item_id, row.farmer_name, row.product_name, row.waits.currency,
            row.waits.amount_minor, row.waits.sentence, row.made_by,
            instant(row.waits.at_ms),
        )
        for row in shown.rows
    )  # fmt: skip
    named = (
        *text("item", "farmer", "product", "currency"), *minor("amount_minor"),
        *text("what", "made_by", "since"),
    )  # fmt: skip
    return _listed(work, "queue", named, told, {"kind": shown.kind.value})


def users_listed(work: Work, since_ms: int) -> Listed:
    """Who may log in, and what they see."""
    told = (
        (row.user.username, row.user.role.value, "yes" if row.user.disabled else "no",
         row.scope_words, len(row.visits))
        for row in read_users(work.tx, since_ms).users
    )  # fmt: skip
    named = (*text("user", "role", "locked_out", "sees"), *count("open_visits"))
    return _listed(work, "users", named, told)


def plots_listed(work: Work, query: PlotQuery) -> Listed:
    """Plots and pastures as asked for on the map, with their shapes."""
    found = find_plots(work.tx, query)
    told = (
        (
            one.subject_id, one.name, one.owner, one.village_name, one.kind, one.crop,
            one.area_m2, one.stage, signed_percent(one.anomaly_ppm), one.line_id,
            one.movement or "no line", one.currency, one.limit_minor or 0,
        )
        for one in found
    )  # fmt: skip
    named = (
        *text("plot", "name", "owner", "village", "kind", "crop"), *count("area_m2"),
        *text("stage", "against_normal", "line", "movement", "currency"), *minor("limit_minor"),
    )  # fmt: skip
    return replace(
        _listed(work, "plots", named, told, query.filter_link()),
        features=plot_features(work.tx, found),
        farmer_ids=tuple(one.farmer_id for one in found if one.farmer_id),
    )


def flags_listed(work: Work) -> Listed:
    """Every open flag and question about sales."""

    def rows() -> Iterator[Row]:
        for flag in read_every_flag(work.tx):
            facts = "; ".join(f"{name} {value}" for name, value in flag.facts)
            yield flag.subject_id, flag.name, flag.raised_on, flag.words, facts
        for trade in read_trade_flags(work.tx, work.at_ms):
            facts = "; ".join(f"{name} {value}" for name, value in trade.facts)
            yield trade.line_id, trade.farmer, trade.raised_on, trade.words, facts

    named = text("plot_or_line", "name", "raised_on", "what", "facts")
    return replace(_listed(work, "flags", named, rows()), whole="open")


def _listed(
    work: Work,
    name: str,
    shown: tuple[Column, ...],
    rows: Iterator[Row],
    asked: Mapping[str, str] = MappingProxyType({}),
) -> Listed:
    return Listed(Report(name, TITLES[name], civil(work.at_ms), shown, rows), asked)
