"""``model``: bring models, compare them, send them out by two persons, take them back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.units import PPM
from core.wire.modelfile import MODEL_BYTES_MAX
from server.commands.backtest import backtest_command
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, read_input, show
from server.commands.officers import Acting, acting
from server.services.cards import read_model
from server.services.centre import Centre, RequestError
from server.services.model_life import rollout
from server.services.model_life.finding import find_model
from server.services.model_life.standing import life_of_models
from server.services.model_steps import Event, Why
from server.services.modelling import register_model
from server.store import models
from server.store.models import RegisteredModel
from server.store.people import Role
from server.training.header import c_header

PPM_PER_PERCENT = PPM // 100
_FILE = click.Path(path_type=Path, dir_okay=False)
_which = click.argument("which", metavar="MODEL")
_words = click.option("--words", default="", help="Why, in words; no names of people.")
_PERCENT = click.FloatRange(0, 100)


@click.group("model")
def model() -> None:
    """Compact models: brought, compared, approved by two, rolled out, taken back.

    MODEL is a version number or the beginning of a model's hash. docs/model-life.md.
    """


model.add_command(backtest_command)


@model.command("add")
@config_option
@click.argument("file", type=_FILE)
@json_option
@click.pass_context
def add_model(context: click.Context, *, config: Path, file: Path, as_json: bool) -> None:
    """Register a model file as a candidate; it decides nothing and goes nowhere."""
    centre = centre_of(context, config)
    found = register_model(centre, read_input(file, MODEL_BYTES_MAX), OPERATOR)
    result = {"name": found.name, "version": found.version, "sha256": found.sha256}
    show(
        result, f"{found.name} version {found.version} is a candidate: {found.sha256}",
        as_json=as_json,
    )  # fmt: skip


@model.command("list")
@config_option
@json_option
@click.pass_context
def list_models(context: click.Context, *, config: Path, as_json: bool) -> None:
    """The registered models, newest first, and where each stands."""
    with centre_of(context, config).store.reading() as tx:
        found = life_of_models(tx)
    rows = [
        {
            "name": one.model.name, "version": one.model.version, "sha256": one.model.sha256,
            "kind": one.model.kind, "state": one.model.state, "stand": one.stand,
        }
        for one in found
    ]  # fmt: skip
    lines = [f"{r['name']} {r['version']}  {r['stand']}  {r['sha256']}" for r in rows]
    show({"models": rows}, "\n".join(lines) or "No model is registered.", as_json=as_json)


@model.command("history")
@config_option
@_which
@json_option
@click.pass_context
def history(context: click.Context, *, config: Path, which: str, as_json: bool) -> None:
    """Every step of a model: who, when, why."""
    with centre_of(context, config).store.reading() as tx:
        sha256 = find_model(tx, which).sha256
        (found,) = (one for one in life_of_models(tx) if one.model.sha256 == sha256)
    rows = [
        {
            "serial": s.serial, "event": s.event, "state": s.state, "at_ms": s.at_ms,
            "actor": s.actor, "role": s.role, "reason": s.reason, "detail": dict(s.detail),
        }
        for s in found.steps
    ]  # fmt: skip
    lines = [f"{s.serial:>4}  {s.event:<12} {s.actor} ({s.role})  {s.reason}" for s in found.steps]
    show({"steps": rows}, "\n".join(lines), as_json=as_json)


@model.command("header")
@config_option
@click.option("--sha256", default="", help="Of a registered model; the one in use by default.")
@click.pass_context
def header(context: click.Context, *, config: Path, sha256: str) -> None:
    """Print a model as one C header, for a device that scores by itself."""
    with centre_of(context, config).store.reading() as tx:
        found = models.get(tx, sha256) if sha256 else models.active(tx)
    if found is None:
        raise RequestError("expected a model in use, found none: add one, approve and promote it")
    table = read_model(found.document).table
    click.echo(c_header(found.name, found.version, found.sha256, table), nl=False)


def _found(centre: Centre, which: str) -> RegisteredModel:
    with centre.store.reading() as tx:
        return find_model(tx, which)


def _step_command(name: str, what: tuple[Event, Why], words: str, *roles: Role) -> None:
    """One command for a step that reaches no station."""

    @model.command(name, help=words)
    @acting(*roles)
    @_which
    @_words
    @json_option
    def command(*, acting: Acting, which: str, words: str, as_json: bool) -> None:
        found = _found(acting.centre, which)
        stand = rollout.step(acting.centre, found.sha256, what, acting.by, words)
        _tell(found, stand.value, {}, as_json=as_json)


_step_command(
    "challenge", (Event.CHALLENGED, Why.TO_COMPARE),
    "Let a candidate score every card that comes, beside the model in use.",
    Role.LENDER, Role.SUPERVISOR,
)  # fmt: skip
_step_command(
    "approve", (Event.APPROVED, Why.REVIEWED),
    "Approve what another officer proposed; still no station has it.", Role.SUPERVISOR,
)  # fmt: skip
_step_command(
    "refuse", (Event.REFUSED, Why.NOT_CONVINCING),
    "Send a proposal back: the model goes on challenging.", Role.SUPERVISOR,
)  # fmt: skip
_step_command(
    "withdraw", (Event.WITHDRAWN, Why.OFFICER),
    "Retire a model that no station has.", Role.LENDER, Role.SUPERVISOR,
)  # fmt: skip


def _tell(
    found: RegisteredModel, stand: str, more: dict[str, Any], *, as_json: bool, also: str = ""
) -> None:
    result = {"version": found.version, "sha256": found.sha256, "stand": stand, **more}
    show(result, f"{found.name} version {found.version} is {stand}.{also}", as_json=as_json)


@model.command("propose")
@acting(Role.LENDER, Role.SUPERVISOR)
@_which
@_words
@json_option
def propose(*, acting: Acting, which: str, words: str, as_json: bool) -> None:
    """Propose a challenger for the stations; another officer is to approve it."""
    found = _found(acting.centre, which)
    rollout.propose(acting.centre, found.sha256, acting.by, words)
    _tell(found, "proposed", {}, as_json=as_json)


@model.command("stage")
@acting(Role.SUPERVISOR)
@_which
@click.option("--station", "stations", multiple=True, help="A canary, by name.")
@click.option("--percent", type=click.IntRange(0, 100), help="Absent: as many as have it.")
@click.option(
    "--refused-between", "bounds", type=(_PERCENT, _PERCENT), default=None,
    help="Share of refusals outside of which the roll-out halts by itself [%].",
)  # fmt: skip
@json_option
def stage(
    *,
    acting: Acting,
    which: str,
    stations: tuple[str, ...],
    percent: int | None,
    bounds: tuple[float, float] | None,
    as_json: bool,
) -> None:
    """Let canary stations, then a larger share of all, decide by an approved model."""
    found = _found(acting.centre, which)
    low, high = bounds or (0, 100)
    refused_ppm = (round(low * PPM_PER_PERCENT), round(high * PPM_PER_PERCENT))
    share_ppm = None if percent is None else percent * PPM_PER_PERCENT
    to = rollout.Stage(stations, share_ppm, refused_ppm if bounds else None)
    told = rollout.stage(acting.centre, found.sha256, to, acting.by)
    _tell_told(found, "rolling", told, as_json=as_json)


def _tell_told(found: RegisteredModel, stand: str, told: tuple[str, ...], *, as_json: bool) -> None:
    also = f" Told now: {', '.join(told) or 'no further station'}."
    _tell(found, stand, {"told": list(told)}, as_json=as_json, also=also)


@model.command("promote")
@acting(Role.SUPERVISOR)
@_which
@json_option
def promote(*, acting: Acting, which: str, as_json: bool) -> None:
    """Put a model in force at every station and at the centre."""
    found = _found(acting.centre, which)
    told = rollout.promote(acting.centre, found.sha256, acting.by)
    _tell_told(found, "champion", told, as_json=as_json)


@model.command("halt")
@acting(Role.SUPERVISOR)
@_which
@_words
@json_option
def halt(*, acting: Acting, which: str, words: str, as_json: bool) -> None:
    """Take no further station; those that decide by it go on."""
    found = _found(acting.centre, which)
    rollout.halt(acting.centre, found.sha256, acting.by, words)
    _tell(found, "halted", {}, as_json=as_json)


@model.command("resume")
@acting(Role.SUPERVISOR)
@_which
@_words
@json_option
def resume(*, acting: Acting, which: str, words: str, as_json: bool) -> None:
    """Go on with a roll-out that was halted."""
    found = _found(acting.centre, which)
    told = rollout.resume(acting.centre, found.sha256, acting.by, words)
    _tell_told(found, "rolling", told, as_json=as_json)


@model.command("roll-back")
@acting(Role.SUPERVISOR)
@_which
@_words
@json_option
def roll_back(*, acting: Acting, which: str, words: str, as_json: bool) -> None:
    """Take a model back wherever it decides; what was in force before decides again."""
    found = _found(acting.centre, which)
    instead = rollout.roll_back(acting.centre, found.sha256, acting.by, words)
    also = f" {instead.name} version {instead.version} decides everywhere."
    _tell(found, "retired", {"in_force": instead.version}, as_json=as_json, also=also)
