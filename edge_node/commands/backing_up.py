"""A station's backup: made while it runs, put back on another box, never two boxes at once.

A backup holds the database as it was at one instant, the keys, the certificates and the
settings. A box that it is put back on makes link keys of its own and a signed request; it
writes nothing until the centre has confirmed it (ADR 12).
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import sqlite3
import tarfile
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from core.lending.lease import Clock
from core.shape import encode
from core.signing import sign_document
from core.wire.boxes import BOX_REQUEST, BoxRequest, BoxRetired, LogEnd
from core.wire.envelope import LogClass
from core.wire.records import Up
from edge_node.commands.hands import Bench, Hands
from edge_node.commands.sealed_file import (
    BackupAlteredError,
    BackupError,
    BackupHeader,
    OpeningReader,
    SealingWriter,
    fresh_salt,
    read_header,
)
from edge_node.config import DATABASE_FILE, Settings, load_settings
from edge_node.files import PRIVATE, new_file, whole_file, write_whole
from edge_node.keys import SEED_BYTES, create_key_file, load_key_file
from edge_node.store import box, leases, logs, uplink
from edge_node.store.box import BoxState
from edge_node.store.database import (
    DiskFullError,
    StationDatabase,
    StoreError,
    open_database,
    storage_errors,
)
from edge_node.store.schema import migrate, schema_files

DATABASE, CONFIG = DATABASE_FILE, "station.toml"
FILES_MAX = 64
COMPRESSION = 6
SMALL_BYTES_MAX = 16 * 1024 * 1024  # of any file but the database
FILE_SETTINGS = (
    "server_identity_file", "server_authority_file", "adapters_file", "carrier_token_file",
    "device_passwords_file", "broker_password_file", "plots_file", "update_root_file",
)  # fmt: skip
_UP_LOGS = (LogClass.MONEY, LogClass.FEATURES, LogClass.RAW)


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was written, and whether this box was handed over with it."""

    station: str
    at_ms: int
    size_bytes: int
    handed_over: bool


@dataclass(frozen=True, slots=True)
class PutBack:
    """A station that was put back, and the request that an officer must confirm.

    ``link_key`` is the id by which the officer tells it from any other.
    """

    station: str
    config: str
    request: str
    backup_at_ms: int
    handed_over: bool
    link_key: str = ""


def hand_over(station: Bench, clock: Clock) -> None:
    """Write this box's last record: the backup that is made next goes on in its place.

    Raises
    ------
    BackupError
        If a draw is pending: nobody but this box can settle it.
    BoxNotConfirmedError
        If this box is not the station's now.
    """
    db = station.db
    with db.atomic():
        found = box.standing(db)
        if found.state is BoxState.RETIRED:
            return
        if leases.pending_draws(db):
            raise BackupError("expected no pending draw: settle it at the kiosk, then hand over")
        body = BoxRetired(found.generation)
        logs.append(db, station.settings.station, Up.BOX_RETIRED, body, clock)
        box.move(db, BoxState.RETIRED, clock.at_ms)


def make_backup(station: Bench, path: Path, passphrase: str, config: Path) -> Made:
    """Write a sealed backup of a station, running or not, by rename.

    Raises
    ------
    BackupError
        If it cannot be written.
    DiskFullError
        If there is no room for the copy of the database that is sealed.
    """
    settings = station.settings
    header = BackupHeader(
        station=settings.station,
        key_id=station.keys.signer.key_id,
        schema=len(schema_files()),
        release=version("harvestline"),
        at_ms=station.hands.now_ms(),
        salt=fresh_salt(station.hands.entropy),
    )
    try:
        with _snapshot(settings) as copy, whole_file(path, PRIVATE) as file:
            writer = SealingWriter(file, header, passphrase)
            _write_all(writer, copy, settings, config)
            writer.finish()
    except OSError as error:
        raise BackupError(f"expected to write {path}: {error}") from error
    handed_over = box.standing(station.db).state is BoxState.RETIRED
    return Made(settings.station, header.at_ms, path.stat().st_size, handed_over)


@contextlib.contextmanager
def _snapshot(settings: Settings) -> Iterator[Path]:
    """The database as of one instant, in a file of its own; the station may go on writing."""
    source, copy = settings.database_path, settings.folder / "backup.tmp"
    if shutil.disk_usage(settings.folder).free < 2 * source.stat().st_size:
        raise DiskFullError(f"expected room for a copy of {source}, twice its size: free some")
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with storage_errors():
            _copy_database(source, copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _copy_database(source: Path, copy: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source, timeout=30)) as read,
        contextlib.closing(sqlite3.connect(copy)) as written,
    ):
        read.backup(written)  # one step, so one instant; in WAL mode writers go on
        written.execute("PRAGMA journal_mode=DELETE")
        found = written.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(f"expected a sound database to back up, SQLite says: {found}")


def _write_all(writer: SealingWriter, copy: Path, settings: Settings, config: Path) -> None:
    out = cast("IO[bytes]", writer)
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=COMPRESSION, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for name, path in (*_files_of(settings, config), (DATABASE, copy)):
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            with path.open("rb") as file:
                tar.addfile(entry, file)


def _files_of(settings: Settings, config: Path) -> Iterator[tuple[str, Path]]:
    """Every file that a backup holds beside the database, with its name there."""
    yield CONFIG, config
    yield f"{settings.station}.json", settings.key_path
    if settings.tls_folder.is_dir():
        for path in sorted(settings.tls_folder.iterdir()):
            if path.is_file():
                yield f"tls/{path.name}", path
    for name in FILE_SETTINGS:
        path = getattr(settings, name)
        if path != Path():
            yield f"files/{name}", path


