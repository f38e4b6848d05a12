"""A model's way to the stations and back: every step an officer's, but for the halt.

Canary stations by name, then a share of all, then all. The share follows from the hash of
the roll-out's id and the station's name, so that a larger one keeps everybody who was in.
What a station is told follows from the steps (:mod:`server.services.model_orders`); where
the centre publishes signed updates they are brought to say the same, after the steps are
committed, and again by the next act if that was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.units import PPM
from core.wire.update import Rollout
from server.services.centre import Centre, Work
from server.services.downlink import tell_model
from server.services.model_life.repository import bring_repository
from server.services.model_orders import RollOut, due, roll_outs
from server.services.model_steps import Event, ModelLifeError, Stand, Why
from server.services.modelling import put_in_force, require_released, stand_of, take
from server.store import model_life, models, registry
from server.store.models import RegisteredModel
from server.store.people import Actor


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a roll-out is to go, and between which shares of refusals it is sound [ppm].

    None leaves the share as it is, and the bounds as they are: any share, until they are named.
    """

    stations: tuple[str, ...] = ()
    share_ppm: int | None = None
    refused_ppm: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        low_ppm, high_ppm = self.refused_ppm or (0, PPM)
        if not 0 <= low_ppm < high_ppm <= PPM:
            raise ModelLifeError(
                f"expected refusals between 0 and {PPM} ppm, the lower bound first, got "
                f"{low_ppm} and {high_ppm}"
            )


def propose(centre: Centre, sha256: str, actor: Actor, words: str = "") -> None:
    """Propose a model that was compared; a candidate challenges at once."""

    def act(work: Work) -> None:
        if stand_of(work, sha256) is Stand.CANDIDATE:
            take(work, sha256, (Event.CHALLENGED, Why.TO_COMPARE), actor)
        if models.get(work.tx, sha256).kind != models.POINTS:
            raise ModelLifeError("expected a points table, got trees: they stay at the centre")
        take(work, sha256, (Event.PROPOSED, Why.COMPARED), actor, _words(words))

    centre.write(act)


def step(
    centre: Centre, sha256: str, what: tuple[Event, Why], actor: Actor, words: str = ""
) -> Stand:
    """Take a step that reaches no station, as to challenge, approve, refuse or withdraw."""

    def act(work: Work) -> Stand:
        models.get(work.tx, sha256)
        return Stand(take(work, sha256, what, actor, _words(words)).state)

    return centre.write(act)


def stage(centre: Centre, sha256: str, to: Stage, actor: Actor) -> tuple[str, ...]:
    """Let named stations, or a larger share of all, decide by an approved model.

    Returns
    -------
    tuple of str
        The stations that were told now.

    Raises
    ------
    ModelLifeError
        If it is not approved, is halted, another one is on its way, or the share would shrink.
    """

    def act(work: Work) -> tuple[str, ...]:
        model = require_released(work, sha256)
        running = _running(work, model)
        before = running.rollout if running is not None else Rollout()
        bounds = to.refused_ppm or (running.refused_ppm if running is not None else (0, PPM))
        share_ppm = before.share_ppm if to.share_ppm is None else to.share_ppm
        _require_growth(work, model, before, to.stations, share_ppm)
        stations = tuple(dict.fromkeys((*before.stations, *to.stations)))
        detail = {"stations": stations, "share_ppm": share_ppm, "refused_ppm": bounds}
        take(work, sha256, (Event.STAGED, Why.GROWING), actor, detail)
        return tell_stations(work)

    told = centre.write(act)
    bring_repository(centre, actor)
    return told


def _running(work: Work, model: RegisteredModel) -> RollOut | None:
    """A model's roll-out, if it has begun; no other one may be on its way."""
    for one in roll_outs(work.tx):
        if one.model.sha256 == model.sha256:
            return one
        raise ModelLifeError(
            f"expected one roll-out at a time, {one.model.name} version {one.model.version} is on "
            "its way: promote it or roll it back"
        )
    return None


