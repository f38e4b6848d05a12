"""Who wants to be told what, what happened, and how far telling it has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import func, select

from core.shape import encode
from server.store.engine import Tx
from server.store.payout_tables import (
    hook_deliveries,
    hook_events,
    hook_secrets,
    hook_subscriptions,
)
from server.store.rows import from_json, json_text, read_as


class DeliveryState(Enum):
    """How far one event has come to one subscriber."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"  # not taken after all tries: waits for an officer
    DROPPED = "dropped"  # the subscription ended before


@dataclass(frozen=True, slots=True)
class Subscription:
    """An address that is told of some kinds of events, of one party or of all.

    ``kinds`` are names such as ``order.made``, ``order.*`` or ``*``; ``party`` is whose
    events they are, ``*`` for all of the lender's. ``sealed`` is the secret, to the centre.
    """

    subscription_id: str
    name: str
    address: str
    kinds: tuple[str, ...]
    party: str
    allow_private: bool
    sealed: bytes
    made_at_ms: int
    made_by: str
    ended_at_ms: int | None = None

    def wants(self, kind: str, party: str) -> bool:
        """Whether it is told of an event."""
        if self.party not in ("*", party):
            return False
        family = kind.partition(".")[0]
        return any(each in ("*", kind, f"{family}.*") for each in self.kinds)


@dataclass(frozen=True, slots=True)
class HookEvent:
    """Something that happened to a subject, of interest to a party."""

    event_id: str
    kind: str
    subject: str
    party: str
    payload: Mapping[str, Any]
    at_ms: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a subscriber; ``status`` and ``told`` are the last answer."""

    event_id: str
    subscription_id: str
    state: DeliveryState
    tries: int
    due_at_ms: int
    status: int = 0
    told: str = ""
    settled_at_ms: int | None = None


def add_subscription(tx: Tx, subscription: Subscription) -> bool:
    """Add a subscription; False if its name or id is taken."""
    row = encode(subscription) | {"kinds": json_text(subscription.kinds)}
    return tx.insert_new(hook_subscriptions, **row | {"sealed": subscription.sealed})


def end_subscription(tx: Tx, subscription_id: str, at_ms: int) -> None:
    """End a subscription and drop what is on its way to it."""
    which = hook_subscriptions.c
    tx.run(
        hook_subscriptions.update()
        .where(which.tenant_id == tx.tenant_id, which.subscription_id == subscription_id)
        .values(ended_at_ms=at_ms)
    )
    column = hook_deliveries.c
    tx.run(
        hook_deliveries.update()
        .where(
            column.tenant_id == tx.tenant_id,
            column.subscription_id == subscription_id,
            column.state == DeliveryState.PENDING.value,
        )
        .values(state=DeliveryState.DROPPED.value, settled_at_ms=at_ms)
    )


def subscriptions(tx: Tx, *, ended: bool = False) -> tuple[Subscription, ...]:
    """The subscriptions by name; with those that have ended, if asked for."""

    def ask() -> tuple[Subscription, ...]:
        where = hook_subscriptions.c.tenant_id == tx.tenant_id
        rows = tx.rows(select(hook_subscriptions).where(where).order_by(hook_subscriptions.c.name))
        return tuple(
            read_as(Subscription, {**row, "kinds": tuple(from_json(row["kinds"]))}) for row in rows
        )

    found = tx.recall(hook_subscriptions, "all", ask)
    return tuple(each for each in found if ended or each.ended_at_ms is None)


@dataclass(frozen=True, slots=True)
class HookSecret:
    """A secret that took the place of the one before, which signs beside it for a while."""

    subscription_id: str
    seq: int
    sealed: bytes
    at_ms: int
    overlap_until_ms: int
    actor: str


def add_secret(tx: Tx, secret: HookSecret) -> bool:
    """Add a secret; False if another came at the same time."""
    return tx.insert_new(hook_secrets, **encode(secret) | {"sealed": secret.sealed})


def secrets_of(tx: Tx, subscription_id: str) -> tuple[HookSecret, ...]:
    """The secrets that took the first one's place, oldest first."""
    column = hook_secrets.c
    where = (column.tenant_id == tx.tenant_id, column.subscription_id == subscription_id)
    rows = tx.rows(select(hook_secrets).where(*where).order_by(column.seq))
    return tuple(read_as(HookSecret, row) for row in rows)


