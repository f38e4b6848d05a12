"""The models: which one decides, who challenges it, how far a roll-out has come, drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from core.scoring.drift import Alarm
from core.units import PPM, civil_day
from core.wire.modelfile import ModelState, state
from server.console.figures.bars import Bar, BarRow, bars_picture
from server.console.words import message, say
from server.services.cards import read_model
from server.services.model_life.comparison import APPROVE
from server.services.model_life.drift import Drift, Part, watched_drifts
from server.services.model_life.standing import ModelLife, life_of_models
from server.services.model_life.telling import index, percent
from server.services.model_orders import RollOut, last_order, roll_outs
from server.store import models, registry, shadow_scores, versions
from server.store.engine import Tx

PARTS_SHOWN_MAX = 12
CARDS_SHOWN_MAX = 20_000  # the newest of a challenger; model compare reads all
TOO_FEW = message("Too few counted")
_STANDS = {
    "candidate": "held",
    "challenger": "opened",
    "proposed": "warning",
    "approved": "good",
    "rolling": "opened",
    "halted": "bad",
    "champion": "good",
    "retired": "held",
}
_ALARMS = {Alarm.NONE: "good", Alarm.WATCH: "warning", Alarm.ACT: "bad"}
_FILLS = {Alarm.NONE: "meter-fill", Alarm.WATCH: "meter-bind", Alarm.ACT: "points-lost"}
_MOVED = (
    ("meter-fill", message("as it was")),
    ("meter-bind", message("from .10: watch")),
    ("points-lost", message("from .25: act")),
)
_PARTED = (
    ("ifrs-rest", message("both say the same")),
    ("meter-fill", message("challenger alone approves")),
    ("points-lost", message("model in use alone approves")),
    ("meter-bind", message("they part otherwise")),
)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model: where it stands, who brought and who approved it, until when, what it scored."""

    life: ModelLife
    mark: str
    approved_by: str
    until: str
    is_stale: bool
    cards_count: int


@dataclass(frozen=True, slots=True)
class StationModel:
    """Which model a station was told to decide by, and which it runs.

    ``says`` is its own word, which only a station with published updates gives; ``decided`` is
    the version of its newest card, and ``decided_at_ms`` the time on it [ms UTC].
    """

    station: str
    told: str
    says: str
    decided: str
    decided_at_ms: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """All of the page; ``drift_alarm`` is the mark of the worst alarm."""

    champion: ModelRow | None
    rows: tuple[ModelRow, ...]
    on_the_way: RollOut | None
    stations: tuple[StationModel, ...]
    drifts: tuple[Drift, ...]
    drift_alarm: str
    drift_told: bool
    drift_words: str
    moved: Markup
    parted: Markup
    parted_rows: tuple[tuple[str, tuple[int, ...]], ...]


def read_models(tx: Tx, at_ms: int) -> ModelsPage:
    """The page as it stands at an instant [ms UTC]."""
    today = civil_day(at_ms, 0)
    lives, on_the_way = life_of_models(tx), next(iter(roll_outs(tx)), None)
    scored = shadow_scores.counts(tx)
    rows = tuple(_row(life, scored.get(life.model.sha256, 0), at_ms) for life in lives)
    drifts, parted = watched_drifts(tx, today), tuple(_parted(tx, lives))
    worst = max((found.alarm for found in drifts), key=list(Alarm).index, default=Alarm.NONE)
    told = any(part.told for found in drifts for part in found.parts)
    return ModelsPage(
        champion=next((row for row in rows if row.life.stand == "champion"), None),
        rows=rows,
        on_the_way=on_the_way,
        stations=_stations(tx, on_the_way),
        drifts=drifts,
        drift_alarm=_ALARMS[worst],
        drift_told=told,
        drift_words=_words(worst, told=told),
        moved=_moved(drifts),
        parted=_parted_picture(parted),
        parted_rows=parted,
    )