def put_back(hands: Hands, path: Path, folder: Path, passphrase: str, station: str = "") -> PutBack:
    """Put a backup back into a new folder, to wait there for the centre's word.

    Raises
    ------
    BackupError
        If it is no backup, another station's, of a newer release, or the folder is in use.
    BackupAlteredError
        If it was altered or cut off, or the passphrase is another.
    """
    if folder.exists() and not folder.is_dir():
        raise BackupError(f"expected an empty folder, {folder} is a file: name another")
    if folder.exists() and any(folder.iterdir()):
        new = folder / (station or "restored")
        raise BackupError(f"expected an empty folder, {folder} is in use: name another, as {new}")
    work = folder.with_name(folder.name + ".restoring")
    shutil.rmtree(work, ignore_errors=True)
    try:
        with path.open("rb") as file:
            header = _judged(read_header(file), station)
            work.mkdir(parents=True, mode=0o700)
            _unpack(OpeningReader(file, header, passphrase), work)
        told = _prepare(hands, header, work, folder)
        if folder.exists():
            folder.rmdir()
        work.replace(folder)
    except OSError as error:
        raise BackupError(f"expected to put {path} back into {folder}: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return told


def _judged(header: BackupHeader, station: str) -> BackupHeader:
    newest = len(schema_files())
    if station and header.station != station:
        raise BackupError(f"expected a backup of {station}, this one is of {header.station}")
    if header.schema > newest:
        raise BackupError(
            f"the backup is of release {header.release} with schema {header.schema}, this one "
            f"ends at {newest}: install the newer release"
        )
    return header


def _unpack(reader: OpeningReader, folder: Path) -> None:
    try:
        with (
            gzip.GzipFile(fileobj=cast("IO[bytes]", reader), mode="rb") as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            for count, entry in enumerate(tar):
                if count >= FILES_MAX or not entry.isreg():
                    raise BackupError(f"expected at most {FILES_MAX} plain files in a backup")
                _put(tar.extractfile(entry), folder / _safe(entry))
        reader.read()  # to the end, so that a tail that was cut off is seen
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupAlteredError(f"the backup's contents cannot be read: {error}") from error


def _safe(entry: tarfile.TarInfo) -> PurePosixPath:
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts or len(path.parts) > len(("files", "name")):
        raise BackupError(f"expected a file of a station, got {entry.name[:80]!r}")
    if entry.name != DATABASE and entry.size > SMALL_BYTES_MAX:
        raise BackupError(f"expected at most {SMALL_BYTES_MAX} bytes in {entry.name[:80]!r}")
    return path


def _put(source: IO[bytes] | None, path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with new_file(path) as file:
        if source is not None:
            shutil.copyfileobj(source, file)


def _prepare(hands: Hands, header: BackupHeader, work: Path, folder: Path) -> PutBack:
    """Make the files in ``work`` a box that waits, whose settings speak of ``folder``."""
    for name in (DATABASE, CONFIG, f"{header.station}.json"):
        if not (work / name).is_file():
            raise BackupError(f"expected {name} in the backup")
    keys = load_key_file(work / f"{header.station}.json", header.station)
    if keys.signer.key_id != header.key_id:
        raise BackupError(f"expected the key {header.key_id} in the backup, got another")
    settings = _settle_settings(work, folder)
    link = create_key_file(
        work / settings.link_key_path.name, header.station,
        hands.entropy(SEED_BYTES), hands.entropy(SEED_BYTES),
    )  # fmt: skip
    db = open_database(work / DATABASE)
    try:
        migrate(db, hands.now_ms())
        request = _wait(db, (header, link.identity.public_key, link.identity.seal_key), hands)
    finally:
        db.close()
    document = sign_document(BOX_REQUEST, encode(request), keys.signer)
    write_whole(work / settings.box_request_path.name, document)
    return PutBack(
        header.station, str(folder / CONFIG), str(settings.box_request_path), header.at_ms,
        request.handed_over, link.signer.key_id,
    )  # fmt: skip


def _wait(db: StationDatabase, whose: tuple[BackupHeader, str, str], hands: Hands) -> BoxRequest:
    """Let a database wait for the centre's word; what its box asks."""
    header, public_key, seal_key = whose
    found = box.standing(db)
    with db.atomic():
        box.move(db, BoxState.RESTORED, hands.now_ms())
        uplink.note_asked(db, 0)  # it asks at its first round, however young the backup
    tails = [(log, logs.tail(db, log)) for log in _UP_LOGS]
    return BoxRequest(
        station=header.station,
        public_key=public_key,
        seal_key=seal_key,
        generation=found.generation,
        handed_over=found.state is BoxState.RETIRED,
        logs=tuple(LogEnd(log, tail.seq, tail.head) for log, tail in tails),
        at_ms=header.at_ms,
    )


def _settle_settings(work: Path, folder: Path) -> Settings:
    """Let the settings speak of the new folder and of the files that came with the backup."""
    config = work / CONFIG
    found: dict[str, Any] = tomllib.loads(config.read_text(encoding="utf-8"))
    found["folder"] = str(folder)
    for name in FILE_SETTINGS:
        if (work / "files" / name).is_file():
            found[name] = str(folder / "files" / name)
    lines = [f"{name} = {json.dumps(value)}" for name, value in found.items()]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_settings(config, {})
