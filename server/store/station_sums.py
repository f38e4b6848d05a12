"""What stands open at every station at once: envelopes held, and leases that are out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import and_, case, func, select

from core.lending.lease import DrawState
from server.store.engine import Tx
from server.store.tables import drawdowns, held_envelopes, leases


@dataclass(frozen=True, slots=True)
class OutAtStation:
    """Leases of a station that were not given back, in one currency [minor units]."""

    station: str
    currency: str
    count: int
    unspent_minor: int
    expired_count: int


def held_counts(tx: Tx) -> Counter[str]:
    """By writer, how many early envelopes of all its logs are held."""
    c = held_envelopes.c
    question = select(c.writer, func.count().label("held")).where(c.tenant_id == tx.tenant_id)
    return Counter({row["writer"]: row["held"] for row in tx.rows(question.group_by(c.writer))})


def leases_out(tx: Tx, now_ms: int) -> dict[str, tuple[OutAtStation, ...]]:
    """By station, what may still be spent there under leases that are out, by currency.

    As :class:`core.lending.lease.LeaseBook` has it: what was drawn and not voided is spent,
    of a lease as a whole.
    """
    lease, draw = leases.c, drawdowns.c
    spent = func.sum(
        case((draw.state == DrawState.VOIDED.value, 0), else_=draw.amount_minor)
    ).label("spent_minor")
    used = (
        select(draw.lease_id, spent).where(draw.tenant_id == tx.tenant_id).group_by(draw.lease_id)
    ).subquery("used")
    left = lease.amount_minor - func.coalesce(used.c.spent_minor, 0)
    question = (
        select(
            lease.station,
            lease.currency,
            func.count().label("count"),
            func.sum(left).label("unspent_minor"),
            func.sum(case((lease.expires_at_ms <= now_ms, 1), else_=0)).label("expired_count"),
        )
        .select_from(leases.outerjoin(used, lease.lease_id == used.c.lease_id))
        .where(and_(lease.tenant_id == tx.tenant_id, lease.closed_at_ms.is_(None)))
        .group_by(lease.station, lease.currency)
        .order_by(lease.station, lease.currency)
    )
    found: dict[str, tuple[OutAtStation, ...]] = {}
    for row in tx.rows(question):
        numbers = {name: int(row[name]) for name in ("count", "unspent_minor", "expired_count")}
        out = OutAtStation(row["station"], row["currency"], **numbers)
        found[out.station] = (*found.get(out.station, ()), out)
    return found
