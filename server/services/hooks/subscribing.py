"""Who is told: adding and ending subscriptions, by an officer's word."""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.services.centre import Centre, RequestError, Work
from server.services.hooks.delivering import (
    redeliver,
    seal_secret,
    secret_name,
    secrets_in_force,
)
from server.services.hooks.door import require_address
from server.services.hooks.events import KIND
from server.services.hooks.signature import read_secret
from server.store import hooks, people
from server.store.engine import ConflictError, NotKnownError
from server.store.hooks import DeliveryState, HookSecret, Subscription
from server.store.people import Actor

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
EVERYBODY = "*"
SUBSCRIPTIONS_MAX = 1_000
OVERLAP_HOURS_MAX = 14 * 24
MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Wish:
    """A subscription that is to be added; ``party`` whose events, ``*`` for everybody's."""

    name: str
    address: str
    kinds: tuple[str, ...]
    party: str
    secret: str
    allow_private: bool = False


def subscribe(centre: Centre, wish: Wish, by: Actor) -> Subscription:
    """Add a subscription.

    Raises
    ------
    RequestError
        If its name, address, kinds or secret cannot be.
    ConflictError
        If the name is taken.
    """
    _require_possible(wish)
    secret = read_secret(wish.secret)

    def act(work: Work) -> Subscription:
        if len(hooks.subscriptions(work.tx)) >= SUBSCRIPTIONS_MAX:
            raise RequestError(f"expected at most {SUBSCRIPTIONS_MAX} subscriptions: end some")
        made = Subscription(
            subscription_id=(known := work.new_id()),
            name=wish.name,
            address=wish.address,
            kinds=wish.kinds,
            party=wish.party,
            allow_private=wish.allow_private,
            sealed=seal_secret(work, known, secret),
            made_at_ms=work.at_ms,
            made_by=by.name,
        )
        if not hooks.add_subscription(work.tx, made):
            raise ConflictError(f"subscription {wish.name} exists: end it, or take another name")
        detail = {"name": made.name, "kinds": list(made.kinds), "party": made.party}
        told = ("hook", made.subscription_id)
        people.record(work.tx, work.at_ms, by, "hook_added", told, detail)
        return made

    return centre.write(act)


def _require_possible(wish: Wish) -> None:
    if NAME.fullmatch(wish.name) is None:
        raise RequestError(f"expected a name of a-z, 0-9, . _ -, got {wish.name[:80]!r}")
    if not wish.party:
        raise RequestError(f"expected whose events they are, or {EVERYBODY!r} for everybody's")
    require_address(wish.address, allow_private=wish.allow_private)
    for kind in wish.kinds:
        if kind != EVERYBODY and KIND.fullmatch(kind.replace(".*", ".any")) is None:
            raise RequestError(f"expected kinds such as order.paid, order.* or *, got {kind!r}")
    if not wish.kinds:
        raise RequestError("expected at least one kind of event, got none")


def rotate(
    centre: Centre, name: str, secret_text: str, overlap_hours: int, by: Actor
) -> HookSecret:
    """Give a subscription another secret; the one before signs beside it for so long [h].

    None at all is for a secret that leaked: what is sent from now on bears the new one's
    signature alone.

    Raises
    ------
    NotKnownError
        If there is no subscription of that name, or it has ended.
    RequestError
        If the secret or the hours cannot be, it is the secret in force, or the change before
        still overlaps.
    ConflictError
        If another changed it at the same time.
    """
    if not 0 <= overlap_hours <= OVERLAP_HOURS_MAX:
        raise RequestError(f"expected 0 to {OVERLAP_HOURS_MAX} hours, got {overlap_hours}")
    secret = read_secret(secret_text)

    def act(work: Work) -> HookSecret:
        found = named(hooks.subscriptions(work.tx), name)
        subscription_id = found.subscription_id
        in_force = secrets_in_force(work, found)
        if secret in in_force:
            raise RequestError(f"subscription {name}: expected another secret than it has now")
        if len(in_force) > 1 and overlap_hours:
            raise RequestError(
                f"subscription {name}: its last change overlaps still, a receiver may have "
                "neither: wait for its end, or give no overlap if a secret leaked"
            )
        seq = len(hooks.secrets_of(work.tx, subscription_id)) + 1
        made = HookSecret(
            subscription_id, seq,
            seal_secret(work, secret_name(subscription_id, seq), secret), work.at_ms,
            work.at_ms + overlap_hours * MS_PER_HOUR, by.name,
        )  # fmt: skip
        if not hooks.add_secret(work.tx, made):
            raise ConflictError(f"subscription {name}: its secret was changed at the same time")
        told, detail = ("hook", subscription_id), {"seq": seq, "overlap_hours": overlap_hours}
        people.record(work.tx, work.at_ms, by, "hook_secret_changed", told, detail)
        return made

    return centre.write(act)


def unsubscribe(centre: Centre, name: str, by: Actor) -> Subscription:
    """End a subscription; what is on its way to it is dropped.

    Raises
    ------
    NotKnownError
        If there is none of that name, or it has ended.
    """

    def act(work: Work) -> Subscription:
        found = named(hooks.subscriptions(work.tx), name)
        hooks.end_subscription(work.tx, found.subscription_id, work.at_ms)
        told = ("hook", found.subscription_id)
        people.record(work.tx, work.at_ms, by, "hook_ended", told, {"name": name})
        return found

    return centre.write(act)


def named(known: tuple[Subscription, ...], name: str) -> Subscription:
    """The subscription of that name.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    for each in known:
        if each.name == name:
            return each
    raise NotKnownError(f"expected a subscription, got {name!r}: harvestline-server hook list")


def try_dead_again(centre: Centre, event_id: str, by: Actor) -> int:
    """Let deliveries that were given up be tried anew; how many."""

    def act(work: Work) -> int:
        count = redeliver(work, (DeliveryState.DEAD,), event_id)
        detail = {"deliveries_count": count}
        told = ("hook_event", event_id or EVERYBODY)
        people.record(work.tx, work.at_ms, by, "hook_redelivered", told, detail)
        return count

    return centre.write(act)
