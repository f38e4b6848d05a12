"""``agreement``: the life of agreements, shown and moved on by an officer's word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core.lending.agreement import TRANSITIONS, AgreementReason
from core.shape import encode
from core.units import format_money
from server.commands.hands import centre_of, config_option, json_option, show
from server.commands.officers import officer_of, officer_options
from server.commands.own_months import cash_option
from server.commands.restructuring import restructure
from server.commands.words import show_told
from server.services.centre import Centre
from server.services.ending import Said, abandon, close
from server.services.letting_go import tell_write_off
from server.services.referred import decline_referred, offer_referred
from server.services.renewing import renew
from server.services.withdrawing import withdraw
from server.store import agreements, lines
from server.store.agreements import Step
from server.store.engine import NotKnownError
from server.store.people import Role

_LOST = (AgreementReason.NOT_RECOVERABLE, AgreementReason.DEATH, AgreementReason.FRAUD)


@click.group("agreement")
def agreement() -> None:
    """The life of agreements: what each may do next, what befell one, and officers' acts."""


agreement.add_command(restructure)


@agreement.command("table")
@json_option
def table(*, as_json: bool) -> None:
    """Every step that an agreement may take: from where, by whom, why, on what condition."""
    rows = [encode(each) for each in TRANSITIONS]
    show({"steps": rows}, "\n".join(_row(each) for each in rows), as_json=as_json)


def _row(step: dict[str, Any]) -> str:
    where = f"{step.get('state', '–')} → {step['event']} → {step['after']}"
    told = f"{where}: by {', '.join(step['parties'])}; {', '.join(step['reasons'])}"
    return f"{told}; if {step['condition']}" if step["condition"] else told


@agreement.command("show")
@config_option
@click.argument("line_or_agreement")
@json_option
@click.pass_context
def show_agreement(
    context: click.Context, *, config: Path, line_or_agreement: str, as_json: bool
) -> None:
    """Every step of one agreement, oldest first, by its line or its application."""
    centre = centre_of(context, config)
    steps = _life(centre, line_or_agreement)
    told = [
        f"{each.on_day}  {each.event.value} → {each.state.value}, by {each.actor} for "
        f"{each.party.value}: {each.reason.value}"
        + (f"\n    irregular: {each.irregular}" if each.irregular else "")
        for each in steps
    ]
    show({"steps": [encode(each) for each in steps]}, "\n".join(told), as_json=as_json)


def _life(centre: Centre, named: str) -> tuple[Step, ...]:
    with centre.store.reading() as tx:
        line = lines.find(tx, named)
        found = agreements.life(tx, line.application_id if line is not None else named)
    if not found:
        raise NotKnownError(f"expected a line or an application with steps, got {named!r}")
    return found


@agreement.command("withdraw")
@config_option
@click.argument("line_id")
@officer_options
@json_option
@click.pass_context
def withdraw_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """The farmer leaves within the cooling-off period; what was drawn is repaid."""
    _act(context, config, given, withdraw, AgreementReason.ASKED, as_json=as_json)


@agreement.command("abandon")
@config_option
@click.argument("line_id")
@officer_options
@json_option
@click.pass_context
def abandon_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """The farmer does not want an offer of which nothing was drawn."""
    _act(context, config, given, abandon, AgreementReason.ASKED, as_json=as_json)


@agreement.command("close")
@config_option
@click.argument("line_id")
@officer_options
@json_option
@click.pass_context
def close_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """End an agreement of which nothing is owed."""
    _act(context, config, given, close, AgreementReason.REPAID, as_json=as_json)


@agreement.command("write-off")
@config_option
@click.argument("line_id")
@click.option(
    "--reason", type=click.Choice([each.value for each in _LOST]), required=True, help="Why."
)
@officer_options
@json_option
@click.pass_context
def write_off_(
    context: click.Context, /, *, config: Path, reason: str, as_json: bool, **given: Any
) -> None:
    """Tell that what is owed is not expected any more; another supervisor confirms it."""
    centre = centre_of(context, config)
    why = AgreementReason(reason)
    by = officer_of(centre, given["username"], given["password_file"])
    told = centre.write(lambda work: tell_write_off(work, given["line_id"], why, by, reason))
    show_told(told, as_json=as_json)


@agreement.command("renew")
@config_option
@click.argument("line_id")
@click.option("--product", "product_id", required=True, help="What the next one is made by.")
@cash_option
@officer_options
@json_option
@click.pass_context
def renew_(
    context: click.Context, /, *, config: Path, product_id: str, as_json: bool, **given: Any
) -> None:
    """End a repaid agreement, and decide on the next for the same farmer."""
    centre = centre_of(context, config)
    said = _said(centre, given, AgreementReason.ASKED)
    found = renew(centre, given["line_id"], product_id, said, given["months"])
    sentence = (
        f"{given['line_id']} is renewed by line {found.line_id}."
        if found.line_id
        else f"{given['line_id']} stays as it is: the decision on the next was {found.verdict}."
    )
    show(encode(found), sentence, as_json=as_json)


@agreement.command("offer")
@config_option
@click.argument("application_id")
@click.option("--amount-minor", type=click.IntRange(min=1), required=True, help="The limit.")
@officer_options
@json_option
@click.pass_context
def offer_(
    context: click.Context, /, *, config: Path, amount_minor: int, as_json: bool, **given: Any
) -> None:
    """Offer a line on an application that was referred to a person."""
    centre = centre_of(context, config)
    said = _said(centre, given, AgreementReason.REVIEWED)
    line = offer_referred(centre, given["application_id"], amount_minor, said.actor)
    told = format_money(line.limit_minor, line.currency)
    show(encode(line), f"Line {line.line_id} is open with a limit of {told}.", as_json=as_json)


@agreement.command("decline")
@config_option
@click.argument("application_id")
@officer_options
@json_option
@click.pass_context
def decline_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """Decline an application that was referred to a person."""
    centre = centre_of(context, config)
    said = _said(centre, given, AgreementReason.REVIEWED)
    step = decline_referred(centre, given["application_id"], said.actor)
    show(encode(step), f"Application {step.agreement_id} is declined.", as_json=as_json)


def _said(centre: Centre, given: dict[str, Any], reason: AgreementReason) -> Said:
    actor = officer_of(
        centre, given["username"], given["password_file"], (Role.LENDER, Role.SUPERVISOR)
    )
    return Said(actor, reason)


def _act(
    context: click.Context,
    config: Path,
    given: dict[str, Any],
    act: Callable[[Centre, str, Said], Step],
    reason: AgreementReason,
    *,
    as_json: bool,
) -> None:
    centre = centre_of(context, config)
    step = act(centre, given["line_id"], _said(centre, given, reason))
    sentence = f"Line {step.line_id}: {step.event.value}; its agreement is {step.state.value}."
    show(encode(step), sentence, as_json=as_json)
