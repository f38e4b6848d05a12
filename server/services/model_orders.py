"""By which model a station is to decide, and the signed order that tells it so.

What is due follows from the models' steps alone, so that asking twice gives the same: the
model that is being rolled out if it takes the station, else the one in force. A station
that was told of a halted model keeps it; no further one is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.canonical import canonical_hash, parse_canonical
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX, sign_document
from core.wire.modelfile import MODEL_BYTES_MAX, MODEL_ORDER, ModelOrder
from core.wire.records import Down
from core.wire.update import Rollout, Slot, UpdateKind
from server.services.centre import Work
from server.services.model_steps import OUT_THERE, RELEASED, Event, ModelLifeError, Stand
from server.store import logs, model_life, models
from server.store.engine import Tx
from server.store.model_life import TakenStep
from server.store.models import RegisteredModel

_SLOT = Slot(UpdateKind.MODEL.value)
_RELEASED = frozenset(each.value for each in RELEASED)
_OUT_THERE = frozenset(each.value for each in OUT_THERE)


@dataclass(frozen=True, slots=True)
class RollOut:
    """A model on its way: to whom, how far, and within which share of refusals [ppm]."""

    model: RegisteredModel
    step: TakenStep
    rollout: Rollout
    refused_ppm: tuple[int, int]

    @property
    def halted(self) -> bool:
        """Whether no further station is taken."""
        return self.step.state == Stand.HALTED.value

    def takes(self, station: str) -> bool:
        """Whether it is for a station; whoever is in stays in as it grows."""
        return self.rollout.takes(station, path_of(self.model))


def path_of(model: RegisteredModel) -> str:
    """The id of a model's roll-out: its path among the signed updates, one for each version."""
    return _SLOT.path(model.version)


def roll_outs(tx: Tx) -> tuple[RollOut, ...]:
    """The models that some stations decide by and not yet all, newest version first."""
    found = []
    for sha256, last in model_life.last_of_all(tx).items():
        if last.state not in _OUT_THERE:
            continue
        staged = [s for s in model_life.steps_of(tx, sha256) if s.event == Event.STAGED.value]
        told = staged[-1].detail
        rollout = Rollout(tuple(told["stations"]), int(told["share_ppm"]))
        low_ppm, high_ppm = told["refused_ppm"]
        found.append(RollOut(models.get(tx, sha256), last, rollout, (low_ppm, high_ppm)))
    return tuple(sorted(found, key=lambda one: -one.model.version))


@dataclass(frozen=True, slots=True)
class Due:
    """What any station is to decide by."""

    on_the_way: tuple[RollOut, ...]
    in_force: RegisteredModel | None

    def at(self, station: str, told: str) -> RegisteredModel | None:
        """The model for a station that was ``told`` one last, by its hash; empty if never."""
        for one in self.on_the_way:
            if one.takes(station) and (not one.halted or told == one.model.sha256):
                return one.model
        return self.in_force


def due(tx: Tx) -> Due:
    """What stations are to decide by now."""
    return Due(roll_outs(tx), models.active(tx))


def last_order(tx: Tx, station: str) -> str:
    """The hash of the model that a station was told last to decide by; empty if never."""
    body = logs.newest_sent(tx, station, Down.MODEL_ORDER.value)
    return str(body["body"]["sha256"]) if body is not None else ""


def order_for(work: Work, station: str, model: RegisteredModel) -> Any:
    """A signed order to decide by a model, numbered by the newest step of any model."""
    order = ModelOrder(
        serial=model_life.last_serial(work.tx),
        station=station,
        sha256=model.sha256,
        model=parse_canonical(model.document, MODEL_BYTES_MAX),
    )
    document = sign_document(MODEL_ORDER, encode(order), work.keys)
    return parse_canonical(document, DOCUMENT_BYTES_MAX)


def require_released(tx: Tx, kind: Down, body: Any) -> None:
    """Refuse to send down a model that two persons have not approved.

    Every record for a station passes here; there is no other door (:func:`downlink.send`).

    Raises
    ------
    ModelLifeError
        If it was not approved, or has retired.
    """
    if kind is Down.MODEL:
        sha256 = canonical_hash(body)
    elif kind is Down.MODEL_ORDER:
        order = decode(ModelOrder, body["body"])
        sha256 = canonical_hash(order.model)
        if sha256 != order.sha256:
            raise ModelLifeError(f"an order for {order.sha256[:16]}… carries {sha256[:16]}…")
    else:
        return
    last = model_life.last(tx, sha256)
    if last is None or last.state not in _RELEASED:
        stand = last.state if last is not None else "not known"
        raise ModelLifeError(
            f"model {sha256[:16]}… is {stand}: two persons approve a model before any station "
            "gets it"
        )
