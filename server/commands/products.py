"""``product``: what is offered, as data: put in force, explained, played and held to its use."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from core.errors import ProductError
from core.lending.local import local_product
from core.lending.product import Product, read_product
from core.lending.whole_price import whole_price
from core.shape import encode
from core.units import civil_date, floor_to_unit, format_money
from server.commands.hands import (
    OPERATOR,
    centre_of,
    config_option,
    json_option,
    password_option,
    read_input,
    show,
)
from server.commands.officers import officer_of
from server.commands.telling import sentences
from server.commands.words import told_sentence
from server.services import enrolment, policies
from server.services.centre import RequestError
from server.services.offering import cannot_open
from server.services.publishing.rollout import require_no_updates
from server.services.rehearsal.fitting import Fit, fit, misfits
from server.services.rehearsal.playing import Played, play
from server.services.rehearsal.scenario import Scenario, read_scenario
from server.services.words_kept import ROLES
from server.store import products
from server.store.money_words import KeptWord
from server.store.people import Actor

FILE_BYTES_MAX = 1024 * 1024
_FILE = click.Path(path_type=Path, dir_okay=False)
local_option = click.option(
    "--local", "local_file", type=_FILE, help="A bank's own rules on top of the product."
)


season_option = click.option(
    "--season", "season_file", type=_FILE, help="A scenario to hold the product against, as in fit."
)


@click.group("product")
def product() -> None:
    """Products: what is offered, as data."""


def _brings(command: Callable[..., None]) -> Callable[..., None]:
    """What a command takes that brings a product's file to the centre."""
    for option in (
        click.pass_context, json_option, season_option, local_option,
        click.argument("file", type=_FILE), config_option,
    ):  # fmt: skip
        command = option(command)
    return command


@product.command("add")
@_brings
def add(context: click.Context, *, config: Path, **asked: Any) -> None:
    """Put a product's TOML file in force; a changed one needs a higher version.

    Once two supervisors stand, only what two persons approved: `product propose` asks for it.
    """
    centre = centre_of(context, config)
    require_no_updates(centre, "use updates add-product, stage and promote")
    _bring(partial(enrolment.add_product, centre), "is in force", **asked)


@product.command("propose")
@_brings
@click.option("--officer", "username", help="A supervisor who asks for it to be approved at once.")
@click.option("--reason", default="", help="Why; it is kept with what is done.")
@password_option
def propose(
    context: click.Context, *, config: Path, username: str | None, reason: str,
    password_file: Path | None, **asked: Any,
) -> None:  # fmt: skip
    """Bring a product's TOML file as a candidate, which two persons approve.

    With --officer and --reason it waits for a second person at once, who gives `word confirm` or
    answers it at the console; else a supervisor asks for it there.
    """
    centre = centre_of(context, config)
    if (username is None) != (not reason):
        raise RequestError("expected --officer and --reason together, or neither")
    by = username and officer_of(centre, username, password_file, ROLES)

    def ask(name: str) -> KeptWord | None:
        if not by:
            return None
        return centre.write(lambda work: policies.tell_policy(work, name, (by, reason)))

    _bring(partial(policies.propose, centre), "is a candidate", ask, **asked)


