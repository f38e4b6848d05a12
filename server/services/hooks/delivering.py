"""One round of telling: take what is due, post it, and write down how it went.

A delivery is claimed before it is posted, for as long as a post can take: a process that
dies in between leaves it to the next one after that, and two processes never hold the
same one. So every event is told at least once, and at most once too often for each crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from core.canonical import canonical_bytes
from core.shape import encode
from server.keys import Seals
from server.services.centre import Centre, Work
from server.services.hooks.backoff import TRIES_MAX, wait_ms
from server.services.hooks.door import (
    POSTS_AT_ONCE_MAX,
    TIMEOUT_S,
    TOLD_CHARS_MAX,
    Post,
    Reply,
    post_all,
)
from server.services.hooks.signature import signed_headers
from server.store import hooks
from server.store.hooks import Delivery, DeliveryState, HookEvent, Subscription

ROUND_MAX = 64  # deliveries of one round
CLAIM_MS = (ROUND_MAX // POSTS_AT_ONCE_MAX * TIMEOUT_S + 30) * 1000  # longer than a round
GONE = 410  # the receiver wants no more of it
_CONTENT_TYPE = {"content-type": "application/json", "user-agent": "harvestline/1"}


@dataclass(frozen=True, slots=True)
class _Claimed:
    delivery: Delivery
    event: HookEvent
    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Round:
    """How many deliveries were tried, taken by their receivers, and given up."""

    tried_count: int
    delivered_count: int
    dead_count: int


def chance_ppm(centre: Centre) -> int:
    """A random number from 0 to 999,999, from the centre's own chance."""
    return int(centre.new_token()[:12], 16) % 1_000_000


def is_due(centre: Centre) -> bool:
    """Whether anybody waits to be told; asked without holding the store."""
    with centre.store.reading() as tx:
        due_ms = hooks.next_due_ms(tx)
    return due_ms is not None and due_ms <= centre.now_ms()


def deliver_due(centre: Centre) -> Round:
    """Tell subscribers what is due, once each."""
    claimed = centre.write(_claim)
    replies = post_all([_post(centre, each) for each in claimed])
    chances = [chance_ppm(centre) for _ in claimed]

    def settle(work: Work) -> list[DeliveryState]:
        return [_settle(work, *each) for each in zip(claimed, replies, chances, strict=True)]

    states = centre.write(settle) if claimed else []
    return Round(
        len(states), states.count(DeliveryState.DELIVERED), states.count(DeliveryState.DEAD)
    )


def _claim(work: Work) -> tuple[_Claimed, ...]:
    known = {each.subscription_id: each for each in hooks.subscriptions(work.tx, ended=True)}
    found = []
    for delivery in hooks.due(work.tx, work.at_ms, ROUND_MAX):
        event = hooks.find_event(work.tx, delivery.event_id)
        subscription = known.get(delivery.subscription_id)
        if event is None or subscription is None:
            raise AssertionError(f"delivery of {delivery.event_id} has no event or subscriber")
        taken = replace(delivery, tries=delivery.tries + 1, due_at_ms=work.at_ms + CLAIM_MS)
        hooks.put_delivery(work.tx, taken, delivery.tries)
        found.append(_Claimed(taken, event, subscription))
    return tuple(found)


def body_of(event: HookEvent) -> bytes:
    """What a receiver is sent: the same bytes on every try."""
    at = datetime.fromtimestamp(event.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    told = {
        "type": event.kind,
        "timestamp": at.replace("+00:00", "Z"),
        "subject": event.subject,
        "data": encode(event.payload),
    }
    return canonical_bytes(told)


def _post(centre: Centre, claimed: _Claimed) -> Post:
    subscription, body = claimed.subscription, body_of(claimed.event)
    secret = open_secret(centre, subscription)
    signed = signed_headers(secret, claimed.event.event_id, centre.now_ms(), body)
    return Post(subscription.address, {**_CONTENT_TYPE, **signed}, body, subscription.allow_private)


def _settle(work: Work, claimed: _Claimed, reply: Reply, chance: int) -> DeliveryState:
    before = claimed.delivery
    told = replace(before, status=reply.status, told=reply.told[:TOLD_CHARS_MAX])
    if reply.is_taken:
        after = replace(told, state=DeliveryState.DELIVERED, settled_at_ms=work.at_ms)
    elif reply.status == GONE or before.tries >= TRIES_MAX:
        after = replace(told, state=DeliveryState.DEAD, settled_at_ms=work.at_ms)
    else:
        after = replace(told, due_at_ms=work.at_ms + wait_ms(before.tries, chance))
    hooks.put_delivery(work.tx, after, before.tries)
    return after.state


def seal_secret(centre: Centre, context: str, secret: bytes) -> bytes:
    """A secret as the store keeps it: only the centre's key opens it."""
    seals = Seals((centre.keys.identity().seal_key,))
    return seals.seal(centre.keys.seal_key_id, secret, _context(centre, context))


def open_secret(centre: Centre, subscription: Subscription) -> bytes:
    """The secret of a subscription."""
    context = _context(centre, subscription.subscription_id)
    return centre.keys.open(subscription.sealed, context)


def redeliver(work: Work, states: Sequence[DeliveryState], event_id: str = "") -> int:
    """Let deliveries be tried anew from now on; how many."""
    known = {each.subscription_id for each in hooks.subscriptions(work.tx)}
    found = (
        hooks.deliveries_of(work.tx, event_id) if event_id else hooks.deliveries(work.tx, states, 0)
    )
    count = 0
    for each in found:
        if each.state in states and each.subscription_id in known:
            again = replace(
                each, state=DeliveryState.PENDING, due_at_ms=work.at_ms, settled_at_ms=None,
                tries=0,
            )  # fmt: skip
            count += hooks.put_delivery(work.tx, again, each.tries)
    if count:
        work.ring()
    return count


def _context(centre: Centre, of: str) -> bytes:
    return f"harvestline/hook/{centre.settings.tenant_id}/{of}".encode()
