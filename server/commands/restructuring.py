"""``agreement restructure``: a new plan for what is owed, proposed by one, approved by another."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from core.lending.agreement import AgreementReason
from core.lending.restructuring import Wish
from core.lending.terms import CashMonth, MoratoriumInterest, ScheduleKind, ScheduleTerms
from core.shape import encode
from core.units import PPM, civil_date, format_money
from core.wire.newplans import NewPlanOffer
from server.commands.hands import centre_of, config_option, json_option, show
from server.commands.officers import officer_of, officer_options
from server.services.centre import RequestError
from server.services.restructuring import (
    REASONS,
    Proposed,
    approve,
    consent_to,
    decline,
    propose,
)
from server.store import newplans
from server.store.people import Role

_PEOPLE = (Role.LENDER, Role.SUPERVISOR)


@click.group("restructure")
def restructure() -> None:
    """A new plan for what a line owes: propose, show, approve, decline."""


@restructure.command("propose")
@config_option
@click.argument("line_id")
@click.option("--due-on", required=True, help="The last due date, YYYY-MM-DD.")
@click.option("--rate-ppm", type=click.IntRange(0, PPM), required=True, help="A year.")
@click.option(
    "--kind", type=click.Choice([each.value for each in ScheduleKind]), default="bullet",
    help="How it is repaid; docs/schedules.md shows each.",
)  # fmt: skip
@click.option("--every-months", type=click.IntRange(min=0), default=0)
@click.option("--cash-month", "cash_months", type=click.IntRange(1, 12), multiple=True)
@click.option("--grace-months", type=click.IntRange(min=0), default=0, help="No principal so long.")
@click.option(
    "--grace-interest", type=click.Choice([each.value for each in MoratoriumInterest]),
    default="carried", help="What becomes of the interest meanwhile.",
)  # fmt: skip
@click.option("--capitalise", is_flag=True, help="Interest that is due becomes principal.")
@click.option(
    "--reason", type=click.Choice([each.value for each in REASONS]), required=True, help="Why."
)
@officer_options
@json_option
@click.pass_context
def propose_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """Propose a new plan; the farmer is shown it at the kiosk, beside the old one."""
    centre = centre_of(context, config)
    officer = officer_of(centre, given["username"], given["password_file"], _PEOPLE)
    schedule = ScheduleTerms(
        ScheduleKind(given["kind"]),
        given["every_months"],
        tuple(CashMonth(month, 1) for month in given["cash_months"]),
        given["grace_months"],
        MoratoriumInterest(given["grace_interest"]),
    )
    wish = Wish(_day(given["due_on"]), given["rate_ppm"], schedule, given["capitalise"])
    asked = Proposed(given["line_id"], wish, AgreementReason(given["reason"]))
    proposal = propose(centre, asked, officer)
    sentence = f"Proposal {proposal.proposal_id}:\n{_told(proposal.offer)}"
    show(encode(proposal), sentence, as_json=as_json)


@restructure.command("show")
@config_option
@click.argument("line_id")
@json_option
@click.pass_context
def show_(context: click.Context, /, *, config: Path, line_id: str, as_json: bool) -> None:
    """What was ever proposed for a line, whether the farmer consented, and who answered."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = [(each, consent_to(tx, each)) for each in newplans.of_line(tx, line_id)]
    told = "\n".join(
        f"{each.proposal_id}, by {each.proposed_by}, {each.reason}; "
        f"{'the farmer consents' if consent else 'no consent yet'}; {_answered(each)}\n"
        f"{_told(each.offer)}"
        for each, consent in found
    )
    rows = [{**encode(each), "consented": consent is not None} for each, consent in found]
    show({"proposals": rows}, told or "Nothing was proposed.", as_json=as_json)


@restructure.command("approve")
@config_option
@click.argument("proposal_id")
@officer_options
@json_option
@click.pass_context
def approve_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """Let a plan count that another proposed and the farmer consents to. For supervisors."""
    centre = centre_of(context, config)
    actor = officer_of(centre, given["username"], given["password_file"])
    found = approve(centre, given["proposal_id"], actor)
    until = found.offer.restructured.after.due_on
    show(encode(found), f"Line {found.line_id} is repaid anew until {until}.", as_json=as_json)


@restructure.command("decline")
@config_option
@click.argument("proposal_id")
@officer_options
@json_option
@click.pass_context
def decline_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """Take a proposal off the table that another has made."""
    centre = centre_of(context, config)
    actor = officer_of(centre, given["username"], given["password_file"], _PEOPLE)
    found = decline(centre, given["proposal_id"], actor)
    show(encode(found), f"Line {found.line_id} stays as it is.", as_json=as_json)


def _day(text: str) -> date:
    found = civil_date(text)
    if found is None:
        raise RequestError(f"expected --due-on as YYYY-MM-DD, got {text!r}")
    return found


def _answered(proposal: newplans.Proposal) -> str:
    said = proposal.answer
    if said is None:
        return f"open until {proposal.offer.until_on}"
    return f"{'approved' if said.approved else 'declined'} by {said.answered_by}"


def _told(offer: NewPlanOffer) -> str:
    step = offer.restructured
    payments = "\n".join(
        f"  {each.on}  {format_money(each.amount_minor, offer.currency):>16}"
        for each in offer.payments
    )
    return (
        f"  owed on {step.on}: {format_money(offer.owed_minor, offer.currency)}\n"
        f"  before: {format_money(offer.total_before_minor, offer.currency)} until "
        f"{step.before.due_on}, APR {offer.apr_before_ppm / 10_000:.2f} %\n"
        f"  anew:   {format_money(offer.total_minor, offer.currency)} until "
        f"{step.after.due_on}, APR {offer.apr_ppm / 10_000:.2f} %\n{payments}"
    )
