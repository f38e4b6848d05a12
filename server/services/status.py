"""How the centre stands, in counts and high waters: for directors and checkers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from core.lending.lease import LeaseKind
from core.units import civil_day
from server.services.centre import Centre
from server.services.model_life.drift import watched_drifts
from server.services.model_orders import roll_outs
from server.store import counts, leases, ledger, lines, logs, models, registry, reports
from server.store.engine import Tx


def status(centre: Centre) -> dict[str, Any]:
    """Counts, high waters and what people must look at, as plain values."""
    with centre.store.reading() as tx:
        model = models.active(tx)
        return {
            "name": centre.settings.name,
            "at_ms": centre.now_ms(),
            "inbound": [_inbound(each) for each in logs.inbound(tx)],
            "outbound": [_outbound(each) for each in logs.outbound(tx)],
            "stations": [
                {
                    "name": one.name,
                    "seen_at_ms": one.seen_at_ms,
                    "clock_offset_ms": one.clock_offset_ms,
                }
                for one in registry.all_stations(tx)
            ],
            "rows": counts.rows_by_table(tx),
            "lines": _lines(tx),
            "leases": _leases(tx),
            "draws": dict(Counter(draw.state.value for draw in leases.every_draw(tx))),
            "decisions": dict(Counter(one.verdict for one in reports.every_decision(tx))),
            "replays": dict(Counter(one.replay.value for one in reports.every_decision(tx))),
            "flagged_records": len(logs.flagged(tx)),
            "quarantined_deliveries": len(logs.all_set_aside(tx)),
            "ledger_sum_minor": sum(ledger.trial_balance(tx).values()),
            "model": {"version": model.version, "sha256": model.sha256} if model else None,
            "models": _models(tx, centre.now_ms()),
        }


def _models(tx: Tx, at_ms: int) -> dict[str, Any]:
    """What is on its way, and what drift asks for."""
    return {
        "rolling": [
            {"version": one.model.version, "share_ppm": one.rollout.share_ppm, "halted": one.halted}
            for one in roll_outs(tx)
        ],
        "drift": [
            {"version": one.version, "decisions": one.decisions_count, "alarm": one.alarm.value}
            for one in watched_drifts(tx, civil_day(at_ms, 0))
        ],
    }


def _inbound(log: logs.InboundLog) -> dict[str, Any]:
    return {
        "writer": log.writer,
        "log": log.log,
        "high_water": log.high_water,
        "head": log.head,
        "quarantine_reason": log.quarantine_reason,
    }


def _outbound(log: logs.OutboundLog) -> dict[str, Any]:
    return {
        "station": log.station,
        "high_water": log.high_water,
        "acknowledged": log.acknowledged,
    }


def _lines(tx: Tx) -> dict[str, int]:
    every = lines.every(tx)
    return {
        "open": sum(line.is_open for line in every),
        "closed": sum(not line.is_open for line in every),
        "frozen": sum(line.is_open and line.frozen for line in every),
        "watched": sum(line.is_open and line.watch for line in every),
        "limit_minor": sum(line.limit_minor for line in every if line.is_open),
    }


def _leases(tx: Tx) -> dict[str, int]:
    out = [each for each in leases.every(tx) if each.closed_at_ms is None]
    unspent = sum(
        leases.book(tx, each).unspent_minor for each in out if each.lease.kind is LeaseKind.LINE
    )
    return {"out": len(out), "line_unspent_minor": unspent}
