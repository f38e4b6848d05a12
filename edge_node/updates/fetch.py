"""A target's bytes: fetched from where the last attempt broke off, and verified whole.

What has come lies in a file named by the hash that was signed for. It is believed only
when its length and hash are right; a part that went bad on the disk is thrown away and
fetched once more before anybody is accused.
"""

from __future__ import annotations

from pathlib import Path

from tuf.api.exceptions import LengthOrHashMismatchError

from edge_node.files import settle
from edge_node.updates.errors import TargetAlteredError, UpdateEndlessError, UpdateSourceError
from edge_node.updates.source import Source, disk_error
from edge_node.updates.trust import Offer

PARTS, STORE = "parts", "store"


def part_path(folder: Path, sha256: str) -> Path:
    """Where the bytes of a target lie that have come so far."""
    return folder / PARTS / sha256


def store_path(folder: Path, sha256: str) -> Path:
    """Where the bytes of a target lie that was verified."""
    return folder / STORE / sha256


def fetch(folder: Path, offer: Offer, source: Source) -> Path:
    """The file of a verified target; it is on the disk for good when this returns.

    Raises
    ------
    TargetAlteredError
        If the bytes are not those that were signed for.
    UpdateEndlessError
        If more come than were signed for.
    UpdateSourceError
        If the source does not have it.
    HarvestlineError
        The source's own, if it cannot be read to the end now; what came stays.
    StoreError, DiskFullError
        If the station's disk cannot keep it.
    """
    try:
        return _fetch(folder, offer, source)
    except OSError as error:
        raise disk_error(error) from error


def _fetch(folder: Path, offer: Offer, source: Source) -> Path:
    done = store_path(folder, offer.sha256)
    if done.is_file() and _is_whole(done, offer):
        return done
    part = part_path(folder, offer.sha256)
    for path in (part, done):
        path.parent.mkdir(parents=True, exist_ok=True)
    resumed = part.is_file() and part.stat().st_size > 0
    _complete(part, offer, source)
    if not _is_whole(part, offer) and resumed:
        part.unlink()
        _complete(part, offer, source)
    if not _is_whole(part, offer):
        size_bytes = part.stat().st_size
        part.unlink()
        raise TargetAlteredError(
            f"{offer.note.path}: expected {offer.size_bytes} bytes of hash {offer.sha256[:16]}…, "
            f"got {size_bytes} bytes of another"
        )
    settle(part)
    part.replace(done)
    settle(done.parent)
    return done


def forget_others(folder: Path, kept: frozenset[str]) -> None:
    """Remove verified and partly fetched targets that nothing needs any more."""
    for name in (STORE, PARTS):
        for path in (folder / name).glob("*"):
            if path.name not in kept:
                path.unlink()


def _complete(part: Path, offer: Offer, source: Source) -> None:
    """Append what is missing, up to one byte more than there should be."""
    try:
        with part.open("ab") as file:
            have_bytes = file.tell()
            for piece in source.pieces(offer.path, have_bytes, offer.size_bytes + 1 - have_bytes):
                file.write(piece)
                file.flush()
                have_bytes += len(piece)
                if have_bytes > offer.size_bytes:
                    break
    except FileNotFoundError as error:
        raise UpdateSourceError(f"expected {offer.path} at the source: {error}") from error
    if part.stat().st_size > offer.size_bytes:
        part.unlink()
        raise UpdateEndlessError(
            f"{offer.note.path}: expected {offer.size_bytes} bytes, got more and stopped reading"
        )


def _is_whole(path: Path, offer: Offer) -> bool:
    try:
        with path.open("rb") as file:
            offer.target.verify_length_and_hashes(file)
    except LengthOrHashMismatchError:
        return False
    return True
