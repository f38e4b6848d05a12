"""``hook``: who is told what, what could not be told, and trying it again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from core.shape import encode
from server.commands.hands import centre_of, config_option, hands_of, json_option, show
from server.commands.signed import Signed, signed_options
from server.keys import write_secret
from server.services.hooks.delivering import body_of, deliver_due
from server.services.hooks.signature import secret_text
from server.services.hooks.subscribing import (
    EVERYBODY,
    OVERLAP_HOURS_MAX,
    Wish,
    rotate,
    subscribe,
    try_dead_again,
    unsubscribe,
)
from server.services.payouts.loading import read_secret_file
from server.store import hooks
from server.store.engine import NotKnownError
from server.store.hooks import Delivery, DeliveryState, Subscription

F = TypeVar("F", bound=Callable[..., Any])
SECRET_BYTES = 32
_FILE = click.Path(path_type=Path, dir_okay=False)
_STATES = [each.value for each in DeliveryState]
_ROWS_MAX = 200


@click.group("hook")
def hook() -> None:
    """Signed news to suppliers, buyers and the lender's own programs.

    A subscription names an address, some kinds of events and whose they are. Each event
    is posted to it with a signature that it can verify (docs/webhooks.md), again and again
    until it is taken; what is not taken in about a day is listed by `hook dead`.
    """


def _told(found: Subscription) -> dict[str, object]:
    shown = encode(found)
    return {name: value for name, value in shown.items() if name != "sealed"}


@hook.command("list")
@config_option
@json_option
@click.pass_context
def list_hooks(context: click.Context, *, config: Path, as_json: bool) -> None:
    """The subscriptions, with those that have ended."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = hooks.subscriptions(tx, ended=True)
    told = [
        f"{each.name}  {'ended' if each.ended_at_ms else 'told'} of {', '.join(each.kinds)}"
        f" of {each.party} at {each.address}"
        for each in found
    ]
    result = {"subscriptions": [_told(each) for each in found]}
    show(result, "\n".join(told) or "Nobody is told.", as_json=as_json)


def _asked(command: F) -> F:
    """Add what a subscription asks for; the command is given it as ``asked``."""

    @functools.wraps(command)
    def with_wish(
        *, name: str, address: str, kinds: tuple[str, ...], party: str, allow_private: bool,
        **others: Any,
    ) -> Any:  # fmt: skip
        return command(asked=Wish(name, address, kinds, party, "", allow_private), **others)

    found: Any = with_wish
    for option in (
        click.option(
            "--allow-private", is_flag=True, help="The address is in the lender's own network."
        ),
        click.option(
            "--party", required=True, help="The supplier or buyer; '*' for everybody's events."
        ),
        click.option(
            "--kind", "kinds", multiple=True, required=True, help="order.paid, order.* or *"
        ),
        click.option("--address", required=True, help="Where events are posted: https://…"),
        click.argument("name"),
    ):
        found = option(found)
    return cast("F", found)


@hook.command("add")
@config_option
@_asked
@click.option(
    "--secret-file", type=_FILE, required=True,
    help="The shared secret; it is made, mode 0600, if there is no such file.",
)  # fmt: skip
@signed_options
@json_option
@click.pass_context
def add(
    context: click.Context, *, config: Path, asked: Wish, secret_file: Path, signed: Signed,
    as_json: bool,
) -> None:  # fmt: skip
    """Tell an address of some kinds of events from now on.

    A supplier or a buyer is told of its own events alone. Give the secret's file to whoever
    runs the address, over a way that you trust; it is kept sealed here.
    """
    centre = centre_of(context, config)
    by = signed.officer(centre)
    if not secret_file.exists():
        secret = hands_of(context).random_bytes(SECRET_BYTES)
        write_secret(secret_file, secret_text(secret).encode())
    made = subscribe(centre, replace(asked, secret=read_secret_file(secret_file)), by)
    whose = "everybody" if made.party == EVERYBODY else made.party
    told = f"{made.name} is told of {', '.join(made.kinds)} of {whose}."
    show(_told(made), told, as_json=as_json)


