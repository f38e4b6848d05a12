"""All that the records of an envelope will ask, read in a dozen questions before they do.

A draw is held against its lease, its price, its consent, its line's share and its product
by the code that takes one (:mod:`server.services.records`); here its answers are only learned
ahead, for all draws of an envelope, and for all lines of the station, of which each is leased
anew afterwards. A question that is missing here is asked when it comes, at the usual price.

The lines are locked first, in one order for everybody: what is remembered of them stays true,
for whoever else moves their money waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard

from core.lending.agreed import draw_fact
from core.lending.ledger import EntryKind
from core.lending.payout import payout_id
from core.wire.envelope import LogClass, Record
from core.wire.records import Up
from server.services.centre import Work
from server.services.paying import owed_cause
from server.services.posting import suspense_cause
from server.services.standing import read_money
from server.store import (
    agreements,
    colending,
    leases,
    ledger,
    line_rates,
    lines,
    payouts,
    places,
    registry,
    reports,
)
from server.store.lines import Line
from server.store.rows import holds_nul

ID_CHARACTERS_MAX = 512  # of what is asked for ahead; a longer one is asked for when it comes


def foresee(work: Work, station: str, log: LogClass, run: Sequence[Record]) -> None:
    """Lock the lines that an envelope's records move, and read what they will ask."""
    if log is not LogClass.MONEY:
        return
    drawn = list(_draws(run))
    named = {line_id for line_id, _ in drawn}
    found = lines.hold(work.tx, sorted({*named, *lines.of_station(work.tx, station)}))
    if found:
        _read_lines(work, found)
    if drawn:
        _read_draws(work, sorted({draw_id for _, draw_id in drawn}))


def _draws(run: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """The line and the id of each draw that is told soundly enough to be asked for."""
    for each in run:
        body: Any = each.body
        if each.kind == Up.DRAWDOWN.value and isinstance(body, dict):
            line_id, draw_id = body.get("line_id"), body.get("draw_id")
            if _is_sound(line_id) and _is_sound(draw_id):
                yield line_id, draw_id


def _is_sound(told: object) -> TypeGuard[str]:
    return isinstance(told, str) and len(told) <= ID_CHARACTERS_MAX and not holds_nul(told)


def _read_lines(work: Work, found: Sequence[Line]) -> None:
    """What lines that are locked stand on, and what is told of them to their stations."""
    tx, line_ids = work.tx, [line.line_id for line in found]
    lines.learn_ends(tx, line_ids)
    agreed = [line.application_id for line in found]
    agreements.learn_last(tx, agreed)
    agreements.learn_left(tx, agreed)
    places.learn_guests(tx, line_ids)
    read_money(tx, found)
    line_rates.learn_last(tx, line_ids)
    colending.learn_shared(tx, line_ids)
    registry.learn_farmers(tx, sorted({line.farmer_id for line in found}))
    reports.learn_consents(tx, sorted({line.farmer_id for line in found}))
    registry.learn_subjects(tx, sorted({each for line in found for each in line.subject_ids}))


def _read_draws(work: Work, draw_ids: Sequence[str]) -> None:
    """What is known of draws already: their states, their entries, their payouts."""
    tx = work.tx
    leases.learn_named(tx, draw_ids)
    causes = [
        (cause, kind)
        for each in draw_ids
        for cause, kind in (
            (draw_fact(each), EntryKind.DRAWDOWN),
            (draw_fact(each), EntryKind.FEE),
            (suspense_cause(each), EntryKind.DRAWDOWN),
            (owed_cause(each), EntryKind.DRAWDOWN),
        )
    ]
    ledger.learn_causes(tx, causes)
    payouts.learn_named(tx, [payout_id(tx.tenant_id, each) for each in draw_ids])
