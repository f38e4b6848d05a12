"""The repository's metadata: made, signed and published in the order that TUF demands.

The only door to ``tuf`` at the centre. The root's keys lie in files that are kept away
from the centre; the keys of targets, snapshot and timestamp lie beside it. Every
publication is a new version of targets and snapshot, and then of the timestamp, which
binds both by hash and length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from core.errors import ShapeError
from core.shape import decode, encode
from core.wire.update import TargetNote
from server.keys import read_update_seeds, update_key
from server.services.publishing.errors import RepositoryError
from server.services.publishing.files import TIMESTAMP, Folder

ONLINE_ROLES = ("timestamp", "snapshot", "targets")
TIMESTAMP_DAYS, SNAPSHOT_DAYS, TARGETS_DAYS, ROOT_DAYS = 120, 240, 400, 1_100
DARK_DAYS_MIN = 90  # a station may be dark so long, and a stick under way
ROOT_KEYS_MAX = 9
MS_PER_S = 1_000
_SERIALIZER = JSONSerializer(compact=True)


@dataclass(frozen=True, slots=True)
class Listed:
    """A target as the signed metadata list it."""

    note: TargetNote
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a repository stands: versions and last days of its metadata, and its targets."""

    versions: Mapping[str, int]
    expires: Mapping[str, str]
    root_keys_count: int
    root_threshold: int
    targets: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Publisher:
    """A repository, the file of its online keys, and the time [ms UTC]."""

    folder: Folder
    online_key_file: Path
    at_ms: int

    def create(
        self, root_seeds: Sequence[bytes], threshold: int, write_keys: Callable[[], None]
    ) -> None:
        """Sign the first root, and publish no targets.

        Parameters
        ----------
        write_keys
            Puts the root's and the online keys in their places, once all else is known good.

        Raises
        ------
        RepositoryError
            If there is a repository already, or the threshold cannot be met.
        """
        if self.folder.exists:
            raise RepositoryError(f"{self.folder.path} holds a repository: it is not overwritten")
        _require_threshold(len(root_seeds), threshold)
        write_keys()
        root = Root(version=1, expires=self._in_days(ROOT_DAYS), consistent_snapshot=True)
        self._key_root(root, root_seeds, threshold)
        self._write_root(root, root_seeds)
        self._publish({})

    def listed(self) -> tuple[Listed, ...]:
        """The targets of the newest publication, by slot and version."""
        found = [_listed(target) for target in self._targets().targets.values()]
        return tuple(sorted(found, key=lambda one: (one.note.slot, one.note.version)))

    def publish(self, targets: Sequence[Listed]) -> None:
        """Publish exactly these targets; their bytes must lie in the folder already."""
        self._publish({one.note.path: _target_file(one) for one in targets})

    def renew(self) -> None:
        """Publish the same again, with new last days."""
        self.publish(self.listed())

    def rotate_online(self, root_seeds: Sequence[bytes], write_keys: Callable[[], None]) -> None:
        """Sign a root that trusts new online keys, and publish with them.

        Parameters
        ----------
        root_seeds
            As many of the root's keys as its threshold demands.
        write_keys
            Puts the new keys where ``online_key_file`` says, once all else is known good.
        """
        listed, root = self.listed(), self._next_root(root_seeds)
        for role in ONLINE_ROLES:
            for keyid in list(root.roles[role].keyids):
                root.revoke_key(keyid, role)
        write_keys()
        for role in ONLINE_ROLES:
            root.add_key(self._online(role).public_key, role)
        self._write_root(root, root_seeds)
        self.publish(listed)

    def rotate_root(
        self,
        old_seeds: Sequence[bytes],
        new_seeds: Sequence[bytes],
        threshold: int,
        write_keys: Callable[[], None],
    ) -> None:
        """Sign a root with new root keys; both the old and the new ones must sign it.

        Without new seeds the same keys go on until a later day. ``write_keys`` puts the new
        ones where they are carried away from, once all else is known good.
        """
        root = self._next_root(old_seeds)
        if new_seeds:
            _require_threshold(len(new_seeds), threshold)
            write_keys()
            for keyid in list(root.roles[Root.type].keyids):
                root.revoke_key(keyid, Root.type)
            self._key_root(root, new_seeds, threshold)
        self._write_root(root, [*old_seeds, *new_seeds])
        self.renew()

    def standing(self) -> Standing:
        """Versions, last days and targets."""
        root, targets = self._root(), self._targets()
        snapshot = self._load(Snapshot, f"{self.folder.newest('snapshot')}.snapshot.json")
        timestamp = self._load(Timestamp, TIMESTAMP)
        signed = {"root": root, "targets": targets, "snapshot": snapshot, "timestamp": timestamp}
        return Standing(
            versions={role: one.version for role, one in signed.items()},
            expires={role: one.expires.date().isoformat() for role, one in signed.items()},
            root_keys_count=len(root.roles[Root.type].keyids),
            root_threshold=root.roles[Root.type].threshold,
            targets=self.listed(),
        )

    def _publish(self, targets: dict[str, TargetFile]) -> None:
        """Targets, then snapshot, then timestamp; a reader between them meets the old ones."""
        version = self.folder.newest("targets") + 1
        body = Targets(version=version, expires=self._in_days(TARGETS_DAYS), targets=targets)
        data = self._signed(body, "targets")
        self.folder.write(f"{version}.targets.json", data)
        meta = {"targets.json": MetaFile.from_data(version, data, ["sha256"])}
        number = self.folder.newest("snapshot") + 1
        snapshot = Snapshot(version=number, expires=self._in_days(SNAPSHOT_DAYS), meta=meta)
        data = self._signed(snapshot, "snapshot")
        self.folder.write(f"{number}.snapshot.json", data)
        timestamp = Timestamp(
            version=self._timestamp_version() + 1,
            expires=self._in_days(TIMESTAMP_DAYS),
            snapshot_meta=MetaFile.from_data(number, data, ["sha256"]),
        )
        self.folder.write(TIMESTAMP, self._signed(timestamp, "timestamp"))
        for role in ("targets", "snapshot"):
            self.folder.forget_old(role)
        self.folder.forget_targets(self._needed())

    def _needed(self) -> set[Path]:
        """The files that some targets metadata name which a station may be in the middle of."""
        return {
            self.folder.path_of(path, target.hashes["sha256"])
            for name in self.folder.versions("targets")
            for path, target in self._load(Targets, name).targets.items()
        }

    def _timestamp_version(self) -> int:
        known = (self.folder.metadata / TIMESTAMP).is_file()
        return int(self._load(Timestamp, TIMESTAMP).version) if known else 0

    def _key_root(self, root: Root, seeds: Sequence[bytes], threshold: int) -> None:
        for signer in _signers(seeds):
            root.add_key(signer.public_key, Root.type)
        root.roles[Root.type].threshold = threshold
        for role in ONLINE_ROLES:
            if not root.roles[role].keyids:
                root.add_key(self._online(role).public_key, role)

    def _next_root(self, seeds: Sequence[bytes]) -> Root:
        """The next version of the root, if these keys may sign it."""
        root = self._root()
        known = set(root.roles[Root.type].keyids)
        brought = {signer.public_key.keyid for signer in _signers(seeds)}
        threshold = root.roles[Root.type].threshold
        if not brought <= known or len(brought) < threshold:
            raise RepositoryError(
                f"expected {threshold} different keys of the root in force, got "
                f"{len(brought & known)} of them and {len(brought - known)} others"
            )
        root.version += 1
        root.expires = self._in_days(ROOT_DAYS)
        return root

    def _write_root(self, root: Root, seeds: Sequence[bytes]) -> None:
        metadata = Metadata(root)
        for signer in _signers(seeds):
            metadata.sign(signer, append=True)
        self.folder.write(f"{root.version}.root.json", metadata.to_bytes(_SERIALIZER))

    def _signed(self, body: Any, role: str) -> bytes:
        metadata = Metadata(body)
        metadata.sign(self._online(role))
        data: bytes = metadata.to_bytes(_SERIALIZER)
        try:
            self._root().verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except TufError as error:
            raise RepositoryError(f"the online keys are not those of the root: {error}") from error
        return data

    def _online(self, role: str) -> CryptoSigner:
        seeds = read_update_seeds(self.online_key_file)
        if role not in seeds:
            raise RepositoryError(f"expected a key for {role} in {self.online_key_file}")
        return CryptoSigner(update_key(seeds[role]))

    def _root(self) -> Root:
        root: Root = self._load(Root, f"{self.folder.newest('root')}.root.json")
        return root

    def _targets(self) -> Targets:
        found: Targets = self._load(Targets, f"{self.folder.newest('targets')}.targets.json")
        return found

    def _load(self, kind: type[Any], name: str) -> Any:
        if not self.folder.exists:
            raise RepositoryError(
                f"expected a repository of updates in {self.folder.path}: run updates init"
            )
        try:
            signed = Metadata.from_bytes(self.folder.read(name)).signed
        except DeserializationError as error:
            raise RepositoryError(f"expected metadata in {name}: {error}") from error
        if not isinstance(signed, kind):
            raise RepositoryError(f"expected {kind.type} in {name}, got {signed.type}")
        return signed

    def _in_days(self, days: int) -> datetime:
        now = datetime.fromtimestamp(self.at_ms // MS_PER_S, UTC)
        return now + timedelta(days=days)


def _require_threshold(keys_count: int, threshold: int) -> None:
    if not 1 <= threshold <= keys_count <= ROOT_KEYS_MAX:
        raise RepositoryError(
            f"expected a threshold of 1 to the number of keys ({keys_count}, at most "
            f"{ROOT_KEYS_MAX}), got {threshold}"
        )


def root_seed(path: Path) -> bytes:
    """The seed in a file of one root key.

    Raises
    ------
    RepositoryError
        If the file holds no root key.
    """
    found = read_update_seeds(path)
    if set(found) != {Root.type}:
        raise RepositoryError(f"expected one root key in {path}, got {sorted(found)}")
    return found[Root.type]


def _signers(seeds: Sequence[bytes]) -> list[CryptoSigner]:
    return [CryptoSigner(update_key(seed)) for seed in seeds]


def _target_file(one: Listed) -> TargetFile:
    return TargetFile(
        one.size_bytes, {"sha256": one.sha256}, one.note.path, {"custom": encode(one.note)}
    )


def _listed(target: TargetFile) -> Listed:
    try:
        note = decode(TargetNote, target.custom)
    except ShapeError as error:
        raise RepositoryError(f"expected a note on {target.path}: {error}") from error
    return Listed(note, target.hashes["sha256"], target.length)