@hook.command("rotate")
@config_option
@click.argument("name")
@click.option(
    "--secret-file", type=_FILE, required=True,
    help="The new secret; it is made, mode 0600, if there is no such file.",
)  # fmt: skip
@click.option(
    "--overlap-hours", default=24, show_default=True,
    type=click.IntRange(0, OVERLAP_HOURS_MAX),
    help="So long the secret before signs too; 0 if it leaked.",
)  # fmt: skip
@signed_options
@json_option
@click.pass_context
def rotate_(
    context: click.Context, *, config: Path, name: str, secret_file: Path, overlap_hours: int,
    signed: Signed, as_json: bool,
) -> None:  # fmt: skip
    """Change a subscription's secret: for a while each event bears both signatures.

    Give the new secret's file to whoever runs the address before the overlap ends.
    """
    centre = centre_of(context, config)
    by = signed.officer(centre)
    if not secret_file.exists():
        secret = hands_of(context).random_bytes(SECRET_BYTES)
        write_secret(secret_file, secret_text(secret).encode())
    made = rotate(centre, name, read_secret_file(secret_file), overlap_hours, by)
    told = f"{name} has a new secret; the one before signs beside it for {overlap_hours} hours."
    result = {name_: value for name_, value in encode(made).items() if name_ != "sealed"}
    show(result, told, as_json=as_json)


@hook.command("end")
@config_option
@click.argument("name")
@signed_options
@json_option
@click.pass_context
def end(
    context: click.Context, *, config: Path, name: str, signed: Signed, as_json: bool
) -> None:  # fmt: skip
    """End a subscription; what is on its way to it is dropped."""
    centre = centre_of(context, config)
    by = signed.officer(centre)
    show(_told(unsubscribe(centre, name, by)), f"{name} is told no more.", as_json=as_json)


@hook.command("show")
@config_option
@click.argument("event_id")
@json_option
@click.pass_context
def show_event(context: click.Context, *, config: Path, event_id: str, as_json: bool) -> None:
    """One event: what is posted, and how far it has come to each subscriber."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        event = hooks.find_event(tx, event_id)
        if event is None:
            raise NotKnownError(f"expected an event, got {event_id[:64]!r}: hook deliveries")
        found = hooks.deliveries_of(tx, event_id)
        names = {each.subscription_id: each.name for each in hooks.subscriptions(tx, ended=True)}
    told = [body_of(event).decode(), *(_line(each, names) for each in found)]
    result = {"event": encode(event), "deliveries": [encode(each) for each in found]}
    show(result, "\n".join(told), as_json=as_json)


@hook.command("deliveries")
@config_option
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only these.")
@click.option("--limit", default=_ROWS_MAX, show_default=True, type=click.IntRange(1, 100_000))
@json_option
@click.pass_context
def deliveries(
    context: click.Context, *, config: Path, states: tuple[str, ...], limit: int, as_json: bool
) -> None:
    """How far events have come, with the last answer of each receiver."""
    _list(context, config, (tuple(DeliveryState(each) for each in states or _STATES), limit),
          as_json=as_json)  # fmt: skip


@hook.command("dead")
@config_option
@click.option("--limit", default=_ROWS_MAX, show_default=True, type=click.IntRange(1, 100_000))
@json_option
@click.pass_context
def dead(context: click.Context, *, config: Path, limit: int, as_json: bool) -> None:
    """What was given up: not taken by its receiver after all tries, or refused for good."""
    _list(context, config, ((DeliveryState.DEAD,), limit), as_json=as_json)


def _list(
    context: click.Context,
    config: Path,
    wanted: tuple[tuple[DeliveryState, ...], int],
    *,
    as_json: bool,
) -> None:
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = hooks.deliveries(tx, *wanted)
        names = {each.subscription_id: each.name for each in hooks.subscriptions(tx, ended=True)}
    told = "\n".join(_line(each, names) for each in found) or "None."
    show({"deliveries": [encode(each) for each in found]}, told, as_json=as_json)


def _line(found: Delivery, names: dict[str, str]) -> str:
    name = names.get(found.subscription_id, found.subscription_id)
    return f"{found.event_id}  {name}  {found.state.value}, {found.tries} tries: {found.told}"


@hook.command("redeliver")
@config_option
@click.argument("event_id", default="")
@signed_options
@json_option
@click.pass_context
def redeliver(
    context: click.Context, *, config: Path, event_id: str, signed: Signed, as_json: bool
) -> None:  # fmt: skip
    """Try what was given up anew: one event's, or without one all that is dead."""
    centre = centre_of(context, config)
    by = signed.officer(centre)
    count = try_dead_again(centre, event_id, by)
    show({"deliveries_count": count}, f"{count} are tried again.", as_json=as_json)


@hook.command("send")
@config_option
@json_option
@click.pass_context
def send(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Post what is due, once; `harvestline-server run` does so by itself."""
    found = deliver_due(centre_of(context, config))
    told = (
        f"{found.tried_count} posted: {found.delivered_count} taken, {found.dead_count} given up."
    )
    show(encode(found), told, as_json=as_json)
