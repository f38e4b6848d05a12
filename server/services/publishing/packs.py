"""What a target holds: made from the operator's file, and held against itself first.

A station checks the same again; what would fail there is refused here.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.canonical import canonical_bytes, parse_canonical
from core.errors import ProductError, ShapeError
from core.lending.product import Product
from core.lending.product import read_product as checked_product
from core.shape import decode, encode
from core.wire.modelfile import MODEL_BYTES_MAX, Model
from core.wire.update import (
    BASEMAP_BYTES_MAX,
    PACK_BYTES_MAX,
    ModelPack,
    ProductPack,
    PromptsPack,
    Rollout,
    Slot,
    TargetNote,
    UpdateKind,
    golden_vectors,
)
from server.services.centre import RequestError
from server.services.maps import open_map
from server.services.offering import require_openable

_NOBODY = Rollout()


@dataclass(frozen=True, slots=True)
class Pack:
    """A target that is ready: its note, and its bytes or the file that holds them."""

    note: TargetNote
    data: bytes
    file: Path | None = None


def model_pack(model: Model, document: bytes) -> Pack:
    """A signed model with vectors that every runtime must reproduce."""
    pack = ModelPack(parse_canonical(document, MODEL_BYTES_MAX), golden_vectors(model))
    return _packed(UpdateKind.MODEL.value, model.version, pack)


def read_product(data: bytes) -> Product:
    """A product's TOML file.

    Raises
    ------
    ProductError
        If it is not TOML, contradicts itself, or no line of it can be opened today.
    """
    try:
        found = checked_product(tomllib.loads(data.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProductError(f"expected a product in TOML: {error}") from error
    require_openable(found)
    return found


def product_pack(product: Product) -> Pack:
    """A product with the policy version that it must come to."""
    pack = ProductPack(encode(product), product.policy_version())
    return _packed(f"{UpdateKind.PRODUCT.value}/{product.product_id}", product.version, pack)


def prompts_pack(data: bytes, version: int) -> Pack:
    """A language's sentences from ``{"language", "name", "messages": [{"id", "text"}]}``.

    Raises
    ------
    ShapeError
        If it is not that.
    """
    try:
        found = decode(PromptsPack, json.loads(data))
    except ValueError as error:
        raise ShapeError(f"expected prompts in JSON: {error}") from error
    return _packed(f"{UpdateKind.PROMPTS.value}/{found.language}", version, found)


def basemap_pack(file: Path, version: int) -> Pack:
    """A map of the village, with its bounds in the note.

    Raises
    ------
    RequestError
        If the file cannot be read or is too large.
    ShapeError
        If it is no PMTiles that opens.
    """
    found, _ = open_map(file, BASEMAP_BYTES_MAX)
    note = TargetNote(UpdateKind.BASEMAP.value, version, _NOBODY, bounds_e7=found.bounds_e7)
    return Pack(note, b"", file)


def _packed(slot: str, version: int, pack: Any) -> Pack:
    data = canonical_bytes(encode(pack))
    if len(data) > PACK_BYTES_MAX:
        raise RequestError(f"expected a pack of at most {PACK_BYTES_MAX} bytes, got {len(data)}")
    return Pack(TargetNote(Slot(slot).text, version, _NOBODY), data)
