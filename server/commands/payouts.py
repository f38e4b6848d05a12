"""``payout``: what rails pay, how it went, and what is open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from core.lending.payout import Outcome, PayoutState
from core.shape import encode
from core.units import format_money
from server.commands.hands import (
    centre_of,
    config_option,
    json_option,
    password_option,
    read_input,
    show,
)
from server.commands.payees import payee
from server.commands.signed import Signed, reasoned_options, signed_options
from server.commands.words import show_file_told, show_told
from server.services.centre import Centre, RequestError
from server.services.letting_go import tell_cancel, tell_release
from server.services.money_words import tell_outcome
from server.services.payouts import acts
from server.services.payouts.ageing import AGE_DAYS, OpenReport, open_report
from server.services.payouts.loading import load_rails
from server.services.payouts.rails import Rails
from server.services.payouts.reading import open_findings, reconcile
from server.services.payouts.sending import Order, send_due
from server.store import payouts, rail_books
from server.store.engine import NotKnownError
from server.store.payouts import Payout
from server.store.people import Role

_FILE = click.Path(path_type=Path, dir_okay=False)
_ROWS_MAX = 200
_STATES = [each.value for each in PayoutState]
_OUTCOMES = [Outcome.PAID.value, Outcome.REJECTED.value, Outcome.RETURNED.value]
_MONEY_ROLES = (Role.LENDER, Role.SUPERVISOR)


@click.group("payout")
def payout() -> None:
    """What is paid by a rail: to suppliers, and to farmers' own accounts.

    Each drawdown that no till pays makes one payout. A payout waits until its payee has an
    account that two officers set and confirmed; then it goes out by the account's rail, as
    a file, a bank's message or a signed request. What the rail says is read back with
    `payout reconcile`, or comes by itself.
    """


payout.add_command(payee)


def rails_of(centre: Centre) -> Rails:
    """The rails that are set up beside the settings file."""
    return load_rails(Path(centre.settings.rails_file))


@payout.command("list")
@config_option
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only these.")
@click.option("--limit", default=_ROWS_MAX, show_default=True, type=click.IntRange(1, 100_000))
@json_option
@click.pass_context
def list_payouts(
    context: click.Context, *, config: Path, states: tuple[str, ...], limit: int, as_json: bool
) -> None:
    """Payouts, oldest first, with where each stands."""
    centre = centre_of(context, config)
    wanted = [PayoutState(each) for each in states or _STATES]
    with centre.store.reading() as tx:
        found = payouts.listed(tx, wanted, limit)
    show(
        {"payouts": [encode(each) for each in found]},
        "\n".join(_line(each) for each in found) or "No payouts.",
        as_json=as_json,
    )


def _line(found: Payout) -> str:
    amount = format_money(found.amount_minor, found.currency)
    whom = f"{found.payee_kind.value} {found.payee_id}"
    rail = found.rail or "no rail yet"
    return f"{found.payout_id}  {found.state.value:<9} {amount:>16}  to {whom}, {rail}"


@payout.command("show")
@config_option
@click.argument("payout_id")
@json_option
@click.pass_context
def show_payout(context: click.Context, *, config: Path, payout_id: str, as_json: bool) -> None:
    """One payout: its steps with who, when and why, and all that its rail said."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = payouts.find(tx, payout_id)
        if found is None:
            raise NotKnownError(f"expected a payout, got {payout_id[:64]!r}: payout list")
        steps = payouts.steps_of(tx, payout_id)
        answers = rail_books.answers_of(tx, payout_id)
    told = [_line(found)]
    told += [
        f"  {each.seq}. {each.event.value} → {each.state.value}, by {each.actor}"
        f" ({each.role}): {each.reason}"
        for each in steps
    ]
    told += [f"  {each.rail} said {each.outcome.value}: {each.finding.value}" for each in answers]
    result = {
        "payout": encode(found),
        "steps": [encode(each) for each in steps],
        "answers": [encode(each) for each in answers],
    }
    show(result, "\n".join(told), as_json=as_json)


