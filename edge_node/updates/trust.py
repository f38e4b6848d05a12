"""From a pinned root to the targets that may be believed: The Update Framework's client.

The only door to ``tuf`` at the station. Its client follows root to root, then timestamp,
snapshot and targets, and keeps what it verified in a folder, so that nothing older is
taken later. What it refuses is told here by its cause, each with its own number. The
time is an argument; metadata that expired block updates and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api import exceptions as tuf
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from core.errors import HarvestlineError, ShapeError
from core.shape import decode
from core.wire.update import METADATA_FOLDER, NOTE_SCHEMA, TargetNote, require_path
from edge_node.updates.errors import (
    MetadataDamagedError,
    UpdateEndlessError,
    UpdateExpiredError,
    UpdateMisfitError,
    UpdateMixedError,
    UpdateRollbackError,
    UpdateSourceError,
    UpdateUnsignedError,
)
from edge_node.updates.source import Source, disk_error

ROOT_BYTES_MAX = 64 * 1024
TIMESTAMP_BYTES_MAX = 16 * 1024
SNAPSHOT_BYTES_MAX = 64 * 1024
TARGETS_BYTES_MAX = 1024 * 1024
ROOT_ROTATIONS_MAX = 64  # between two looks
ROLES: Mapping[str, type[Any]] = {
    "root": Root,
    "timestamp": Timestamp,
    "snapshot": Snapshot,
    "targets": Targets,
}
_NOT_FOUND = 404
_SHA256 = re.compile(r"[0-9a-f]{64}")  # it names files here
_MS_PER_S = 1_000


@dataclass(frozen=True, slots=True)
class Offer:
    """A target that the signed metadata offer, as this release reads its note."""

    note: TargetNote
    sha256: str
    size_bytes: int
    target: TargetFile

    @property
    def path(self) -> str:
        """Where its bytes lie at the source, with their hash in the name."""
        folder, _, name = self.note.path.rpartition("/")
        return f"targets/{folder}{'/' if folder else ''}{self.sha256}.{name}"


@dataclass(frozen=True, slots=True)
class Trusted:
    """What may be believed now: offers, versions of metadata, and the last day of all [ms UTC].

    ``misfits`` names targets whose notes this release does not know.
    """

    offers: tuple[Offer, ...]
    versions: Mapping[str, int]
    expires_ms: int
    misfits: tuple[str, ...]


def refresh(folder: Path, root: bytes, source: Source, at_ms: int) -> Trusted:
    """Follow the source's metadata to their newest, from what was trusted before.

    Parameters
    ----------
    folder
        Where what was verified is kept.
    root
        The root that this station was given when it was set up.
    at_ms
        The time by which metadata expire [ms UTC].

    Raises
    ------
    HarvestlineError
        One of :mod:`edge_node.updates.errors` if something is refused, or the source's own
        if it cannot be read.
    StoreError, DiskFullError
        If what was verified cannot be kept.
    """
    fetcher = _Fetcher(source)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        updater = Updater(
            str(folder), METADATA_FOLDER, fetcher=fetcher, config=_limits(), bootstrap=root
        )
        # The client reads the machine's clock; a station's time has its own rules.
        updater._trusted_set.reference_time = _instant(at_ms)
        updater.refresh()
    except (tuf.RepositoryError, tuf.DownloadError) as error:
        raise _translated(error, fetcher, folder) from error
    except OSError as error:
        raise disk_error(error) from error
    return _trusted(folder)


def _limits() -> UpdaterConfig:
    return UpdaterConfig(
        max_root_rotations=ROOT_ROTATIONS_MAX,
        root_max_length=ROOT_BYTES_MAX,
        timestamp_max_length=TIMESTAMP_BYTES_MAX,
        snapshot_max_length=SNAPSHOT_BYTES_MAX,
        targets_max_length=TARGETS_BYTES_MAX,
    )


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / _MS_PER_S, UTC)


class _Fetcher(FetcherInterface):
    """Hands metadata to the client, and remembers the last for the judge."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.path, self.data = "", b""

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.path, self.data = require_path(url), b""
        return self._remembering(url)

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """The bytes of a metadata file; see the base class."""
        self._most = max_length
        data: bytes = super().download_bytes(url, max_length)
        return data

    def _remembering(self, url: str) -> Iterator[bytes]:
        try:
            for piece in self._source.pieces(url, 0, self._most + 1):
                self.data += piece
                yield piece
        except FileNotFoundError as error:
            raise tuf.DownloadHTTPError(f"no {url}", _NOT_FOUND) from error


