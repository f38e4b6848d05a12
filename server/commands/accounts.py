"""``user`` after the founding, and ``authority``: told by one officer, confirmed by another."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from core.shape import encode
from core.units import format_money
from server.commands.hands import centre_of, config_option, json_option, show
from server.commands.people import LOGIN_ROLES, token, user
from server.commands.scoped import scope_options
from server.commands.signed import Signed, reasoned_options, signed_options
from server.commands.words import show_told
from server.services import account_words, officers
from server.services.authority import tell_authority
from server.services.centre import Centre, Work
from server.store import authorities, people, scoping, second_factors
from server.store.authorities import EVERY_PRODUCT
from server.store.money_words import KeptWord
from server.store.people import Actor, Role
from server.store.scoping import Holder, Scope

_ROLE = click.Choice(LOGIN_ROLES)
F = TypeVar("F", bound=Callable[..., Any])
Telling = Callable[[Work, str, tuple[Actor, str]], KeptWord]
TellingScope = Callable[[Work, str, Scope, tuple[Actor, str]], KeptWord]


def _most_options(command: F) -> F:
    """Add ``--amount-minor`` and ``--currency``; the command is given both as ``most``."""

    @functools.wraps(command)
    def with_most(*, amount_minor: int, currency: str, **others: Any) -> Any:
        return command(most=(amount_minor, currency), **others)

    amount = click.option("--amount-minor", type=click.IntRange(min=0), required=True)
    return cast("F", amount(click.option("--currency", required=True)(with_most)))


def _tell(centre: Centre, act: Callable[[Work], KeptWord], *, as_json: bool) -> None:
    def told(work: Work) -> tuple[KeptWord, str]:
        word = act(work)
        return word, account_words.told_half(work, word)

    word, half = centre.write(told)
    show_told(word, as_json=as_json, half=half)


@user.command("list")
@config_option
@json_option
@click.pass_context
def list_users(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Everybody who may log in: their role, and the part of the book that they see."""
    with centre_of(context, config).store.reading() as tx:
        found = [
            (each, officers.told(scoping.scope_of(tx, Holder.USER, each.username)))
            for each in people.all_users(tx)
        ]
        held = second_factors.holders(tx)
    rows = [
        {"username": each.username, "role": each.role.value, "is_locked": each.disabled,
         "sees": seen, "has_second_factor": each.username in held}
        for each, seen in found
    ]  # fmt: skip
    told = [
        f"{each.username}  {each.role.value}  sees {seen}"
        + ("  locked out" * each.disabled)
        + ("  second factor" * (each.username in held))
        for each, seen in found
    ]
    show({"users": rows}, "\n".join(told) or "There is nobody.", as_json=as_json)


@user.command("invite")
@config_option
@click.argument("name")
@click.option("--role", type=_ROLE, required=True)
@scope_options
@reasoned_options
@json_option
@click.pass_context
def invite(
    context: click.Context, *, config: Path, name: str, role: str,
    scope: Scope,
    signed: Signed, as_json: bool,
) -> None:  # fmt: skip
    """Tell that somebody new may log in; you are shown half of their first password."""
    centre = centre_of(context, config)
    said = (signed.officer(centre), signed.reason)
    _tell(
        centre,
        lambda work: account_words.tell_invite(work, name, Role(role), scope, said),
        as_json=as_json,
    )


@user.command("raise")
@config_option
@click.argument("name")
@click.option("--role", type=_ROLE, required=True)
@reasoned_options
@json_option
@click.pass_context
def raise_(
    context: click.Context, *, config: Path, name: str, role: str, signed: Signed,
    as_json: bool,
) -> None:  # fmt: skip
    """Tell that somebody is to have a higher role."""
    centre = centre_of(context, config)
    said = (signed.officer(centre), signed.reason)
    _tell(
        centre, lambda work: account_words.tell_role(work, name, Role(role), said),
        as_json=as_json,
    )  # fmt: skip


