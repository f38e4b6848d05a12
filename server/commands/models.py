"""``model``: bring models, compare them, send them out by two persons, take them back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from core.scoring.drift import Alarm
from core.shape import encode
from core.units import PPM, civil_day
from core.wire.modelfile import MODEL_BYTES_MAX
from server.commands.backtest import backtest_command
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, read_input, show
from server.commands.model_decisions import decisions_command
from server.commands.officers import Acting, acting
from server.services.cards import read_model
from server.services.centre import Centre, RequestError
from server.services.model_life import rollout
from server.services.model_life.comparison import compare
from server.services.model_life.drift import drift_of
from server.services.model_life.finding import find_model
from server.services.model_life.shadow import add_trees
from server.services.model_life.standing import life_of_models
from server.services.model_life.telling import told_comparison, told_drift
from server.services.model_steps import Event, Why
from server.services.modelling import register_model
from server.services.own_loans import own_loans
from server.store import models
from server.store.models import RegisteredModel
from server.store.people import Role
from server.store.whole_files import whole
from server.training.catalogue import read_catalogue
from server.training.command import CATALOGUE
from server.training.header import c_header
from server.training.trees import TREES_BYTES_MAX

PPM_PER_PERCENT = PPM // 100
EXIT_ALARM = 4
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
model.add_command(decisions_command)


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


@model.command("add-trees")
@config_option
@click.argument("file", type=_FILE)
@json_option
@click.pass_context
def add_trees_command(context: click.Context, *, config: Path, file: Path, as_json: bool) -> None:
    """Register boosted trees that train-trees wrote; they stay at the centre."""
    found = add_trees(centre_of(context, config), read_input(file, TREES_BYTES_MAX), OPERATOR)
    result = {"name": found.name, "version": found.version, "sha256": found.sha256}
    show(result, f"{found.name} is a candidate: {found.sha256}", as_json=as_json)


@model.command("compare")
@config_option
@_which
@json_option
@click.pass_context
def compare_command(context: click.Context, *, config: Path, which: str, as_json: bool) -> None:
    """A challenger beside the model in use: agreement, swaps, drift, who ranked better."""
    centre = centre_of(context, config)
    found = compare(centre, _found(centre, which), civil_day(centre.now_ms(), 0))
    show(encode(found), "\n".join(told_comparison(found)), as_json=as_json)


@model.command("drift")
@config_option
@click.argument("which", metavar="MODEL", default="")
@json_option
@click.pass_context
def drift_command(context: click.Context, *, config: Path, which: str, as_json: bool) -> None:
    """How decisions of late stand to what a model learnt from; exit code 4 from .25 on.

    By counts that stations sent; the model in use unless MODEL is named.
    """
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        registered = find_model(tx, which) if which else models.active(tx)
        if registered is None:
            raise RequestError("expected a model in use, found none")
        found = drift_of(tx, registered, civil_day(centre.now_ms(), 0))
    result = {**encode(found), "alarm": found.alarm.value}
    show(result, "\n".join(told_drift(found)), as_json=as_json)
    if found.alarm is Alarm.ACT:
        sys.exit(EXIT_ALARM)


@model.command("own-loans")
@config_option
@click.option("--catalogue", type=_FILE, default=CATALOGUE, help="The shipped one by default.")
@click.option("--out", type=_FILE, required=True, help="Where the table goes (CSV), for train.")
@click.option("--simulated/--observed", required=True, help="Where the lines' ends come from.")
@json_option
@click.pass_context
def own_loans_command(
    context: click.Context,
    *,
    config: Path,
    catalogue: Path,
    out: Path,
    simulated: bool,
    as_json: bool,
) -> None:
    """Write the ended lines of farmers who consented to model_training, and of nobody else."""
    centre = centre_of(context, config)
    on = civil_day(centre.now_ms(), 0)
    found = own_loans(centre, read_catalogue(catalogue), on, OPERATOR, simulated=simulated)
    with whole(out) as unfinished:
        unfinished.write_bytes(found.data)
    result = {
        "file": str(out), "sha256": found.sha256, "rows": found.rows_count,
        "without_consent": found.without_count, "unreplayed": found.unreplayed_count,
    }  # fmt: skip
    words = (
        f"{out} holds {found.rows_count} ended lines; {found.without_count} more are of farmers "
        "who did not consent to it."
    )
    show(result, words, as_json=as_json)
