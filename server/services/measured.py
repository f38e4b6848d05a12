"""What a centre measures of itself, as Prometheus reads it (text format 0.0.4)."""

from __future__ import annotations

from core.scoring.drift import Alarm
from core.units import civil_day
from server.services.centre import Centre
from server.services.model_life.drift import Drift, watched_drifts
from server.services.model_orders import roll_outs
from server.services.rounds import Carrier
from server.store import hooks, money_words, payouts

_ASKS = list(Alarm)  # 0 nothing, 1 watch, 2 act
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_text(centre: Centre) -> str:
    """Threads, their rounds and faults, and what waits for them or for people."""
    carriers = sorted(centre.rounds.all().values(), key=lambda each: each.name)
    with centre.store.reading() as tx:
        now_ms = centre.now_ms()
        waits = {
            "payouts": max(0, now_ms - (payouts.next_due_ms(tx) or now_ms)),
            "hooks": max(0, now_ms - (hooks.next_due_ms(tx) or now_ms)),
        }
        words_count = len(money_words.waiting(tx))
        drifts = watched_drifts(tx, civil_day(now_ms, 0))
        halted_count = sum(one.halted for one in roll_outs(tx))
    told = [
        *_family("carrier_up", "gauge", [(_of(each), int(each.is_up)) for each in carriers]),
        *_family("carrier_rounds_total", "counter", [(_of(e), e.rounds_count) for e in carriers]),
        *_family("carrier_faults_total", "counter", [(_of(e), e.faults_count) for e in carriers]),
        *_family("overdue_ms", "gauge", [(f'{{what="{n}"}}', ms) for n, ms in waits.items()]),
        *_family("money_words_waiting", "gauge", [("", words_count)]),
        *_family("model_psi_ppm", "gauge", [row for one in drifts for row in _psi(one)]),
        *_family("model_alarm", "gauge", [(_version(o), _ASKS.index(o.alarm)) for o in drifts]),
        *_family("model_decisions", "gauge", [(_version(o), o.decisions_count) for o in drifts]),
        *_family("model_rollouts_halted", "gauge", [("", halted_count)]),
    ]
    return "\n".join(told) + "\n"


def _family(name: str, kind: str, rows: list[tuple[str, int]]) -> list[str]:
    full = f"harvestline_server_{name}"
    return [f"# TYPE {full} {kind}", *(f"{full}{labels} {value}" for labels, value in rows)]


def _of(carrier: Carrier) -> str:
    quoted = carrier.name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{name="{quoted}"}}'


def _version(found: Drift) -> str:
    return f'{{version="{found.version}"}}'


def _psi(found: Drift) -> list[tuple[str, int]]:
    """The indices that say anything: of the score, and of each feature."""
    told = [part for part in found.parts if part.told]
    return [(f'{{version="{found.version}",part="{p.name}"}}', p.psi_ppm) for p in told]
