"""``co-lender``: lenders who carry lines together, their statements and settlements."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import click

from core.errors import ShapeError
from core.lending.colending import Arrangement
from core.shape import decode, encode
from core.units import civil_date, format_money
from server.commands.hands import centre_of, config_option, json_option, read_input, show
from server.commands.officers import Acting, acting
from server.services.centre import RequestError
from server.services.colending import exposure_of, lent_of, sign_agreement
from server.services.settling import Settled, partner_statement, settle_with, statement_files
from server.store import colending as kept
from server.store import rulebooks
from server.store.people import Role

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("co-lender")
def co_lender() -> None:
    """Lenders who carry lines together: agreements, what is out, statements, settlements."""


@co_lender.command("sign")
@acting(Role.SUPERVISOR)
@click.argument("file", metavar="AGREEMENT.toml", type=_FILE)
@json_option
def sign(*, acting: Acting, file: Path, as_json: bool) -> None:
    """Sign an agreement between lenders; lines opened while it holds are carried together."""
    found = _agreement(file)
    is_new = sign_agreement(acting.centre, found, acting.by)
    words = "is signed" if is_new else "was signed already"
    sentence = f"{found.agreement_id} {words}: {len(found.parties)} lenders, {found.product_id}."
    show({"new": is_new, **encode(found)}, sentence, as_json=as_json)


@co_lender.command("show")
@config_option
@click.option("--currency", required=True, help="Of the loans that are out.")
@json_option
@click.pass_context
def show_(context: click.Context, *, config: Path, currency: str, as_json: bool) -> None:
    """The agreements, and what is signed for and lent out together, against what is allowed."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        today = centre.work(tx, centre.now_ms()).today().isoformat()
        signed = kept.agreements(tx)
        limits, out = exposure_of(tx, currency), lent_of(tx, currency)
        rules = rulebooks.joint_on(tx, today)
    told = [f"{e.agreement_id}  {e.product_id}  {e.from_on} to {e.until_on}" for e in signed]
    told += [
        f"with {partner}: {format_money(minor, currency)} signed for,"
        f" {format_money(out.with_partner_minor.get(partner, 0), currency)} lent out"
        for partner, minor in sorted(limits.with_partner_minor.items())
    ]
    told += [
        f"joint {format_money(each.joint_minor, currency)} of "
        f"{format_money(each.book_minor, currency)} {what}"
        for what, each in (("signed for, to which the bounds apply", limits), ("lent out", out))
    ]
    result = {"agreements": [encode(e) for e in signed], "exposure": encode(limits),
              "lent": encode(out), "rules": encode(rules)}  # fmt: skip
    show(result, "\n".join(told), as_json=as_json)


@co_lender.command("statement")
@config_option
@click.argument("partner_id")
@click.option("--from", "from_on", required=True, help="The first day, YYYY-MM-DD.")
@click.option("--until", "until_on", required=True, help="The last day, YYYY-MM-DD.")
@click.option("--out", type=_FOLDER, help="Write the statement and the settlement file here.")
@json_option
@click.pass_context
def statement(
    context: click.Context, *, config: Path, partner_id: str, from_on: str, until_on: str,
    out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """A partner's statement of a period, line by line, and what is to be settled."""
    centre = centre_of(context, config)
    found = partner_statement(centre, partner_id, _day(from_on), _day(until_on))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in statement_files(centre, found).items():
            (out / name).write_bytes(data)
    told = [
        f"{e.line_id}  carries {format_money(e.closing_principal_minor, e.currency)}, to settle "
        f"{format_money(e.settlement_minor, e.currency)}"
        for e in found.lines
    ]
    told += [f"{partner_id} owes {format_money(minor, currency)} in all"
             for currency, minor in sorted(found.balance_minor.items())]  # fmt: skip
    show(encode(found), "\n".join(told), as_json=as_json)


@co_lender.command("settle")
@acting(Role.CASHIER, Role.SUPERVISOR)
@click.argument("partner_id")
@click.argument("amount_minor", type=int)
@click.option("--currency", required=True)
@click.option("--on", "on", required=True, help="The day, YYYY-MM-DD.")
@click.option("--reference", required=True, help="The bank's reference; it counts once.")
@json_option
def settle(
    *, acting: Acting, partner_id: str, amount_minor: int, currency: str, on: str, reference: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Book money from a partner (above 0) or to it (below 0)."""
    settled = Settled(partner_id, currency, amount_minor, _day(on).isoformat(), reference)
    is_new = settle_with(acting.centre, settled, acting.by)
    words = "is booked" if is_new else "was booked already"
    sentence = f"{format_money(amount_minor, currency)} of {partner_id} {words}."
    show({"new": is_new, **encode(settled)}, sentence, as_json=as_json)


def _agreement(file: Path) -> Arrangement:
    try:
        return decode(Arrangement, tomllib.loads(read_input(file).decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ShapeError) as error:
        raise RequestError(f"expected an agreement in TOML at {file}: {error}") from error


def _day(text: str) -> date:
    found = civil_date(text)
    if found is None:
        raise RequestError(f"expected a day such as 2026-09-15, got {text[:20]!r}")
    return found
