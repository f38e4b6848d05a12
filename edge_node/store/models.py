"""The compact models that were admitted, as their signed documents.

Every admitted model stays, so that decision cards replay. What scores is the version
that signed updates put to use, and until one has come so, the highest that the centre's
log brought (ADR 13), unless the centre's newest order names another: so a model is taken
back at a station that was dark for weeks. What is refused never reaches these rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from core.canonical import canonical_bytes, canonical_hash
from core.errors import HarvestlineError, ModelRefusedError
from core.shape import decode
from core.signing import SignedDocument, Verifier, open_document
from core.wire.modelfile import MODEL, MODEL_BYTES_MAX, Model, ModelOrder, admit
from edge_node.store import updates
from edge_node.store.database import StationDatabase

MODEL_SLOT = "model"


class NoModelError(HarvestlineError):
    """No model is here that could score, or not the one that a card names."""

    code = "HL-EDGE-007"


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model with the hash of its content, which cards cite."""

    model: Model
    sha256: str


def admit_model(db: StationDatabase, document: dict[str, Any], verifier: Verifier) -> bool:
    """Keep a signed model to decide by; False if it was admitted before.

    The hash that cards cite is that of the signed document's canonical bytes.

    Raises
    ------
    HarvestlineError
        If it is damaged, not signed by the centre, or older than the one in use.
    """
    signed, candidate = _opened(document, verifier)
    if find_model(db, signed.sha256) is not None:
        return False  # as one that comes back when a newer one was taken back
    row = db.execute("SELECT version, sha256 FROM models ORDER BY version DESC LIMIT 1").fetchone()
    version, sha256 = row or (0, "")
    if not admit(candidate, signed.sha256, version, sha256):
        return False
    _keep(db, signed.sha256, candidate, document)
    return True


def _opened(document: dict[str, Any], verifier: Verifier) -> tuple[SignedDocument, Model]:
    signed = open_document(canonical_bytes(document), MODEL, verifier, MODEL_BYTES_MAX)
    return signed, decode(Model, signed.body)


def _keep(db: StationDatabase, sha256: str, model: Model, document: dict[str, Any]) -> None:
    data = canonical_bytes(document).decode()
    db.execute(
        "INSERT INTO models (sha256, version, name, valid_to_ms, document) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (sha256) DO NOTHING",
        [sha256, model.version, model.name, model.valid_to_ms, data],
    )


def follow_order(db: StationDatabase, order: ModelOrder, verifier: Verifier, kept_ms: int) -> bool:
    """Decide by the model that an order of the centre names; False if it is known.

    The order's own signature and station were verified by the caller.

    Raises
    ------
    ModelRefusedError
        If a newer order is here already, or it carries another model than it names.
    HarvestlineError
        If the model that it carries is damaged or not signed by the centre.
    """
    newest = db.execute("SELECT serial, sha256 FROM model_orders ORDER BY serial DESC").fetchone()
    serial, sha256 = newest or (0, "")
    if (order.serial, order.sha256) == (serial, sha256):
        return False
    if order.serial <= serial:
        raise ModelRefusedError(f"order {order.serial} is older than {serial}, which is followed")
    signed, model = _opened(order.model, verifier)
    if signed.sha256 != order.sha256:
        raise ModelRefusedError(
            f"order {order.serial} names {order.sha256[:16]}…, it carries {signed.sha256[:16]}…"
        )
    _keep(db, signed.sha256, model, order.model)
    db.execute(
        "INSERT INTO model_orders (serial, sha256, kept_ms) VALUES (?, ?, ?)",
        [order.serial, order.sha256, kept_ms],
    )
    return True


def current_model(db: StationDatabase) -> KeptModel | None:
    """The model in use, if there is one."""
    updated = updates.in_use(db, MODEL_SLOT)
    if updated is not None:
        return model_by_hash(db, updated.cites)
    shunned = updates.shunned_cites(db, MODEL_SLOT)
    ordered = [row[0] for row in db.execute("SELECT sha256 FROM model_orders ORDER BY serial DESC")]
    newest = [row[0] for row in db.execute("SELECT sha256 FROM models ORDER BY version DESC")]
    gone = shunned | set(ordered[1:]) - set(ordered[:1])  # what an order replaced stays away
    found = next((each for each in (*ordered[:1], *newest) if each not in gone), None)
    return model_by_hash(db, found) if found is not None else None


def model_by_hash(db: StationDatabase, sha256: str) -> KeptModel:
    """The very model that a decision card cites.

    Raises
    ------
    NoModelError
        If it was never admitted here.
    """
    found = find_model(db, sha256)
    if found is None:
        raise NoModelError(f"expected model {sha256[:16]}… at the station, it was never here")
    return found


def find_model(db: StationDatabase, sha256: str) -> KeptModel | None:
    """The model of a hash, if it was ever admitted here."""
    row = db.execute("SELECT document, sha256 FROM models WHERE sha256 = ?", [sha256]).fetchone()
    return _kept(row) if row is not None else None


def document_sha256(document: dict[str, Any]) -> str:
    """The hash by which a signed model is cited."""
    return canonical_hash(document)


def _kept(row: tuple[str, str]) -> KeptModel:
    return KeptModel(decode(Model, json.loads(row[0])["body"]), row[1])
