"""The repository's folder: metadata and targets under names that never change their bytes.

What a name with a number holds is written once; only ``timestamp.json`` is written
again, last and by rename, so that a reader meets one publication or the next, whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.canonical import sha256_hex
from core.wire.update import METADATA_FOLDER, TARGETS_FOLDER
from server.services.publishing.errors import RepositoryError
from server.store.whole_files import whole

TIMESTAMP = "timestamp.json"
VERSIONS_KEPT = 16  # of snapshot and targets metadata, for stations in the middle of a fetch


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a repository lies."""

    path: Path

    @property
    def metadata(self) -> Path:
        """The folder of metadata."""
        return self.path / METADATA_FOLDER

    @property
    def targets(self) -> Path:
        """The folder of targets."""
        return self.path / TARGETS_FOLDER

    @property
    def exists(self) -> bool:
        """Whether a repository was made here."""
        return (self.metadata / "1.root.json").is_file()

    def newest(self, role: str) -> int:
        """The highest version of a numbered role's metadata; 0 if there is none."""
        names = [path.name for path in self.metadata.glob(f"*.{role}.json")]
        return max((int(name.partition(".")[0]) for name in names), default=0)

    def versions(self, role: str) -> tuple[str, ...]:
        """The names of a numbered role's metadata that are still here."""
        return tuple(path.name for path in self.metadata.glob(f"*.{role}.json"))

    def read(self, name: str) -> bytes:
        """A metadata file.

        Raises
        ------
        RepositoryError
            If it cannot be read.
        """
        try:
            return (self.metadata / name).read_bytes()
        except OSError as error:
            raise RepositoryError(f"expected {name} in {self.metadata}: {error}") from error

    def write(self, name: str, data: bytes) -> None:
        """Write a metadata file by rename, so that no reader sees half of it.

        Raises
        ------
        RepositoryError
            If it cannot be written.
        """
        with _writing(self.metadata / name) as part:
            part.write_bytes(data)

    def forget_old(self, role: str) -> None:
        """Remove a numbered role's versions that no station can be in the middle of."""
        last = self.newest(role) - VERSIONS_KEPT
        for path in self.metadata.glob(f"*.{role}.json"):
            if int(path.name.partition(".")[0]) <= last:
                path.unlink()

    def forget_targets(self, needed: Collection[Path]) -> None:
        """Remove the targets that no metadata name that are still here."""
        try:
            for path in self.targets.rglob("*"):
                if path.is_file() and path not in needed:
                    path.unlink()
        except OSError as error:
            raise RepositoryError(f"expected to tidy {self.targets}: {error}") from error

    def add_target(self, path: str, source: Path) -> str:
        """Copy a target under its path and hash, and return the hash.

        Raises
        ------
        RepositoryError
            If it cannot be read or written.
        """
        try:
            with source.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise RepositoryError(f"expected a readable file at {source}: {error}") from error
        with _writing(self.path_of(path, sha256)) as part:
            shutil.copyfile(source, part)
        return sha256

    def add_pack(self, path: str, data: bytes) -> str:
        """Write a target's bytes under its path and hash, and return the hash."""
        sha256 = sha256_hex(data)
        with _writing(self.path_of(path, sha256)) as part:
            part.write_bytes(data)
        return sha256

    def path_of(self, path: str, sha256: str) -> Path:
        """Where a target's bytes lie, with their hash in the name."""
        folder, _, name = path.rpartition("/")
        return self.targets / folder / f"{sha256}.{name}"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other commands from publishing at the same time.

        Raises
        ------
        RepositoryError
            If another is publishing now, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise RepositoryError(f"expected to write into {self.path}: {error}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise RepositoryError("another command is publishing: try again") from error
        finally:
            os.close(handle)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[Path]:
    try:
        with whole(path) as part:
            yield part
    except OSError as error:
        raise RepositoryError(f"expected to write {path}: {error}") from error
