"""``cash``: who holds the lender's cash at the stations, and what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.shape import encode
from core.units import format_money
from core.wire.cash import CashPerson, CashRole
from server.commands.hands import centre_of, config_option, json_option, show
from server.commands.officers import officer_of, officer_options
from server.commands.words import show_told
from server.services.cash_people import (
    Ending,
    Held,
    NewPerson,
    add_login,
    add_person,
    change_person,
    held,
    renew_card,
)
from server.services.money_words import tell_difference
from server.store import cash as store
from server.store.people import Role

_AMOUNT = click.IntRange(min=0)


@click.group("cash")
def cash() -> None:
    """Cash agents and keepers: cards, limits, boxes, and what was short or over."""


@cash.command("add")
@config_option
@click.argument("person_id")
@click.option("--name", required=True, help="The person's name, as the station shows it.")
@click.option("--role", type=click.Choice([each.value for each in CashRole]), default="agent")
@click.option("--station", required=True, help="The station where they hold cash.")
@click.option("--currency", required=True, help="ISO 4217, such as KES.")
@click.option("--hold-max-minor", type=_AMOUNT, default=0, help="At most in the box.")
@click.option("--pay-day-max-minor", type=_AMOUNT, default=0, help="At most paid out a day.")
@officer_options
@json_option
@click.pass_context
def add_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """Let a person hold cash; prints the secret of their card, once. For supervisors."""
    centre = centre_of(context, config)
    actor = officer_of(centre, given["username"], given["password_file"], (Role.SUPERVISOR,))
    new = NewPerson(
        given["person_id"], given["name"], CashRole(given["role"]), given["station"],
        given["currency"], given["hold_max_minor"], given["pay_day_max_minor"],
    )  # fmt: skip
    person, token = add_person(centre, new, actor)
    _told(person, f"{person.name} may hold cash at {person.station}.", token, as_json=as_json)


@cash.command("card")
@config_option
@click.argument("person_id")
@officer_options
@json_option
@click.pass_context
def card_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """A new card for a person, as when it was lost; prints its secret, once."""
    centre = centre_of(context, config)
    actor = officer_of(centre, given["username"], given["password_file"], (Role.SUPERVISOR,))
    person, token = renew_card(centre, given["person_id"], actor)
    _told(person, f"The card of {person.name} before is good no more.", token, as_json=as_json)


@cash.command("change")
@config_option
@click.argument("person_id")
@click.option("--hold-max-minor", type=_AMOUNT, help="At most in the box.")
@click.option("--pay-day-max-minor", type=_AMOUNT, help="At most paid out a day.")
@click.option("--active/--stopped", default=True, help="Whether they may hold cash.")
@officer_options
@json_option
@click.pass_context
def change_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """Change a person's limits, or stop them."""
    centre = centre_of(context, config)
    actor = officer_of(centre, given["username"], given["password_file"], (Role.SUPERVISOR,))
    limits = (given["hold_max_minor"], given["pay_day_max_minor"])
    wanted = (limits[0], limits[1]) if None not in limits else None
    person = change_person(centre, given["person_id"], wanted, actor, active=given["active"])
    told = "may hold cash" if person.active else "may hold no cash any more"
    show(encode(person), f"{person.name} {told}.", as_json=as_json)


@cash.command("list")
@config_option
@json_option
@click.pass_context
def list_(context: click.Context, /, *, config: Path, as_json: bool) -> None:
    """Who holds what, when it was last counted, what was short or over."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = held(tx, centre.work(tx, centre.now_ms()).today())
    told = "\n".join(_line(each) for each in found) or "Nobody holds cash."
    show({"held": [encode(each) for each in found]}, told, as_json=as_json)


@cash.command("moves")
@config_option
@click.argument("person_id")
@json_option
@click.pass_context
def moves_(context: click.Context, /, *, config: Path, person_id: str, as_json: bool) -> None:
    """All that moved one box, oldest first, with what was wrong."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        person = store.person(tx, person_id)
        found = store.moves_of(tx, person_id)
    told = "\n".join(
        f"{each.effective_on}  {each.kind.value:<10} "
        f"{format_money(each.amount_minor, each.currency):>16}  {each.move_id}"
        + (f"\n    look at: {each.flag}" if each.flag else "")
        for each in found
    )
    rows = [encode(each) for each in found]
    show({"moves": rows}, told or f"Nothing moved the box of {person.name}.", as_json=as_json)


@cash.command("settle")
@config_option
@click.argument("person_id")
@click.option(
    "--as", "ending", type=click.Choice([each.value for each in Ending]), required=True,
    help="What becomes of it: paid by the agent, lost, or over and nobody's.",
)  # fmt: skip
@click.option("--amount-minor", type=click.IntRange(min=1), required=True)
@click.option("--reason", required=True, help="Why; it is kept with what is done.")
@officer_options
@json_option
@click.pass_context
def settle_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """Tell what becomes of cash that was short or over; another supervisor confirms it."""
    centre = centre_of(context, config)
    actor = officer_of(centre, given["username"], given["password_file"], (Role.SUPERVISOR,))
    wanted = (Ending(given["ending"]), given["amount_minor"])
    told = centre.write(
        lambda work: tell_difference(work, given["person_id"], wanted, actor, given["reason"])
    )
    show_told(told, as_json=as_json)


@cash.command("login")
@config_option
@click.argument("person_id")
@click.argument("login")
@officer_options
@json_option
@click.pass_context
def login_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """Note by which name a person logs in here: it undoes nothing that they took. For good."""
    centre = centre_of(context, config)
    actor = officer_of(centre, given["username"], given["password_file"], (Role.SUPERVISOR,))
    add_login(centre, given["person_id"], given["login"], actor)
    told = {"person_id": given["person_id"], "login": given["login"]}
    show(told, f"{given['person_id']} logs in as {given['login']}.", as_json=as_json)


def _told(person: CashPerson, sentence: str, token: str, *, as_json: bool) -> None:
    told = f"{sentence}\nCard, shown once: {token}"
    show({**encode(person), "card": token}, told, as_json=as_json)


def _line(one: Held) -> str:
    person, box = one.person, one.box
    counted = box.last_count_on.isoformat() if box.last_count_on else "never"
    late = f", uncounted for {box.uncounted_days} days" if box.is_uncounted else ""
    stopped = "" if person.active else " (stopped)"
    wrong = f", {one.flags_count} to look at" if one.flags_count else ""
    return (
        f"{person.person_id}{stopped} at {person.station}: "
        f"{format_money(box.expected_minor, person.currency)} in the box, counted {counted}{late}; "
        f"short {box.short_minor} and over {box.over_minor} in 30 days, "
        f"{one.difference_minor} open [minor units]{wrong}"
    )
