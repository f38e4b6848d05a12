"""``report``: the books and the loans as of any day, as a table, JSON, CSV, XLSX or Parquet."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import click

from core.units import civil_date, civil_day
from server.commands.hands import centre_of, config_option
from server.services.centre import RequestError
from server.services.reports.catalogue import Asked, ReportName
from server.services.reports.catalogue import report as make_report
from server.services.reports.export import Format, print_to, write
from server.services.reports.loans import as_of, day_end_ms
from server.services.reports.portfolio import Group
from server.services.spreading import place_all


@click.command("report")
@config_option
@click.argument("name", type=click.Choice([each.value for each in ReportName]))
@click.option("--as-of", "on", default="", help="What took effect up to this day; else today.")
@click.option("--known-at", default="", help="What was written down up to this day; else now.")
@click.option(
    "--by",
    type=click.Choice([each.value for each in Group]),
    default=Group.PRODUCT.value,
    show_default=True,
    help="How par, ageing and provisioning are grouped.",
)
@click.option("--account", default="", help="One account of the general ledger.")
@click.option(
    "--format",
    "form",
    type=click.Choice([each.value for each in Format]),
    default=Format.TEXT.value,
    show_default=True,
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Else it is printed.")
@click.pass_context
def report(
    context: click.Context,
    /,
    *,
    config: Path,
    name: str,
    form: str,
    out: Path | None,
    **asked_for: str,
) -> None:
    """A report as of a day, from dated facts; nothing is computed ahead by night.

    Amounts in files are whole minor units beside their currency. par counts the whole
    principal of a loan that is late by more than 30, 60 or 90 days.
    """
    centre = centre_of(context, config)
    now_ms = centre.now_ms()
    day = _day(asked_for["on"], "--as-of") or civil_day(now_ms)
    known = _day(asked_for["known_at"], "--known-at")
    then = as_of(day, day_end_ms(known) if known else now_ms)
    asked = Asked(then, Group(asked_for["by"]), asked_for["account"])
    if ReportName(name) is ReportName.CONCENTRATION:
        centre.store.write(place_all)
    with centre.store.reading() as tx:
        found = make_report(tx, ReportName(name), asked)
        if out is None:
            print_to(found, Format(form), sys.stdout)
            return
        rows = write(found, Format(form), out)
    click.echo(f"{rows} rows in {out}.")


def _day(text: str, name: str) -> date | None:
    found = civil_date(text) if text else None
    if text and found is None:
        raise RequestError(f"{name}: expected a day such as 2026-09-15, got {text!r}")
    return found
