"""``stress`` and ``scenario``: a bad season on the whole book, and scenarios from real records."""

from __future__ import annotations

import sys
import tomllib
from datetime import date
from pathlib import Path

import click

from core.units import PPM, civil_date, format_money
from server.commands.hands import centre_of, config_option, read_input
from server.console.figures.stress import risk_picture
from server.console.stress_report import as_html, as_pdf, as_text, shock_words
from server.services.centre import RequestError
from server.services.reports.export import Format, print_to, write
from server.services.stress import records
from server.services.stress.run import Liquidity, Outcome
from server.services.stress.run import stress as put_to
from server.services.stress.scenario import Scenario, ScenarioError, parse_scenario
from server.services.stress.table import table
from server.store.whole_files import write_whole
from server.words import LANGUAGES, speaking

SCENARIO_BYTES_MAX = 1024 * 1024
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("stress")
@config_option
@click.argument("file", metavar="SCENARIO.toml", type=_FILE)
@click.option("--picture", type=_FILE, help="Write the principal at risk as an SVG picture.")
@click.option("--report", "page", type=_FILE, help="Write a report: FILE.html or FILE.pdf.")
@click.option(
    "--format",
    "form",
    type=click.Choice([each.value for each in Format]),
    default=Format.TEXT.value,
    show_default=True,
)
@click.option("--out", type=_FILE, help="Write the table into a file; else it is printed.")
@click.option(
    "--language",
    type=click.Choice(list(LANGUAGES)),
    default="en",
    show_default=True,
    help="Of what people read: the printed text, the report and the picture.",
)
@click.pass_context
def stress(
    context: click.Context,
    /,
    *,
    config: Path,
    file: Path,
    form: str,
    out: Path | None,
    language: str,
    **drawn: Path | None,
) -> None:
    """What a scenario would do to the whole book: limits, losses, liquidity; writes nothing.

    Limits are reviewed by the one rule that moves them, on harvests, prices, rates and
    herds after the shock; expected losses follow the provisioning rules in force.
    """
    outcome = put_to(centre_of(context, config), read_scenario(file))
    with speaking(language):
        if page := drawn["page"]:
            _keep(page, _page(outcome, page))
        if picture := drawn["picture"]:
            _keep(picture, f"{risk_picture(outcome, alone=True)}\n".encode())
        if out is None and Format(form) is Format.TEXT and language != "en":
            click.echo("\n".join(as_text(outcome)))
            return
    if out is not None:
        rows = write(table(outcome), Format(form), out)
        click.echo(f"{rows} rows in {out}.")
        return
    print_to(table(outcome), Format(form), sys.stdout)
    if Format(form) is Format.TEXT:
        click.echo("\n".join(_words(outcome)))


def read_scenario(file: Path) -> Scenario:
    """A scenario from its file.

    Raises
    ------
    ScenarioError
        If it is no TOML, or holds what cannot be.
    """
    try:
        return parse_scenario(tomllib.loads(read_input(file, SCENARIO_BYTES_MAX).decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"expected a scenario in TOML at {file}: {error}") from error


def _page(outcome: Outcome, path: Path) -> bytes:
    if path.suffix == ".pdf":
        return as_pdf(outcome)
    if path.suffix == ".html":
        return as_html(outcome).encode()
    raise RequestError(f"expected --report as FILE.html or FILE.pdf, got {path.name}")


def _keep(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise RequestError(f"expected to write {path}: {error}") from error


def _words(outcome: Outcome) -> list[str]:
    return [*shock_words(outcome.scenario), *(_liquidity(each) for each in outcome.liquidity)]


def _liquidity(found: Liquidity) -> str:
    left = format_money(found.left_after_minor, found.currency)
    before = format_money(found.left_before_minor, found.currency)
    verdict = "" if found.left_after_minor >= 0 else ": the lender could not pay"
    return (
        f"Liquidity in {found.horizon_days} days: {before} left, after the shock {left}{verdict}."
    )


_WORST = click.option(
    "--worst-loss",
    type=click.FloatRange(0.1, 1),
    default=0.6,
    show_default=True,
    help="Share of a harvest that a county's worst year since 1990 cost.",
)


@click.group("scenario")
def scenario() -> None:
    """Scenarios: checked, and built from records of real droughts."""


@scenario.command("check")
@click.argument("file", metavar="SCENARIO.toml", type=_FILE)
def check(file: Path) -> None:
    """Say what a scenario does, or what is wrong with it."""
    found = read_scenario(file)
    click.echo("\n".join([f"{found.name}: {found.title}", *shock_words(found)]))


@scenario.command("drought")
@click.option("--monitor", type=_FILE, required=True, help="US Drought Monitor weeks, CSV.")
@click.option("--fips", required=True, help="The county whose drought is taken.")
@click.option("--from", "first", required=True, help="First day of the season, YYYY-MM-DD.")
@click.option("--to", "last", required=True, help="Last day of the season, YYYY-MM-DD.")
@click.option("--indemnities", type=_FILE, required=True, help="RMA drought losses, CSV.")
@click.option("--climate", type=_FILE, required=True, help="gridMET county months, Parquet.")
@click.option("--names", type=_FILE, required=True, help="County names by FIPS code, CSV.")
@click.option("--quantile", type=click.FloatRange(0.5, 0.99), default=0.9, show_default=True)
@_WORST
@click.option("--out", type=_FILE, required=True)
def drought(
    *,
    fips: str,
    first: str,
    last: str,
    quantile: float,
    worst_loss: float,
    out: Path,
    **files: Path,
) -> None:
    """Build a scenario from a real season of drought and from what such droughts cost.

    The Monitor says how much of the county was in which class of drought, week by week;
    wheat indemnities and the Palmer index say what years of each class cost.
    """
    season = records.drought_season(files["monitor"], fips, _day(first), _day(last))
    found = records.losses(
        files["indemnities"], files["climate"], files["names"], round(quantile * PPM)
    )
    text = records.drought_scenario(season, found, (round(quantile * PPM), round(worst_loss * PPM)))
    _keep_scenario(out, text)


@scenario.command("loss-year")
@click.option("--indemnities", type=_FILE, required=True, help="RMA drought losses, CSV.")
@click.option("--year", type=int, required=True)
@_WORST
@click.option("--out", type=_FILE, required=True)
def loss_year(*, indemnities: Path, year: int, worst_loss: float, out: Path) -> None:
    """Build a scenario from what one real year of drought cost the wheat of its counties."""
    _keep_scenario(out, records.year_scenario(indemnities, year, round(worst_loss * PPM)))


def _keep_scenario(out: Path, text: str) -> None:
    found = parse_scenario(tomllib.loads(text))
    _keep(out, text.encode())
    click.echo("\n".join([f"{out}: {found.title}", *shock_words(found)]))


def _day(text: str) -> date:
    found = civil_date(text)
    if found is None:
        raise RequestError(f"expected a day such as 2012-07-03, got {text!r}")
    return found