def add_event(tx: Tx, event: HookEvent, subscription_ids: Iterable[str]) -> bool:
    """Write down an event and to whom it goes; False if it is known."""
    row = encode(event) | {"payload": json_text(event.payload)}
    if not tx.insert_new(hook_events, **row):
        return False
    state = DeliveryState.PENDING.value
    for each in subscription_ids:
        tx.insert(
            hook_deliveries, event_id=event.event_id, subscription_id=each, state=state, tries=0,
            due_at_ms=event.at_ms, status=0, told="",
        )  # fmt: skip
    return True


def find_event(tx: Tx, event_id: str) -> HookEvent | None:
    """The event with that id, if it is known."""
    where = (hook_events.c.tenant_id == tx.tenant_id, hook_events.c.event_id == event_id)
    row = tx.row(select(hook_events).where(*where))
    return read_as(HookEvent, {**row, "payload": from_json(row["payload"])}) if row else None


def due(tx: Tx, at_ms: int, rows_max: int) -> tuple[Delivery, ...]:
    """Deliveries whose time has come and that no other transaction holds, oldest first."""
    column = hook_deliveries.c
    question = (
        select(hook_deliveries)
        .where(
            column.tenant_id == tx.tenant_id,
            column.state == DeliveryState.PENDING.value,
            column.due_at_ms <= at_ms,
        )
        .order_by(column.due_at_ms, column.event_id, column.subscription_id)
        .with_for_update(skip_locked=True)
    )
    return tuple(_delivery(row) for row in tx.rows(question, rows_max))


def next_due_ms(tx: Tx) -> int | None:
    """When the next delivery is due [ms UTC]; None if none waits."""
    column = hook_deliveries.c
    where = (column.tenant_id == tx.tenant_id, column.state == DeliveryState.PENDING.value)
    found = tx.scalar(select(func.min(column.due_at_ms)).where(*where))
    return None if found is None else int(found)


def deliveries(tx: Tx, states: Iterable[DeliveryState], rows_max: int) -> tuple[Delivery, ...]:
    """Deliveries in some states, oldest event first."""
    column = hook_deliveries.c
    wanted = [state.value for state in states]
    question = select(hook_deliveries).where(
        column.tenant_id == tx.tenant_id, column.state.in_(wanted)
    )
    ordered = question.order_by(column.event_id, column.subscription_id)
    return tuple(_delivery(row) for row in tx.rows(ordered, rows_max))


def deliveries_of(tx: Tx, event_id: str) -> tuple[Delivery, ...]:
    """To whom one event goes."""
    column = hook_deliveries.c
    question = select(hook_deliveries).where(
        column.tenant_id == tx.tenant_id, column.event_id == event_id
    )
    return tuple(_delivery(row) for row in tx.rows(question.order_by(column.subscription_id)))


def put_delivery(tx: Tx, delivery: Delivery, tries_before: int) -> bool:
    """Renew a delivery unless somebody else took it meanwhile; whether it was renewed."""
    column = hook_deliveries.c
    values = {
        "state": delivery.state.value,
        "tries": delivery.tries,
        "due_at_ms": delivery.due_at_ms,
        "status": delivery.status,
        "told": delivery.told,
        "settled_at_ms": delivery.settled_at_ms,
    }
    changed = tx.run(
        hook_deliveries.update()
        .where(
            column.tenant_id == tx.tenant_id,
            column.event_id == delivery.event_id,
            column.subscription_id == delivery.subscription_id,
            column.tries == tries_before,
            column.state.in_((DeliveryState.PENDING.value, DeliveryState.DEAD.value)),
        )
        .values(**values)
    )
    return changed == 1


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return read_as(Delivery, {**row, "state": DeliveryState(row["state"])})
