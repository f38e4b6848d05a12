"""The simulator's only door to ``cryptography``: device keys and passwords.

A real device makes its key from its own chance. Here key and password follow from
the district's seed, so that one seed gives the same district byte for byte; they
are worth no more than the simulated device that holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.errors import SignatureError
from core.signing import key_id_of

KEY_SEED_BYTES = 32


class DeviceSigner:
    """An Ed25519 private key; keeps the :class:`core.signing.Signer` protocol."""

    __slots__ = ("_key", "key_id", "public_key")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_SEED_BYTES:
            raise SignatureError(f"expected a key seed of {KEY_SEED_BYTES} bytes, got {len(seed)}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key: bytes = self._key.public_key().public_bytes_raw()
        self.key_id: str = key_id_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of a message."""
        return self._key.sign(message)


class KeyRing:
    """Public keys that are trusted; keeps the :class:`core.signing.Verifier` protocol."""

    __slots__ = ("_keys",)

    def __init__(self, public_keys: tuple[bytes, ...]) -> None:
        self._keys: Mapping[str, Ed25519PublicKey] = {
            key_id_of(key): Ed25519PublicKey.from_public_bytes(key) for key in public_keys
        }

    def verify(self, key_id: str, message: bytes, signature: bytes) -> None:
        """Return if that key made the signature.

        Raises
        ------
        SignatureError
            If the key is not on the ring, or the signature is wrong.
        """
        if key_id not in self._keys:
            raise SignatureError(f"expected a key of {len(self._keys)} known, got {key_id}")
        try:
            self._keys[key_id].verify(signature, message)
        except InvalidSignature as error:
            raise SignatureError(f"signature by {key_id} does not verify") from error


def device_key_seed(district_seed: int, device_id: str) -> bytes:
    """The 32-byte private seed of a simulated device's key."""
    return _derive("key", district_seed, device_id)


def device_password(district_seed: int, device_id: str) -> str:
    """The MQTT password of a simulated device: 64 hexadecimal digits."""
    return _derive("password", district_seed, device_id).hex()


def _derive(purpose: str, district_seed: int, device_id: str) -> bytes:
    text = f"harvestline/sim/{purpose}/{district_seed}/{device_id}"
    return hashlib.sha256(text.encode()).digest()
