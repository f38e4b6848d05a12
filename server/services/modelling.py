"""Registering a compact model: signed by the centre, put to use, pushed to stations."""

from __future__ import annotations

import json
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
from server.store import models, people, registry
from server.store.models import ModelUse, RegisteredModel
from server.store.people import Actor


def register_model(centre: Centre, data: bytes, actor: Actor) -> RegisteredModel:
    """Register a model file, signed by this centre or not yet signed; the same again is known.

    Raises
    ------
    HarvestlineError
        If it is malformed, signed by another key, or older than the one in use.
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


def register_candidate(centre: Centre, model: Model, document: bytes, actor: Actor) -> None:
    """Keep a model that some stations try out, so that their cards replay; it decides nothing.

    Raises
    ------
    ModelRefusedError
        If it is older than the one in use, or its version exists with other content.
    """

    def act(work: Work) -> None:
        current = models.active(work.tx)
        known = (current.version, current.sha256) if current else (0, "")
        if admit(model, sha256_hex(document), *known):
            models.put_candidate(work.tx, _registered(work, model, document, actor))

    centre.write(act)


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
    current = models.active(work.tx)
    known = (current.version, current.sha256) if current else (0, "")
    if not admit(model, digest, *known):
        return models.get(work.tx, digest)
    registered = _registered(work, model, document, actor)
    models.put_active(work.tx, registered)
    for station in registry.all_stations(work.tx):
        send_once(work, station.name, Down.MODEL, parse_canonical(document, MODEL_BYTES_MAX))
    people.record(work.tx, work.at_ms, actor, "model_registered", ("model", digest))
    return registered


def _registered(work: Work, model: Model, document: bytes, actor: Actor) -> RegisteredModel:
    return RegisteredModel(
        sha256=sha256_hex(document),
        name=model.name,
        version=model.version,
        state=ModelUse.ACTIVE.value,
        registered_at_ms=work.at_ms,
        registered_by=actor.name,
        document=document,
    )