@payout.command("send")
@config_option
@click.option("--rail", default="", help="Only this rail.")
@click.option("--now", "at_once", is_flag=True, help="Do not wait for a batch to fill; by an "
              "officer, who prepares what leaves by it.")  # fmt: skip
@click.option("--officer", "username", help="An officer's name, with --now.")
@password_option
@json_option
@click.pass_context
def send(
    context: click.Context, *, config: Path, rail: str, at_once: bool, username: str | None,
    password_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Hand over what is due, once; `harvestline-server run` does so by itself.

    Files and bank messages appear in their rail's folder, each whole and each once. It may
    be run beside a running centre: nobody hands over the same payout twice.
    """
    centre = centre_of(context, config)
    if at_once != (username is not None):
        raise RequestError("expected --now and --officer together, or neither")
    signed = Signed(username or "", password_file)
    by = signed.officer(centre, _MONEY_ROLES) if at_once else None
    found = send_due(centre, rails_of(centre), Order(rail, at_once, by))
    told = f"{found.tried_count} payouts handed over, {found.taken_count} taken by their rails."
    show(encode(found), told, as_json=as_json)


@payout.command("export")
@config_option
@click.argument("rail")
@signed_options
@json_option
@click.pass_context
def export(
    context: click.Context, *, config: Path, rail: str, signed: Signed, as_json: bool
) -> None:
    """Write a rail's batch files now.

    Whoever gives it prepared what is paid by them: what comes back of it they do not bring alone,
    and where a second person is asked for, that is not they. What the running centre writes by
    itself nobody prepared.
    """
    centre = centre_of(context, config)
    by, rails = signed.officer(centre, _MONEY_ROLES), rails_of(centre)
    found = send_due(centre, rails, Order(rail, at_once=True, by=by))
    with centre.store.reading() as tx:
        known = [each for each in rail_books.batches(tx) if each.rail == rail]
    newest = [replace(each, sealed=b"") for each in known[-1:]]
    told = f"{found.taken_count} payouts written" + "".join(
        f"; the last batch is {each.file_name}, {each.payouts_count} payouts,"
        f" {format_money(each.sum_minor, each.currency)}"
        for each in newest
    )
    batches = [
        {name: value for name, value in encode(each).items() if name != "sealed"} for each in newest
    ]
    show({**encode(found), "last_batch": batches}, told + ".", as_json=as_json)


@payout.command("reconcile")
@config_option
@click.argument("rail")
@click.argument("file", type=_FILE)
@signed_options
@json_option
@click.pass_context
def reconcile_file(
    context: click.Context, *, config: Path, rail: str, file: Path, signed: Signed, as_json: bool
) -> None:
    """Read what a rail sent back: CSV, or a bank's pain.002, camt.053 or camt.054.

    A file that settles or undoes more than the rail's `alone_minor_max` within a day, that does not
    fit what was asked, or whose bringer prepared what was paid, waits until another officer
    brings it too.

    The same file again changes nothing. What does not fit moves no money and is listed:
    an instruction that nobody gave, another amount, a payment after a refusal.
    """
    centre = centre_of(context, config)
    by = signed.officer(centre, _MONEY_ROLES)
    found = reconcile(centre, rails_of(centre), rail, read_input(file), by)
    if found.waits is not None:
        show_file_told(found.waits, as_json=as_json)
        return
    words = ", ".join(f"{count} {name}" for name, count in found.findings.items()) or "nothing"
    told = [
        f"{found.kind}: {found.answers_count} answers ({found.known_count} read before): {words}."
    ]
    told += [
        f"  look at: {each.answer.finding.value} {each.answer.instruction_id or '(no id)'}"
        f" {each.answer.amount_minor} {each.answer.currency} {each.answer.reason}"
        for each in found.open
    ]
    show(encode(found), "\n".join(told), as_json=as_json)


@payout.command("report")
@config_option
@json_option
@click.pass_context
def report(context: click.Context, *, config: Path, as_json: bool) -> None:
    """What is open by state and age, what is held back and why, and what did not fit."""
    centre = centre_of(context, config)
    found = open_report(centre, rails_of(centre))
    findings = open_findings(centre)
    result = {**encode(found), "findings": [encode(each) for each in findings]}
    show(result, "\n".join(_report_lines(found)) or "Nothing is open.", as_json=as_json)


def _report_lines(found: OpenReport) -> list[str]:
    bounds = [f"<{AGE_DAYS[0]} d", *(f"<{days} d" for days in AGE_DAYS[1:]), "older"]
    told = []
    for row in found.rows:
        ages = ", ".join(
            f"{count} {bound}" for count, bound in zip(row.counts_by_age, bounds, strict=True)
            if count
        )  # fmt: skip
        amount = format_money(row.amount_minor, row.currency)
        told.append(f"{row.state.value:<9} {row.count:>6}  {amount:>18}  {ages}")
    told += [f"  held: {_line(each.payout)}: {each.why}" for each in found.held]
    if found.findings_count:
        told.append(f"{found.findings_count} answers did not fit: --json lists them")
    return told


@payout.command("retry")
@config_option
@click.argument("payout_id")
@reasoned_options
@json_option
@click.pass_context
def retry(
    context: click.Context, *, config: Path, payout_id: str, signed: Signed, as_json: bool
) -> None:  # fmt: skip
    """Try a failed payout again under a new id, or ask the rail about a stuck one again."""
    centre = centre_of(context, config)
    by = signed.officer(centre, _MONEY_ROLES)
    found = acts.retry(centre, payout_id, by, signed.reason)
    show(encode(found), _line(found), as_json=as_json)


@payout.command("release")
@config_option
@click.argument("payout_id")
@reasoned_options
@json_option
@click.pass_context
def release(
    context: click.Context, *, config: Path, payout_id: str, signed: Signed, as_json: bool
) -> None:
    """Tell that a payout which is held for its draw may go; another supervisor confirms it."""
    centre = centre_of(context, config)
    by = signed.officer(centre)
    told = centre.write(lambda work: tell_release(work, payout_id, by, signed.reason))
    show_told(told, as_json=as_json)


@payout.command("cancel")
@config_option
@click.argument("payout_id")
@reasoned_options
@json_option
@click.pass_context
def cancel(
    context: click.Context, *, config: Path, payout_id: str, signed: Signed, as_json: bool
) -> None:  # fmt: skip
    """Tell that a payout is not to be paid; confirmed by another, its draw and fee are undone."""
    centre = centre_of(context, config)
    by = signed.officer(centre)
    told = centre.write(lambda work: tell_cancel(work, payout_id, by, signed.reason))
    show_told(told, as_json=as_json)


@payout.command("settle")
@config_option
@click.argument("payout_id")
@click.option("--as", "outcome", type=click.Choice(_OUTCOMES), required=True)
@reasoned_options
@json_option
@click.pass_context
def settle(
    context: click.Context, *, config: Path, payout_id: str, outcome: str, signed: Signed,
    as_json: bool,
) -> None:  # fmt: skip
    """Tell what you heard from the rail of one payout; another supervisor confirms it."""
    centre = centre_of(context, config)
    by = signed.officer(centre)
    went = Outcome(outcome)
    told = centre.write(lambda work: tell_outcome(work, payout_id, went, by, signed.reason))
    show_told(told, as_json=as_json)


@payout.command("adopt")
@config_option
@json_option
@click.pass_context
def adopt(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Make the payouts of draws that were booked before payouts were kept.

    Nothing is sent by it before two officers have set an account. What was paid by hand
    before must not get one: cancel nothing, and set no account, until each was looked at.
    """
    made = acts.adopt_missing(centre_of(context, config))
    show({"payout_ids": list(made)}, f"{len(made)} payouts made.", as_json=as_json)
