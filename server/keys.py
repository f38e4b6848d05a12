"""The centre's only door to cryptography: its own keys, and the keys that it trusts.

A key file holds two seeds in hexadecimal, ``{"sign": …, "seal": …}``, mode 0600;
the public half lies beside it as ``NAME.pub.json``. Sealing is to an X25519 key:
ephemeral public key (32 bytes), nonce (12), AES-256-GCM under
HKDF-SHA256(shared secret, info = ``harvestline/seal/v1`` 0 ephemeral recipient).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.canonical import canonical_bytes
from core.errors import HarvestlineError, SignatureError
from core.shape import encode
from core.signing import key_id_of
from core.wire.registry import Identity

SEED_BYTES = 32
SECRET_MODE = 0o600
OTHERS_MASK = 0o077
_EPHEMERAL_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_SEAL_DOMAIN = b"harvestline/seal/v1\0"
_PAIR_DOMAIN = b"harvestline/pair/v1\0"


class KeyFileError(HarvestlineError):
    """A key file is missing, readable by others, malformed, or would be overwritten."""

    code = "HL-SRV-010"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A node's private keys; keeps the ``Signer`` and ``Opener`` protocols of core."""

    name: str
    _sign: Ed25519PrivateKey
    _seal: X25519PrivateKey
    key_id: str
    seal_key_id: str

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of a message."""
        return self._sign.sign(message)

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        """The plaintext of what was sealed to this node.

        Raises
        ------
        SignatureError
            If it was altered, cut off, or sealed to another key or context.
        """
        if len(ciphertext) < _EPHEMERAL_BYTES + _NONCE_BYTES + _TAG_BYTES:
            raise SignatureError(f"expected a sealed text, got {len(ciphertext)} bytes")
        ephemeral = ciphertext[:_EPHEMERAL_BYTES]
        nonce = ciphertext[_EPHEMERAL_BYTES : _EPHEMERAL_BYTES + _NONCE_BYTES]
        public = self._seal.public_key().public_bytes_raw()
        try:
            shared = self._seal.exchange(X25519PublicKey.from_public_bytes(ephemeral))
            key = _seal_key(shared, ephemeral, public)
            sealed = ciphertext[_EPHEMERAL_BYTES + _NONCE_BYTES :]
            return AESGCM(key).decrypt(nonce, sealed, context)
        except (InvalidTag, ValueError) as error:
            raise SignatureError(f"sealed text is altered or not for {self.name}") from error

    def pair_secret(self, seal_key: str, context: bytes) -> bytes:
        """32 bytes that only this node and the holder of a sealing key know, bound to a context.

        Raises
        ------
        KeyFileError
            If the key is none that anything can be sealed to.
        """
        public = X25519PublicKey.from_public_bytes(seal_key_bytes(seal_key))
        info = _PAIR_DOMAIN + context
        shared = self._seal.exchange(public)
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)

    def identity(self) -> Identity:
        """The public half."""
        return Identity(
            name=self.name,
            public_key=self._sign.public_key().public_bytes_raw().hex(),
            seal_key=self._seal.public_key().public_bytes_raw().hex(),
        )


class KeyRing:
    """Public signing keys that are trusted; keeps the ``Verifier`` protocol of core."""

    __slots__ = ("_keys",)

    def __init__(self, public_keys: Iterable[str]) -> None:
        self._keys: Mapping[str, Ed25519PublicKey] = {
            key_id_of(raw): Ed25519PublicKey.from_public_bytes(raw)
            for raw in (public_key_bytes(text) for text in public_keys)
        }

    def verify(self, key_id: str, message: bytes, signature: bytes) -> None:
        """Return if that key made the signature.

        Raises
        ------
        SignatureError
            If the key is not on the ring, or the signature is wrong.
        """
        if key_id not in self._keys:
            raise SignatureError(f"expected a registered key, got key {key_id}: enrol its holder")
        try:
            self._keys[key_id].verify(signature, message)
        except InvalidSignature as error:
            raise SignatureError(f"signature by key {key_id} does not verify") from error


class Seals:
    """Public sealing keys; keeps the ``Sealer`` protocol of core.

    An ephemeral key and a nonce must come from the machine's own chance: whoever
    could choose them could open what is sealed. They are made here, not passed in.
    """

    __slots__ = ("_keys",)

    def __init__(self, seal_keys: Iterable[str]) -> None:
        raw = [public_key_bytes(text) for text in seal_keys]
        self._keys = {key_id_of(key): key for key in raw}

    def seal(self, recipient: str, plaintext: bytes, context: bytes) -> bytes:
        """Ciphertext that only the recipient can open.

        Raises
        ------
        SignatureError
            If the recipient's key is not known.
        """
        if recipient not in self._keys:
            raise SignatureError(f"expected a known sealing key, got {recipient}")
        public = self._keys[recipient]
        ephemeral = X25519PrivateKey.generate()
        head = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(_seal_key(shared, head, public)).encrypt(nonce, plaintext, context)
        return head + nonce + sealed


def _seal_key(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    info = _SEAL_DOMAIN + ephemeral + recipient
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)


def public_key_bytes(text: str) -> bytes:
    """The 32 bytes of a public key in hexadecimal.

    Raises
    ------
    KeyFileError
        If it is not 64 hexadecimal digits.
    """
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise KeyFileError("expected a public key in hexadecimal, got other text") from error
    if len(raw) != SEED_BYTES:
        raise KeyFileError(f"expected a public key of 32 bytes, got {len(raw)}")
    return raw


def seal_key_bytes(text: str) -> bytes:
    """The 32 bytes of a public sealing key in hexadecimal.

    Raises
    ------
    KeyFileError
        If it is not 64 hexadecimal digits, or a point of low order (RFC 7748, section 6.1):
        nothing can be sealed to it.
    """
    raw = public_key_bytes(text)
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError as error:
        raise KeyFileError("expected a public key to seal to, got a point of low order") from error
    return raw


def seal_key_id(identity: Identity) -> str:
    """The id of the key that seals to a node."""
    return key_id_of(seal_key_bytes(identity.seal_key))


def sign_key_id(identity: Identity) -> str:
    """The id of the key that verifies a node's signatures."""
    return key_id_of(public_key_bytes(identity.public_key))