def _words(worst: Alarm, *, told: bool) -> str:
    if not told:
        return TOO_FEW
    return {Alarm.NONE: message("None"), Alarm.WATCH: message("Watch"), Alarm.ACT: message("Act")}[
        worst
    ]


def _row(life: ModelLife, cards_count: int, at_ms: int) -> ModelRow:
    approved = [step.actor for step in life.steps if step.event == "approved"]
    until, stale = "", False
    if life.model.kind == models.POINTS:
        model = read_model(life.model.document)
        until = civil_day(model.valid_to_ms, 0).isoformat()
        stale = state(model, at_ms) is ModelState.STALE
    by = approved[-1] if approved else ""
    return ModelRow(life, _STANDS.get(life.stand, "held"), by, until, stale, cards_count)


def _stations(tx: Tx, on_the_way: RollOut | None) -> tuple[StationModel, ...]:
    named = {one.sha256: f"{one.version}" for one in models.every(tx)}
    said = {one.station: one.in_use_version for one in versions.every(tx) if one.slot == "model"}
    current, newest = models.active(tx), models.deciding(tx)
    rows = []
    for station in registry.all_stations(tx):
        decided, decided_at_ms = newest.get(station.name, ("", 0))
        told = last_order(tx, station.name) or (current.sha256 if current is not None else "")
        version = said.get(station.name)
        rows.append(
            StationModel(
                station=station.name,
                told=named.get(told, ""),
                says=f"{version}" if version else "",
                decided=named.get(decided, ""),
                decided_at_ms=decided_at_ms,
                is_new=on_the_way is not None and told == on_the_way.model.sha256,
            )
        )
    return tuple(rows)


def _moved(drifts: tuple[Drift, ...]) -> Markup:
    """How far the score and each feature moved, the furthest first."""
    parts = [(found.version, part) for found in drifts for part in found.parts if part.told]
    parts.sort(key=lambda one: -one[1].psi_ppm)
    rows = [_part_row(version, part) for version, part in parts[:PARTS_SHOWN_MAX]]
    return bars_picture(
        rows, _said(_MOVED), say("How far decisions moved from what the model learnt from")
    )


def _part_row(version: int, part: Part) -> BarRow:
    bar = Bar(((_FILLS[part.alarm], max(1, part.psi_ppm)),), index(part.psi_ppm))
    return BarRow(
        say("{part}, version {version}", part=part.name.replace("_", " "), version=version), (bar,)
    )


def _parted(tx: Tx, lives: tuple[ModelLife, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """How often each challenger says the same as the model in use, card by card."""
    current = models.active(tx)
    for life in lives:
        scores = life.stand not in ("candidate", "retired", "champion")
        if current is None or not scores:
            continue
        counts = Counter[str]()
        both = (current.sha256, life.model.sha256)
        for verdicts, cards in shadow_scores.verdicts_beside(tx, *both, CARDS_SHOWN_MAX).items():
            counts[_side(*verdicts)] += cards
        if counts:
            name = f"{life.model.name} {life.model.version}"
            yield name, tuple(counts[css] for css, _ in _PARTED)


def _parted_picture(parted: Sequence[tuple[str, tuple[int, ...]]]) -> Markup:
    rows = []
    for name, counts in parted:
        parts = tuple((css, n) for (css, _), n in zip(_PARTED, counts, strict=True) if n)
        words = say(
            "{share} of {count}", share=percent(counts[0] * PPM // sum(counts)), count=sum(counts)
        )
        rows.append(BarRow(name, (Bar(parts, words),)))
    return bars_picture(rows, _said(_PARTED), say("Where challengers part from the model in use"))


def _side(champion: str, challenger: str) -> str:
    if champion == challenger:
        return "ifrs-rest"
    if challenger == APPROVE:
        return "meter-fill"
    return "points-lost" if champion == APPROVE else "meter-bind"


def _said(legend: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((css, say(words)) for css, words in legend)