def _word_about_scope(group: click.Group, tell: TellingScope, words: str) -> None:
    """Add ``scope`` to ``user`` or ``token``: what somebody, or a program, is to see."""

    @group.command("scope", help=words)
    @config_option
    @click.argument("name")
    @scope_options
    @reasoned_options
    @json_option
    @click.pass_context
    def telling(
        context: click.Context, *, config: Path, name: str, scope: Scope, signed: Signed,
        as_json: bool,
    ) -> None:  # fmt: skip
        centre = centre_of(context, config)
        said = (signed.officer(centre), signed.reason)
        _tell(centre, lambda work: tell(work, name, scope, said), as_json=as_json)


_word_about_scope(
    user, account_words.tell_scope,
    "Tell that somebody is to see another part of the book; without bounds all of it.",
)  # fmt: skip
_word_about_scope(
    token, account_words.tell_token_scope,
    "Tell that the tokens of a label are to see another part; without bounds all of it.",
)  # fmt: skip


def _word_about(command: str, tell: Telling, words: str) -> None:
    """Add a command of ``user`` that tells a word which says no more than whom it is about."""

    @user.command(command, help=words)
    @config_option
    @click.argument("name")
    @reasoned_options
    @json_option
    @click.pass_context
    def telling(
        context: click.Context, *, config: Path, name: str, signed: Signed, as_json: bool
    ) -> None:
        centre = centre_of(context, config)
        said = (signed.officer(centre), signed.reason)
        _tell(centre, lambda work: tell(work, name, said), as_json=as_json)


_word_about(
    "reset", account_words.tell_password,
    "Tell that somebody needs a new first password; you are shown half of it.",
)  # fmt: skip
_word_about(
    "unlock", account_words.tell_unlock,
    "Tell that somebody who is locked out may log in again.",
)  # fmt: skip


_word_about(
    "end-factor", account_words.tell_factor_end,
    "Tell that somebody lost their phone: their second factor ends, the password stays.",
)  # fmt: skip


@user.command("lower")
@config_option
@click.argument("name")
@click.option("--role", type=_ROLE, required=True)
@signed_options
@json_option
@click.pass_context
def lower(
    context: click.Context, *, config: Path, name: str, role: str, signed: Signed,
    as_json: bool,
) -> None:  # fmt: skip
    """Give somebody a lesser role at once: it takes one officer to take rights away."""
    centre = centre_of(context, config)
    officers.lower_role(centre, name, Role(role), signed.officer(centre))
    show({"username": name, "role": role}, f"{name} is {role} now.", as_json=as_json)


@user.command("lock")
@config_option
@click.argument("name")
@signed_options
@json_option
@click.pass_context
def lock(context: click.Context, *, config: Path, name: str, signed: Signed, as_json: bool) -> None:
    """Lock somebody out at once, and end their visits."""
    centre = centre_of(context, config)
    officers.lock(centre, name, signed.officer(centre))
    show({"username": name, "is_locked": True}, f"{name} is locked out.", as_json=as_json)


@click.group("authority")
def authority() -> None:
    """How high a limit the rule, a role or an officer may set on a line."""


@authority.command("list")
@config_option
@json_option
@click.pass_context
def list_authorities(context: click.Context, *, config: Path, as_json: bool) -> None:
    """The word that holds for each holder, product and currency."""
    with centre_of(context, config).store.reading() as tx:
        found = sorted(authorities.newest(tx).values(), key=lambda each: each.holder)
    told = [
        f"{each.holder}  {each.product_id or 'every product'}  "
        f"{format_money(each.amount_minor, each.currency)}  confirmed by {each.actor}"
        for each in found
    ]
    rows = [encode(each) for each in found]
    show({"authorities": rows}, "\n".join(told) or "Nothing is bounded.", as_json=as_json)


@authority.command("set")
@config_option
@click.argument("holder")
@click.option("--product", default=EVERY_PRODUCT, help="Only this product; every one without.")
@_most_options
@reasoned_options
@json_option
@click.pass_context
def set_(
    context: click.Context, *, config: Path, holder: str, product: str, most: tuple[int, str],
    signed: Signed, as_json: bool,
) -> None:  # fmt: skip
    """Tell how high a limit `rule`, `role:ROLE` or `user:NAME` may set."""
    centre = centre_of(context, config)
    said = (signed.officer(centre), signed.reason)
    _tell(centre, lambda work: tell_authority(work, holder, product, most, said), as_json=as_json)
