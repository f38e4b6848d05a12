"""What an officer may do with each model now, as the open table of a model's life has it."""

from __future__ import annotations

from dataclasses import dataclass

from server.console.words import code, message, say
from server.services.model_life.comparison import Comparison, Share, Swap
from server.services.model_life.standing import ModelLife, life_of_models
from server.services.model_life.telling import index, percent
from server.services.model_steps import STEPS, Event, ModelStep, Party, Stand
from server.store import models, registry
from server.store.engine import Tx
from server.store.people import Actor, is_one_of

WORDS = {
    Event.CHALLENGED: message("Let it challenge"),
    Event.PROPOSED: message("Propose it"),
    Event.APPROVED: message("Approve"),
    Event.REFUSED: message("Refuse"),
    Event.STAGED: message("Let these decide by it"),
    Event.PROMOTED: message("Put it in force everywhere"),
    Event.HALTED: message("Halt the roll-out"),
    Event.RESUMED: message("Go on with the roll-out"),
    Event.ROLLED_BACK: message("Roll it back"),
    Event.WITHDRAWN: message("Withdraw it"),
}
STOPS = frozenset({Event.REFUSED, Event.HALTED, Event.ROLLED_BACK, Event.WITHDRAWN})
MAKING = (Event.REGISTERED.value, Event.PROPOSED.value)
COMPARED = frozenset(
    {Stand.CHALLENGER, Stand.PROPOSED, Stand.APPROVED, Stand.ROLLING, Stand.HALTED}
)


@dataclass(frozen=True, slots=True)
class ModelActs:
    """What may be done with a model; ``seen`` is its newest step, by which an act is held."""

    life: ModelLife
    events: tuple[Event, ...]
    seen: int
    barred: bool
    compares: bool

    @property
    def stages(self) -> bool:
        """Whether it may go to stations, or to more of them."""
        return Event.STAGED in self.events


@dataclass(frozen=True, slots=True)
class ActsShown:
    """Every model with which something may be done, and the stations that it may go to."""

    rows: tuple[ModelActs, ...]
    stations: tuple[str, ...]


def read_acts(tx: Tx, by: Actor) -> ActsShown:
    """What somebody may do; nothing for whoever only looks."""
    first, lives = models.active(tx) is None, life_of_models(tx)
    gave_way = {
        str(step.detail.get("by"))
        for life in lives
        for step in life.steps[-1:]
        if step.event == Event.REPLACED.value
    }
    found = (_of(life, by, first=first, alone=life.model.sha256 not in gave_way) for life in lives)
    stations = tuple(station.name for station in registry.all_stations(tx))
    return ActsShown(tuple(one for one in found if one.events or one.compares), stations)


def _of(life: ModelLife, by: Actor, *, first: bool, alone: bool) -> ModelActs:
    """``alone``: no model gave way to it, so that nothing would decide in its place."""
    makers = {step.actor for step in life.steps if step.event in MAKING}
    barred = life.stand == Stand.PROPOSED.value and is_one_of(by.name, makers)
    mine = [step.event for step in STEPS if _may(step, life, by, first=first)]
    if alone and life.stand == Stand.CHAMPION.value:
        mine = [event for event in mine if event is not Event.ROLLED_BACK]
    return ModelActs(
        life=life,
        events=tuple(dict.fromkeys(e for e in mine if not (barred and e is Event.APPROVED))),
        seen=life.steps[-1].serial if life.steps else 0,
        barred=barred and by.role == Party.SUPERVISOR.value,
        compares=life.stand in {each.value for each in COMPARED} and not first,
    )


def _may(step: ModelStep, life: ModelLife, by: Actor, *, first: bool) -> bool:
    """The first model of a centre needs no canaries; boosted trees never leave the centre."""
    if step.state is None or step.state.value != life.stand or step.event not in WORDS:
        return False
    if step.event is Event.PROPOSED and life.model.kind != models.POINTS:
        return False
    if step.state is Stand.APPROVED and step.event in (Event.STAGED, Event.PROMOTED):
        return by.role == Party.SUPERVISOR.value and (step.event is Event.PROMOTED) == first
    return by.role in {party.value for party in step.parties}


def comparison_rows(found: Comparison) -> tuple[tuple[str, str], ...]:
    """A comparison as names and what stands beside them."""
    alarm = f"{index(found.psi_ppm)} ({code(found.alarm.value)})"
    rows = [
        (say("Cards that both scored"), f"{found.cards_count}"),
        (say("Both the same"), _share(found.agree)),
        (say("It alone approves"), _swap(found.swapped_in)),
        (say("The one in use alone approves"), _swap(found.swapped_out)),
        (say("How far their promises part"), alarm),
    ]
    if found.ranked is None:
        return (*rows, (say("Who ranks better"), say("too few ends are known to say")))
    ranked = found.ranked
    told = (
        (say("It ranks ends (AUC; 0.5 is chance)"), ranked.challenger_auc_ppm, ranked.challenger),
        (say("The model in use ranks them"), ranked.champion_auc_ppm, ranked.champion),
    )
    rows += [(name, f"{index(v)} ({index(i.low_ppm)}–{index(i.high_ppm)})") for name, v, i in told]
    gain = f"{index(ranked.gain.low_ppm)} – {index(ranked.gain.high_ppm)}"
    return (*rows, (say("The difference, with 95 in 100"), gain))


def _share(found: Share) -> str:
    low, high = percent(found.low_ppm), percent(found.high_ppm)
    return say("{count} of {all} ({low} to {high})", count=found.count, all=found.of,
               low=low, high=high)  # fmt: skip


def _swap(found: Swap) -> str:
    told = _share(found.cards)
    if not found.known_count:
        return told
    ended = say("{lost} of {ended} that ended were lost", lost=found.lost_count,
                ended=found.known_count)  # fmt: skip
    return f"{told}; {ended}"
