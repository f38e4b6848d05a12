"""What a scene's bytes were: the mark that tells whether to look again, and the hash to cite.

A file on this machine is hashed whole. A file on the web is hashed whole too, and held
against the catalog's ``file:checksum``, if it is small; of a large one that would cost
more than all the pixels that are used. It is identified by what settles its content as
far as can be had in one request, and the statement says which:

- ``<64 digits>``: SHA-256 of all its bytes, computed here.
- ``declared:<multihash>``: the catalog's ``file:checksum``, not verified.
- ``head:<64 digits>;size=…;etag=…``: SHA-256 of its first ``CHUNK_BYTES``, where a COG
  keeps the offset and length of every block, with the server's size and strong ETag.

A scene's hash is over these statements by asset name, so none of it depends on which
plots were read, and a statement can be looked up again (``statements`` gives them).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core.canonical import canonical_hash
from satellite.scenes.faults import RasterError
from satellite.scenes.item import Asset, Item
from satellite.scenes.raster import file_sha256
from satellite.scenes.remote import CHUNK_BYTES, RemoteFile

WHOLE_BYTES_MAX = 4 << 20
# Multihash prefixes (code and length): sha1, sha2-256, sha2-512.
MULTIHASHES = {"1114": "sha1", "1220": "sha256", "1340": "sha512"}


class AssetNote(NamedTuple):
    """What one asset's bytes were: its name, its path or bare address, the statement."""

    name: str
    place: str
    statement: str


def fingerprint(item: Item, bands: Sequence[str]) -> str:
    """A cheap mark of an item and its files, which changes when they do.

    For files: size and time. For what is on the web: what the item states of itself,
    without a request an asset; a provider that changes pixels and nothing else is found
    only when the scene is read for a new plot.
    """
    places = (item.path, *(item.assets[band].path for band in bands))
    stats = (_stat_mark(place) for place in places if isinstance(place, Path))
    return "|".join([item.mark, *stats])


def statements(item: Item, bands: Sequence[str]) -> dict[str, str]:
    """What is known of each asset's bytes, by asset name.

    Raises
    ------
    RasterError
        If a file cannot be read, or its bytes are not those that the catalog states.
    WebError
        If an address does not answer.
    """
    return {item.assets[band].name: statement(item.assets[band]) for band in bands}


def notes(item: Item, bands: Sequence[str]) -> tuple[AssetNote, ...]:
    """The statements, each with its asset's name and address; see ``hash_of``.

    Raises
    ------
    RasterError, WebError
        As ``statements``.
    """
    places = {item.assets[band].name: str(item.assets[band].path) for band in bands}
    return tuple(AssetNote(n, places[n], said) for n, said in statements(item, bands).items())


def hash_of(found: Sequence[AssetNote]) -> str:
    """The scene's hash from the notes on its assets."""
    return canonical_hash({note.name: note.statement for note in found})


def content_hash(item: Item, bands: Sequence[str]) -> str:
    """The scene's hash: SHA-256 over the canonical statements of its assets.

    Raises
    ------
    RasterError, WebError
        As ``statements``.
    """
    return canonical_hash(statements(item, bands))


def statement(asset: Asset) -> str:
    """What is known of one asset's bytes.

    Raises
    ------
    RasterError
        If the file cannot be read, or is not what the catalog states.
    WebError
        If its address does not answer.
    """
    if isinstance(asset.path, Path):
        _require_checksum(asset, asset.path)
        return file_sha256(asset.path)
    with RemoteFile(asset.path) as remote:
        if remote.size_bytes <= WHOLE_BYTES_MAX:
            data = remote.read(0, remote.size_bytes)
            _compare(asset, data)
            return hashlib.sha256(data).hexdigest()
        if asset.checksum[:4] in MULTIHASHES:
            return f"declared:{asset.checksum}"
        head = hashlib.sha256(remote.read(0, CHUNK_BYTES)).hexdigest()
        version = remote.etag or remote.modified
        return f"head:{head};size={remote.size_bytes};etag={version}"


def _require_checksum(asset: Asset, path: Path) -> None:
    kind = MULTIHASHES.get(asset.checksum[:4])
    if kind is None:
        return
    digest = hashlib.new(kind, usedforsecurity=False)
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise RasterError(f"expected a readable file at {path}, got: {error}") from error
    _require_same(asset, digest.hexdigest())


def _compare(asset: Asset, data: bytes) -> None:
    kind = MULTIHASHES.get(asset.checksum[:4])
    if kind is not None:
        _require_same(asset, hashlib.new(kind, data, usedforsecurity=False).hexdigest())


def _require_same(asset: Asset, digest: str) -> None:
    if digest != asset.checksum[4:]:
        raise RasterError(
            f"expected bytes with file:checksum {asset.checksum} at {asset.path}, "
            f"got {asset.checksum[:4]}{digest}: fetch it again"
        )


def _stat_mark(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return "missing"  # the read that follows names what is missing
    return f"{stat.st_size}:{stat.st_mtime_ns}"