def _trusted(folder: Path) -> Trusted:
    signed = {role: _kept(folder, role) for role in ROLES}
    offers, misfits = [], []
    for path, target in signed["targets"].targets.items():
        try:
            offers.append(_offer(target))
        except UpdateMisfitError as error:
            misfits.append(f"{error.code}: {path[:80]}: {error}")
    expires = min(one.expires for one in signed.values())
    return Trusted(
        offers=tuple(sorted(offers, key=lambda one: (one.note.slot, one.note.version))),
        versions={role: one.version for role, one in signed.items()},
        expires_ms=int(expires.timestamp()) * _MS_PER_S,
        misfits=tuple(misfits),
    )


def _kept(folder: Path, role: str) -> Any:
    return Metadata.from_file(str(folder / f"{role}.json")).signed


def _offer(target: TargetFile) -> Offer:
    custom = target.custom if isinstance(target.custom, dict) else {}
    if custom.get("schema") != NOTE_SCHEMA:
        raise UpdateMisfitError(
            f"expected a note of schema {NOTE_SCHEMA}, got {custom.get('schema')!r}: "
            "a newer release of the station may know it"
        )
    try:
        note = decode(TargetNote, custom)
    except (ShapeError, ValueError) as error:
        raise UpdateMisfitError(f"expected a kind that this release knows: {error}") from error
    sha256 = target.hashes.get("sha256", "")
    if note.path != target.path or not _SHA256.fullmatch(sha256):
        raise UpdateMisfitError(f"expected a note for {target.path[:80]}, got one for {note.path}")
    if not 0 < target.length <= note.place.kind.bytes_max:
        raise UpdateMisfitError(
            f"expected 1 to {note.place.kind.bytes_max} bytes, got {target.length}"
        )
    return Offer(note, sha256, target.length, target)


def _translated(error: Exception, fetcher: _Fetcher, folder: Path) -> HarvestlineError:
    """The refusal by its cause; the message says which file."""
    name = fetcher.path or "the pinned root"
    if isinstance(error, tuf.ExpiredMetadataError):
        return UpdateExpiredError(
            f"{error}: what is in use goes on; bring newer metadata, or look at the clock"
        )
    if isinstance(error, tuf.DownloadLengthMismatchError):
        return UpdateEndlessError(f"{name}: {error}")
    if isinstance(error, tuf.DownloadError):
        return UpdateSourceError(f"expected {name} at the source: {error}")
    return _judged(error, fetcher, folder)


def _judged(error: Exception, fetcher: _Fetcher, folder: Path) -> HarvestlineError:
    """Altered, unsigned, older, or of another publication: by a second look at the bytes."""
    role = _role_of(fetcher.path)
    told = f"{fetcher.path or 'the pinned root'}: {error}"
    try:
        found = Metadata.from_bytes(fetcher.data)
        signers = _root_of(folder).roles[role]
    except (DeserializationError, KeyError, OSError):
        return MetadataDamagedError(f"{told}: it cannot be read")
    signed = _is_signed(folder, role, found)
    if not signed or isinstance(error, tuf.UnsignedMetadataError):
        named = sum(keyid in found.signatures for keyid in signers.keyids)
        if named >= signers.threshold and not signed:
            return MetadataDamagedError(f"{told}: signed once, and altered since")
        return UpdateUnsignedError(
            f"{told}: {named} of its signatures are by keys that the root trusts, "
            f"{signers.threshold} must be"
        )
    if role in ("root", "timestamp"):
        return UpdateRollbackError(told)
    if isinstance(error, tuf.BadVersionNumberError) and _is_lower(folder, role, found):
        return UpdateRollbackError(told)
    return UpdateMixedError(told)


def _is_lower(folder: Path, role: str, found: Metadata[Any]) -> bool:
    """Whether a snapshot names older targets than the one before, under a number of its own."""
    if role != "snapshot":
        return False
    timestamp = _kept(folder, "timestamp")
    return bool(found.signed.version == timestamp.snapshot_meta.version)


def _is_signed(folder: Path, role: str, found: Metadata[Any]) -> bool:
    try:
        _root_of(folder).verify_delegate(role, found.signed_bytes, found.signatures)
    except (tuf.UnsignedMetadataError, ValueError):
        return False
    return True


def _root_of(folder: Path) -> Root:
    root: Root = _kept(folder, "root")
    return root


def _role_of(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".json").rpartition(".")[2]