def _require_growth(
    work: Work,
    model: RegisteredModel,
    before: Rollout,
    stations: Sequence[str],
    share_ppm: int,
) -> None:
    strangers = sorted(s for s in stations if registry.find_station(work.tx, s) is None)
    if strangers:
        raise ModelLifeError(f"expected enrolled stations, got {', '.join(strangers)}")
    if share_ppm < before.share_ppm:
        raise ModelLifeError(
            f"expected at least {before.share_ppm} ppm of the stations, got {share_ppm}: a "
            "roll-out only grows; roll it back to take it back"
        )
    if not stations and not before.stations and not before.share_ppm:
        raise ModelLifeError("expected canary stations by name first, got none")
    current = models.active(work.tx)
    if current is None:
        raise ModelLifeError("expected a model in force to go back to: promote the first one")
    if model.version <= current.version:
        raise ModelLifeError(
            f"expected a version above {current.version} in force, got {model.version}"
        )


def tell_stations(work: Work, *, always: bool = False) -> tuple[str, ...]:
    """Tell every station that is due another model than it was told; which they were."""
    names, now = [station.name for station in registry.all_stations(work.tx)], due(work.tx)
    return tuple(name for name in names if tell_model(work, name, now, always=always))


def promote(centre: Centre, sha256: str, actor: Actor) -> tuple[str, ...]:
    """Put a model in force everywhere; the one before retires. The stations told now.

    The first model of a centre needs no canaries, for there is nothing to compare with.

    Raises
    ------
    ModelLifeError
        If it was not approved, or a model is in force and this one was tried at no station.
    """

    def act(work: Work) -> tuple[str, ...]:
        model, current = require_released(work, sha256), models.active(work.tx)
        if current is not None and stand_of(work, sha256) is Stand.APPROVED:
            raise ModelLifeError(
                f"version {current.version} is in force: expected model stage at some stations "
                "first"
            )
        take(work, sha256, (Event.PROMOTED, Why.ALL_STATIONS), actor)
        if current is not None:
            take(
                work, current.sha256, (Event.REPLACED, Why.NEWER_MODEL), work.myself, {"by": sha256}
            )
        put_in_force(work, model)
        return tell_stations(work)

    told = centre.write(act)
    bring_repository(centre, actor)
    return told


def halt(centre: Centre, sha256: str, actor: Actor, words: str = "") -> None:
    """Take no further station; those that decide by it go on."""
    step(centre, sha256, (Event.HALTED, Why.OFFICER), actor, words)
    bring_repository(centre, actor)


def resume(centre: Centre, sha256: str, actor: Actor, words: str = "") -> tuple[str, ...]:
    """Go on with a roll-out that was halted; the stations that were told now."""

    def act(work: Work) -> tuple[str, ...]:
        take(work, sha256, (Event.RESUMED, Why.LOOKED_INTO), actor, _words(words))
        return tell_stations(work)

    told = centre.write(act)
    bring_repository(centre, actor)
    return told


def roll_back(centre: Centre, sha256: str, actor: Actor, words: str = "") -> RegisteredModel:
    """Take a model back wherever it decides; what decides instead.

    Raises
    ------
    ModelLifeError
        If it decides nowhere, or none was in force before.
    """

    def act(work: Work) -> RegisteredModel:
        was = stand_of(work, sha256)
        take(work, sha256, (Event.ROLLED_BACK, Why.OFFICER), actor, _words(words))
        if was is Stand.CHAMPION:
            former = _champion_before(work, sha256)
            take(work, former.sha256, (Event.RESTORED, Why.CHAMPION_BEFORE), work.myself)
            put_in_force(work, former)
        tell_stations(work, always=was is Stand.CHAMPION)
        current = models.active(work.tx)
        if current is None:
            raise AssertionError("a roll-out began without a model in force")
        return current

    instead = centre.write(act)
    bring_repository(centre, actor)
    return instead


def _champion_before(work: Work, sha256: str) -> RegisteredModel:
    """The model that gave way to this one.

    Raises
    ------
    ModelLifeError
        If none did, or it was taken back itself.
    """
    for last in model_life.last_of_all(work.tx).values():
        if last.event == Event.REPLACED.value and last.detail.get("by") == sha256:
            return models.get(work.tx, last.sha256)
    raise ModelLifeError(
        "expected a model that was in force before, got none: bring a higher version instead"
    )


def halt_by_rule(work: Work, one: RollOut, why: Why, detail: Mapping[str, Any]) -> None:
    """Stop a roll-out because counts say so."""
    take(work, one.model.sha256, (Event.HALTED, why), work.myself, detail)


def _words(words: str) -> dict[str, str]:
    return {"words": words[:400]} if words else {}
