"""Registering a compact model, taking it through its life, and putting it in force.

A model file becomes a candidate, signed by the centre and known to nobody else. Every
later step goes through :func:`take`, which holds it against the open table of
:mod:`server.services.model_steps`; the database holds two persons against it once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.canonical import parse_canonical, sha256_hex
from core.errors import CanonicalError
from core.shape import decode, encode
from core.signing import open_document, sign_document
from core.wire.modelfile import MODEL, MODEL_BYTES_MAX, Model, admit
from core.wire.records import Down
from server.keys import KeyRing
from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send_once
from server.services.model_steps import (
    LIFE,
    RELEASED,
    Event,
    ModelLifeError,
    Party,
    Stand,
    Why,
    party_of,
)
from server.store import model_life, models, people, registry
from server.store.model_life import TakenStep
from server.store.models import ModelUse, RegisteredModel
from server.store.people import Actor


def register_model(centre: Centre, data: bytes, actor: Actor) -> RegisteredModel:
    """Register a model file as a candidate; the same again is known, wherever it stands.

    Raises
    ------
    HarvestlineError
        If it is malformed, signed by another key, older than the one in use, or its version
        exists with other content.
    """
    model, document = read_model_file(centre, data)
    return centre.write(lambda work: _register(work, model, document, actor))


def read_model_file(centre: Centre, data: bytes) -> tuple[Model, bytes]:
    """A model file's model, and its document signed by this centre.

    Raises
    ------
    HarvestlineError
        If it is malformed, or signed by another key.
    """
    model = _read(centre, data)
    return model, sign_document(MODEL, encode(model), centre.keys)


def _read(centre: Centre, data: bytes) -> Model:
    if len(data) > MODEL_BYTES_MAX:
        raise RequestError(f"expected a model of at most {MODEL_BYTES_MAX} bytes, got {len(data)}")
    try:
        found: Any = json.loads(data)
    except ValueError as error:
        raise CanonicalError(f"expected a model in JSON: {error}") from error
    if isinstance(found, dict) and "sig" in found:
        ring = KeyRing((centre.keys.identity().public_key,))
        return decode(Model, open_document(data, MODEL, ring, MODEL_BYTES_MAX).body)
    return decode(Model, found)


def _register(work: Work, model: Model, document: bytes, actor: Actor) -> RegisteredModel:
    digest = sha256_hex(document)
    known = models.known(work.tx, digest)
    if known is not None:
        return known
    current = models.active(work.tx)
    admit(model, digest, *((current.version, current.sha256) if current else (0, "")))
    registered = RegisteredModel(
        sha256=digest,
        name=model.name,
        version=model.version,
        state=ModelUse.CANDIDATE.value,
        registered_at_ms=work.at_ms,
        registered_by=actor.name,
        document=document,
    )
    return put_candidate(work, registered, actor)


def put_candidate(work: Work, registered: RegisteredModel, actor: Actor) -> RegisteredModel:
    """Keep a model, or trees, that nobody knows yet, with the first step of its life."""
    models.put_candidate(work.tx, registered)
    take(work, registered.sha256, (Event.REGISTERED, Why.NEW_MODEL), actor)
    return registered


def take(
    work: Work,
    sha256: str,
    what: tuple[Event, Why],
    actor: Actor,
    detail: Mapping[str, Any] | None = None,
) -> TakenStep:
    """Take a model one step further, and write it into the trail.

    Raises
    ------
    ModelLifeError
        If its life does not permit it, or one person would register or propose, and approve.
    """
    event, why = what
    model_life.lock(work.tx)
    steps = model_life.steps_of(work.tx, sha256)
    stand = Stand(steps[-1].state) if steps else None
    permitted = LIFE.step(stand, event, _party(work, actor), why)
    if event is Event.APPROVED:
        _require_another(steps, actor)
    taken = TakenStep(
        serial=model_life.last_serial(work.tx) + 1,
        sha256=sha256,
        previous=steps[-1].serial if steps else 0,
        event=event.value,
        state=permitted.after.value,
        at_ms=work.at_ms,
        actor=actor.name,
        role=actor.role,
        reason=why.value,
        detail=dict(detail or {}),
    )
    model_life.add(work.tx, taken)
    people.record(work.tx, work.at_ms, actor, f"model_{event.value}", ("model", sha256))
    return taken


def _party(work: Work, actor: Actor) -> Party:
    return Party.RULE if actor == work.myself else party_of(actor.role)


def _require_another(steps: tuple[TakenStep, ...], actor: Actor) -> None:
    makers = {each.actor for each in steps if each.event in _MAKING}
    if people.is_one_of(actor.name, makers):
        raise ModelLifeError(
            f"expected another person than {', '.join(sorted(makers))}, who brought or proposed "
            f"this model, got {actor.name}"
        )


_MAKING = (Event.REGISTERED.value, Event.PROPOSED.value)


def stand_of(work: Work, sha256: str) -> Stand:
    """Where a registered model stands.

    Raises
    ------
    NotKnownError
        If it is not registered.
    """
    models.get(work.tx, sha256)
    last = model_life.last(work.tx, sha256)
    if last is None:
        raise AssertionError(f"model {sha256} was registered without a step")
    return Stand(last.state)


def require_released(work: Work, sha256: str) -> RegisteredModel:
    """The model, if two persons approved it and it has not retired.

    Raises
    ------
    ModelLifeError
        If not: nothing of it may leave the centre.
    """
    stand = stand_of(work, sha256)
    if stand not in RELEASED:
        raise ModelLifeError(
            f"expected a model that two persons approved, got one that is {stand.value}: "
            "model propose, then model approve by another officer"
        )
    return models.get(work.tx, sha256)


def put_in_force(work: Work, registered: RegisteredModel) -> None:
    """Make a model what the centre itself decides by, and send it to every station.

    The database refuses one that was not approved.
    """
    models.put_active(work.tx, registered.sha256)
    document = parse_canonical(registered.document, MODEL_BYTES_MAX)
    for station in registry.all_stations(work.tx):
        send_once(work, station.name, Down.MODEL, document)