def _bring(
    take: Callable[[Product, Actor], bool], became: str,
    ask: Callable[[str], KeptWord | None] = lambda _: None, *,
    file: Path, local_file: Path | None, season_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    found = read_product_file(file, local_file)
    warnings = _warnings(found, season_file)
    new = take(found, OPERATOR)
    name = found.policy_version()
    word = ask(name)
    result = {"policy_version": name, "new": new, "warnings": warnings}
    shown = {**result, "word": encode(word)} if word else result
    told = [told_sentence(word)] if word else []
    show(shown, "\n".join([f"{name} {became}.", *warnings, *told]), as_json=as_json)


def _warnings(found: Product, season_file: Path | None) -> list[str]:
    """What people should know of a product that does not fit what it lends on."""
    season = None if season_file is None else read_scenario_file(season_file)
    return [f"Warning: {found.product_id}: {each}." for each in misfits(found, season)]


@product.command("list")
@config_option
@json_option
@click.pass_context
def list_products(context: click.Context, *, config: Path, as_json: bool) -> None:
    """The products in force."""
    with centre_of(context, config).store.reading() as tx:
        found = products.in_force(tx)
    result = {"products": [encode(each) for each in found]}
    lines = [f"{each.policy_version()}  {each.name}, due {each.due_on}" for each in found]
    show(result, "\n".join(lines) or "No product is in force.", as_json=as_json)


@product.command("check")
@click.argument("file", type=_FILE)
@local_option
@json_option
def check(*, file: Path, local_file: Path | None, as_json: bool) -> None:
    """Say whether a product's file is sound, and whether its lines can be opened today."""
    found = read_product_file(file, local_file)
    closed = cannot_open(found)
    result = {"policy_version": found.policy_version(), "cannot_open": closed}
    words = f"; its lines cannot be opened: {'; '.join(closed)}" if closed else ""
    show(result, f"{found.policy_version()} is sound{words}.", as_json=as_json)


@product.command("explain")
@click.argument("file", type=_FILE)
@local_option
@click.option("--on", "drawn_on", help="Day for prices, YYYY-MM-DD; else the term before due_on.")
@json_option
def explain(*, file: Path, local_file: Path | None, drawn_on: str | None, as_json: bool) -> None:
    """Say in words what a product's file lends, when, on what, and at which price."""
    found = read_product_file(file, local_file)
    usual = date.fromisoformat(found.due_on) - timedelta(days=found.credit.term_days)
    on = usual if drawn_on is None else civil_date(drawn_on)
    if on is None:
        raise ProductError(f"expected a day such as 2026-03-20 at --on, got {drawn_on!r}")
    amount = floor_to_unit(found.credit.limit_max_minor // 10, found.credit.draw_step_minor)
    told = whole_price(found, max(amount, found.credit.draw_step_minor), on)
    result = {**encode(found), "example": encode(told)}
    show(result, "\n".join(sentences(found, told)), as_json=as_json)


@product.command("simulate")
@click.argument("file", type=_FILE)
@click.argument("scenario_file", metavar="SCENARIO", type=_FILE)
@local_option
@json_option
def simulate(*, file: Path, scenario_file: Path, local_file: Path | None, as_json: bool) -> None:
    """Play a season: limit, what is available and what is owed after each step."""
    found, season = read_product_file(file, local_file), read_scenario_file(scenario_file)
    played = play(found, season)
    result = {
        "policy_version": found.policy_version(),
        "scenario": season.name,
        "currency": found.currency,
        "steps": [{**encode(each), "owed_minor": each.owed_minor} for each in played],
    }
    show(result, "\n".join(_table(found, season, played)), as_json=as_json)


@product.command("fit")
@click.argument("file", type=_FILE)
@click.argument("scenario_file", metavar="SCENARIO", type=_FILE)
@local_option
@json_option
def fit_command(*, file: Path, scenario_file: Path, local_file: Path | None, as_json: bool) -> None:
    """Hold a product against the crop's cycle and the season's cash."""
    found, season = read_product_file(file, local_file), read_scenario_file(scenario_file)
    fitted = fit(found, season)
    result = {
        **encode(fitted),
        "policy_version": found.policy_version(),
        "scenario": season.name,
        "term_fits": fitted.term_fits,
        "need_minor": fitted.need_minor,
        "met_ppm": fitted.met_ppm,
        "met_late_ppm": fitted.met_late_ppm,
    }
    show(result, "\n".join(_fitted(found, fitted)), as_json=as_json)


def read_product_file(file: Path, local_file: Path | None = None) -> Product:
    """A product from its TOML file, with a bank's own rules if a file of them is named.

    Raises
    ------
    ProductError
        If it is no TOML, not sound, or the rules go beyond what the product allows.
    """
    found = read_product(_toml(file, "a product"))
    return found if local_file is None else local_product(found, _toml(local_file, "local rules"))


def read_scenario_file(file: Path) -> Scenario:
    """A scenario from its TOML file.

    Raises
    ------
    ProductError, ShapeError
        If it is no TOML, or no scenario.
    """
    return read_scenario(_toml(file, "a scenario"))


def _toml(file: Path, what: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(read_input(file, FILE_BYTES_MAX).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProductError(f"expected {what} in TOML at {file}: {error}") from error


def _table(found: Product, season: Scenario, played: tuple[Played, ...]) -> list[str]:
    said = [f"{found.name}: {season.name}. {found.currency}:"]
    heads = ("limit", "available", "drawn", "paid", "principal", "interest", "fee")
    said.append(f"{'day':<10}  {'':<7}" + "".join(f"{head:>13}" for head in heads))
    for each in played:
        amounts = (
            each.limit_minor, each.available_minor, each.drawn_minor, each.repaid_minor,
            each.principal_minor, each.interest_minor, each.fee_minor,
        )  # fmt: skip
        money = "".join(f"{_plain(amount, found.currency):>13}" for amount in amounts)
        said.append(f"{each.on}  {each.movement:<7}{money}")
        said += [f"            {words}" for words in (*each.reasons, each.refused) if words]
    if any(each.subsidy_minor for each in played):
        paid = format_money(played[-1].subsidy_minor, found.currency)
        said.append(f"Of the interest, {paid} is claimed from the subsidy of {found.region}.")
    return said


def _plain(amount_minor: int, currency: str) -> str:
    return format_money(amount_minor, currency).removeprefix(f"{currency} ")


def _fitted(found: Product, fitted: Fit) -> list[str]:
    def money(minor: int) -> str:
        return format_money(minor, found.currency)

    holds = "covers" if fitted.term_fits else "is SHORTER than"
    days, cycle = f"{fitted.term_days} days", f"{fitted.cycle_days} days"
    on_day, later = (ppm / 10_000 for ppm in (fitted.met_ppm, fitted.met_late_ppm))
    need_of = f"Of {money(fitted.need_minor)} that the season needs"
    said = [
        f"{found.name}: a term of {days} {holds} the cycle of {cycle}.",
        f"{need_of}, the line meets {on_day:.1f} % on the day and {later:.1f} % later.",
    ]
    for need in fitted.needs:
        late = f", {money(need.met_late_minor)} by {need.late_on}" if need.met_late_minor else ""
        said.append(
            f"  {need.on}  {money(need.need_minor):>18} for {need.what}: "
            f"{money(need.met_minor)}{late}"
        )
    return said
