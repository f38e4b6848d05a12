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
    secrets: tuple[bytes, ...]


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
    found, opened = [], dict[str, tuple[bytes, ...]]()
    for delivery in hooks.due(work.tx, work.at_ms, ROUND_MAX):
        event = hooks.find_event(work.tx, delivery.event_id)
        subscription = known.get(delivery.subscription_id)
        if event is None or subscription is None:
            raise AssertionError(f"delivery of {delivery.event_id} has no event or subscriber")
        taken = replace(delivery, tries=delivery.tries + 1, due_at_ms=work.at_ms + CLAIM_MS)
        hooks.put_delivery(work.tx, taken, delivery.tries)
        if subscription.subscription_id not in opened:
            opened[subscription.subscription_id] = secrets_in_force(work, subscription)
        found.append(_Claimed(taken, event, subscription, opened[subscription.subscription_id]))
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
    first, *also = claimed.secrets
    signed = signed_headers(first, claimed.event.event_id, centre.now_ms(), body, also)
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


def seal_secret(work: Work, of: str, secret: bytes) -> bytes:
    """A secret as the store keeps it: only the centre's key opens it."""
    seals = Seals((work.keys.identity().seal_key,))
    return seals.seal(work.keys.seal_key_id, secret, _context(work, of))


def secrets_in_force(work: Work, subscription: Subscription) -> tuple[bytes, ...]:
    """The secrets that sign now: the newest, and while they overlap the one before it."""
    changes = hooks.secrets_of(work.tx, subscription.subscription_id)
    first = subscription.subscription_id
    sealed = [(first, subscription.sealed)]
    sealed += [(secret_name(first, each.seq), each.sealed) for each in changes]
    overlaps = bool(changes) and work.at_ms < changes[-1].overlap_until_ms
    found = sealed[-2:] if overlaps else sealed[-1:]
    return tuple(work.keys.open(data, _context(work, of)) for of, data in reversed(found))


def secret_name(subscription_id: str, seq: int) -> str:
    """What a changed secret is sealed for, so that none can stand in another's place."""
    return f"{subscription_id}/{seq}"


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


def _context(work: Work, of: str) -> bytes:
    return f"harvestline/hook/{work.settings.tenant_id}/{of}".encode()
