"""A folder between two people: signed, sealed envelopes that any carrier may bring.

Each message is one record of the sender's log for that peer, so that none can be left out,
repeated or changed unnoticed. ``out`` is what is to be carried, ``in`` what was brought.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.canonical import canonical_bytes
from core.errors import CanonicalError, EnvelopeDamagedError, HarvestlineError
from core.wire.envelope import GENESIS, LogClass, LogName, Record, chain_head, pack, peek, unpack
from core.wire.registry import Identity
from server.keys import KeyPair, KeyRing, Seals, seal_key_id
from server.store import whole_files
from server.training.catalogue import TrainingTableError

SUFFIX = ".hle"
STATE_BYTES_MAX = 64 * 1024 * 1024
_NOWHERE = {"sent": 0, "sent_head": GENESIS, "got": 0, "got_head": GENESIS}


@dataclass(frozen=True, slots=True)
class Post:
    """A node's folder, its keys, and the peers that it writes to and reads."""

    folder: Path
    keys: KeyPair
    peers: Mapping[str, Identity]

    def send(self, peer: str, kind: str, body: Any, at_ms: int) -> Path:
        """Write a message to a peer as an envelope to be carried; where it lies."""
        state = self._adopted(peer)
        log = LogName(self.keys.name, LogClass.DOWN, peer)
        record = Record(state["sent"] + 1, kind, at_ms, 0, body)
        identity = self.peers[peer]
        seal = (seal_key_id(identity), Seals((identity.seal_key,)))
        data = pack(log, state["sent_head"], (record,), self.keys, seal)
        path = self._path(peer, record.seq)
        write_whole(path, data)
        head = chain_head(log, state["sent_head"], (record,))
        self._keep(peer, {"sent": record.seq, "sent_head": head})
        return path

    def receive(self) -> Iterator[tuple[str, Record]]:
        """What peers wrote and was brought, in each one's order; what was read before is skipped.

        Raises
        ------
        TrainingTableError
            If a message is missing before one that was brought, or one is not from a peer.
        """
        ring = KeyRing(each.public_key for each in self.peers.values())
        for path in sorted((self.folder / "in").glob(f"*{SUFFIX}")):
            try:
                envelope = unpack(path.read_bytes(), ring, self.keys)
            except (HarvestlineError, OSError) as error:
                raise TrainingTableError(f"{path.name}: {error}") from error
            header = envelope.header
            state = self._state(header.writer)
            if header.name != LogName(header.writer, LogClass.DOWN, self.keys.name):
                raise TrainingTableError(f"{path.name}: expected a message to {self.keys.name}")
            if header.last <= state["got"]:
                continue
            if header.first != state["got"] + 1 or header.previous != state["got_head"]:
                raise TrainingTableError(
                    f"{path.name}: expected message {state['got'] + 1} of {header.writer}, got "
                    f"{header.first}: bring the ones before it"
                )
            for record in envelope.records:
                yield header.writer, record
            self._keep(header.writer, {"got": header.last, "got_head": header.head})

    def _path(self, peer: str, seq: int) -> Path:
        return self.folder / "out" / f"{self.keys.name}--{peer}--{seq:06d}{SUFFIX}"

    def _adopted(self, peer: str) -> dict[str, Any]:
        """How the log to a peer stands, with a message that was written when the power went."""
        state = self._state(peer)
        path = self._path(peer, state["sent"] + 1)
        if not path.exists():
            return state
        header = peek(path.read_bytes())
        self._keep(peer, {"sent": header.last, "sent_head": header.head})
        return self._adopted(peer)

    def _state(self, peer: str) -> dict[str, Any]:
        if peer not in self.peers:
            raise TrainingTableError(f"expected a partner, got {peer!r}")
        return {**_NOWHERE, **read_state(self.folder / "post.json").get(peer, {})}

    def _keep(self, peer: str, changed: Mapping[str, Any]) -> None:
        """Both directions change while a message is read and answered: keep only one's."""
        path = self.folder / "post.json"
        state = {**self._state(peer), **changed}
        write_whole(path, canonical_bytes({**read_state(path), peer: state}))


def read_state(path: Path) -> dict[str, Any]:
    """A file of this folder's own; empty where there is none yet.

    Raises
    ------
    TrainingTableError
        If it cannot be read.
    """
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > STATE_BYTES_MAX:
            raise EnvelopeDamagedError(f"expected at most {STATE_BYTES_MAX} bytes")
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError, CanonicalError, EnvelopeDamagedError) as error:
        raise TrainingTableError(f"expected this folder's own file at {path}: {error}") from error
    return found


def write_whole(path: Path, data: bytes) -> None:
    """A file that is there whole or not at all, whatever is cut.

    Raises
    ------
    TrainingTableError
        If it cannot be written.
    """
    try:
        whole_files.write_whole(path, data)
    except OSError as error:
        raise TrainingTableError(f"expected to write {path}: {error}") from error
