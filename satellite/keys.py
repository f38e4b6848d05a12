"""The room's only door to cryptography: its Ed25519 key, and nothing else.

A key file holds the 32-byte private seed in hexadecimal, mode 600; its public identity
lies beside it as ``NAME.pub.json``, for the server to register.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.canonical import canonical_bytes
from core.errors import HarvestlineError
from core.shape import encode
from core.signing import PUBLIC_KEY_BYTES, key_id_of
from core.wire.registry import Identity

KEY_FILE_MODE = 0o600
OTHERS_MASK = 0o077


class KeyFileError(HarvestlineError):
    """A key file is missing, readable by others, malformed, or would be overwritten."""

    code = "HL-SAT-010"


class EvidenceSigner:
    """Holds the room's private key; a ``core.signing.Signer``."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._key_id = key_id_of(self.public_key)

    @property
    def public_key(self) -> bytes:
        """The 32-byte public key."""
        return self._key.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        """The key's id: 32 hexadecimal digits."""
        return self._key_id

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of a message."""
        return self._key.sign(message)


def generate_key_file(path: Path, seed: bytes) -> EvidenceSigner:
    """Write a new key file and its public half; an existing key is never overwritten.

    Parameters
    ----------
    path
        Where the private key goes; the identity goes to :func:`identity_path`.
    seed
        32 bytes from the system's source of chance.

    Raises
    ------
    KeyFileError
        If the file exists already or cannot be written.
    """
    signer = EvidenceSigner(Ed25519PrivateKey.from_private_bytes(seed))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(seed.hex() + "\n")
        identity = Identity(path.stem, signer.public_key.hex())
        identity_path(path).write_bytes(canonical_bytes(encode(identity)) + b"\n")
    except FileExistsError as error:
        raise KeyFileError(
            f"expected no file at {path}, got one: a key is never overwritten; move it away first"
        ) from error
    except OSError as error:
        raise KeyFileError(f"expected to write a key to {path}, got: {error}") from error
    return signer


def identity_path(path: Path) -> Path:
    """Where the public half of a key file lies."""
    return path.with_name(path.stem + ".pub.json")


def load_signer(path: Path) -> EvidenceSigner:
    """The signer of a key file.

    Raises
    ------
    KeyFileError
        If the file is missing, is open to others than its owner, or does not hold
        32 bytes in hexadecimal.
    """
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text(encoding="ascii").strip()
        seed = bytes.fromhex(text)
    except (OSError, ValueError) as error:
        raise KeyFileError(
            f"expected a key file at {path}, got: {error}; make one with keygen"
        ) from error
    if mode & OTHERS_MASK:
        raise KeyFileError(f"expected mode 600 for {path}, got {mode:o}: run chmod 600 on it")
    if len(seed) != PUBLIC_KEY_BYTES:
        raise KeyFileError(f"expected 32 bytes in hexadecimal in {path}, got {len(seed)}")
    return EvidenceSigner(Ed25519PrivateKey.from_private_bytes(seed))
