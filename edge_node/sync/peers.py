"""Who the station talks to, and with what hands it signs, seals and opens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import SignatureError
from core.signing import Sealer, Signer, Verifier, key_id_of
from core.wire.envelope import LogClass, LogName
from core.wire.registry import Identity
from edge_node.decide.desk import Desk
from edge_node.keys import StationOpener
from edge_node.sync.machine import free_bytes


@dataclass(frozen=True, slots=True)
class Centre:
    """The centre as this station knows it: its name, how to verify it, how to seal to it."""

    identity: Identity
    verifier: Verifier
    sealer: Sealer

    @property
    def sign_key_id(self) -> str:
        """The id of the key by which everything of the centre is signed."""
        return key_id_of(bytes.fromhex(self.identity.public_key))

    @property
    def seal_key_id(self) -> str:
        """The id of the key to which envelopes are sealed."""
        return key_id_of(bytes.fromhex(self.identity.seal_key))


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of the link; ``box_request`` is what a box that was put back asks with.

    ``room`` says what is free on the disk of a folder [bytes].
    """

    desk: Desk
    opener: StationOpener
    centre: Centre
    link_signer: Signer | None = None
    box_request: bytes = b""
    room: Callable[[Path], int] = free_bytes

    @property
    def signer(self) -> Signer:
        """Signs what travels: the station's key, or the link key of a box that took over."""
        return self.link_signer or self.desk.signer

    def shared_secret(self, context: bytes) -> bytes:
        """What this station and the centre alone know, for one use."""
        return self.opener.pair_secret(bytes.fromhex(self.centre.identity.seal_key), context)

    @property
    def down(self) -> LogName:
        """The centre's log for this station."""
        return LogName(self.centre.identity.name, LogClass.DOWN, self.desk.station)

    def up(self, log: LogClass) -> LogName:
        """One of this station's logs."""
        return LogName(self.desk.station, log)

    def require_centre(self, key_id: str, what: str) -> None:
        """Return if a key is the centre's.

        Raises
        ------
        SignatureError
            If it is another's.
        """
        if key_id != self.centre.sign_key_id:
            raise SignatureError(f"expected {what} signed by the centre, got key {key_id[:64]!r}")