def key_pair(name: str, sign_seed: bytes, seal_seed: bytes) -> KeyPair:
    """A node's keys from their seeds.

    Raises
    ------
    KeyFileError
        If a seed does not have 32 bytes.
    """
    if len(sign_seed) != SEED_BYTES or len(seal_seed) != SEED_BYTES:
        raise KeyFileError(f"{name}: expected two seeds of {SEED_BYTES} bytes")
    sign = Ed25519PrivateKey.from_private_bytes(sign_seed)
    seal = X25519PrivateKey.from_private_bytes(seal_seed)
    return KeyPair(
        name=name,
        _sign=sign,
        _seal=seal,
        key_id=key_id_of(sign.public_key().public_bytes_raw()),
        seal_key_id=key_id_of(seal.public_key().public_bytes_raw()),
    )


def load_key_pair(path: Path, name: str) -> KeyPair:
    """A node's keys from its key file.

    Raises
    ------
    KeyFileError
        If the file is missing, readable by others, or malformed.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"expected a key file at {path}: {error}") from error
    if mode & OTHERS_MASK:
        raise KeyFileError(f"{path} can be read by others: run chmod 600 on it")
    try:
        seeds = json.loads(text)
        return key_pair(name, bytes.fromhex(seeds["sign"]), bytes.fromhex(seeds["seal"]))
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"expected sign and seal seeds in hexadecimal in {path}") from error


def write_key_pair(path: Path, name: str, sign_seed: bytes, seal_seed: bytes) -> KeyPair:
    """Write a new key file and its public half, ``NAME.pub.json``, beside it.

    Raises
    ------
    KeyFileError
        If the file exists or cannot be written.
    """
    pair = key_pair(name, sign_seed, seal_seed)
    seeds = json.dumps({"sign": sign_seed.hex(), "seal": seal_seed.hex()})
    write_secret(path, seeds.encode())
    identity = canonical_bytes(encode(pair.identity()))
    try:
        (path.parent / f"{name}.pub.json").write_bytes(identity)
    except OSError as error:
        raise KeyFileError(f"could not write {name}.pub.json beside {path}: {error}") from error
    return pair


def write_secret(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read.

    Raises
    ------
    KeyFileError
        If the file exists or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyFileError(f"expected to write a new file at {path}: {error}") from error


def read_secret(path: Path) -> bytes:
    """A secret in a file of its own, as bytes in hexadecimal.

    Raises
    ------
    KeyFileError
        If it is missing, readable by others, or shorter than ``SEED_BYTES``.
    """
    try:
        if path.stat().st_mode & OTHERS_MASK:
            raise KeyFileError(f"expected {path} to be readable by its owner alone: chmod 600")
        found = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise KeyFileError(f"expected a secret in hexadecimal at {path}: {error}") from error
    if len(found) < SEED_BYTES:
        raise KeyFileError(f"expected {SEED_BYTES} bytes or more at {path}, got {len(found)}")
    return found


def blind_index(secret: bytes, words: bytes) -> str:
    """What finds a person again without saying who it is: HMAC-SHA256, in hexadecimal."""
    return hmac.new(secret, words, hashlib.sha256).hexdigest()


def hash_password(password: str) -> str:
    """The Argon2id hash of a password, with its parameters and salt."""
    return PasswordHasher().hash(password)


def password_matches(stored: str, password: str) -> bool:
    """Whether a password belongs to a stored Argon2 hash."""
    try:
        return PasswordHasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def public_key_of(seed: bytes) -> bytes:
    """The public half of the signing key that follows from 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def update_key(seed: bytes) -> Ed25519PrivateKey:
    """A key that signs metadata of updates, from its seed.

    Raises
    ------
    KeyFileError
        If the seed does not have 32 bytes.
    """
    if len(seed) != SEED_BYTES:
        raise KeyFileError(f"expected a seed of {SEED_BYTES} bytes, got {len(seed)}")
    return Ed25519PrivateKey.from_private_bytes(seed)


def read_update_seeds(path: Path) -> dict[str, bytes]:
    """The seeds of a file of update keys, by role.

    Raises
    ------
    KeyFileError
        If the file is missing, readable by others, or malformed.
    """
    try:
        if path.stat().st_mode & OTHERS_MASK:
            raise KeyFileError(f"{path} can be read by others: run chmod 600 on it")
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(role): bytes.fromhex(seed) for role, seed in found.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise KeyFileError(f"expected update keys in hexadecimal at {path}: {error}") from error


def write_update_seeds(path: Path, seeds: Mapping[str, bytes]) -> None:
    """Write a new file of update keys, mode 0600.

    Raises
    ------
    KeyFileError
        If the file exists or cannot be written.
    """
    text = json.dumps({role: seed.hex() for role, seed in seeds.items()})
    write_secret(path, text.encode() + b"\n")
