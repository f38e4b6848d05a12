"""The station's only door to ``cryptography``: its keys, and those of its peers.

Ed25519 signs (RFC 8032); X25519, HKDF-SHA-256 (RFC 5869) and AES-256-GCM seal, as
ADR 0007 and docs/wire.md lay down. Chance is an argument: ``app.py`` brings the
seeds and the source of ephemeral keys. Keeps the protocols of :mod:`core.signing`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from core.errors import HarvestlineError, ShapeError, SignatureError
from core.shape import decode, encode
from core.signing import key_id_of
from core.wire.registry import Identity
from edge_node.files import new_file, write_whole

SEED_BYTES = 32
SCRYPT_N = 2**15
SALT_BYTES = 16
KEY_FILE_MODE = 0o600
KEY_FILE_BYTES_MAX = 4096
_DERIVE_DOMAIN = b"harvestline/derive/v1\0"
_CCM_TAG_BYTES = 4  # BTHome v2
_SEAL_DOMAIN = b"harvestline/seal/v1\0"
_PAIR_DOMAIN = b"harvestline/pair/v1\0"
_PUBLIC_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


class KeyFileError(HarvestlineError):
    """A key file is missing, unreadable, open to others, or does not hold two seeds."""

    code = "HL-EDGE-009"


class StationSigner:
    """An Ed25519 private key; keeps the ``Signer`` protocol."""

    __slots__ = ("_key", "key_id", "public_key")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise KeyFileError(f"expected a signing seed of {SEED_BYTES} bytes, got {len(seed)}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key: bytes = self._key.public_key().public_bytes_raw()
        self.key_id: str = key_id_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of a message."""
        return self._key.sign(message)

    def derived(self, purpose: str) -> StationSigner:
        """Another key that follows from this one, so that it needs no file of its own."""
        info = _DERIVE_DOMAIN + purpose.encode()
        seed = HKDF(algorithm=SHA256(), length=SEED_BYTES, salt=None, info=info)
        return StationSigner(seed.derive(self._key.private_bytes_raw()))


class KeyRing:
    """Public signing keys that are trusted; keeps the ``Verifier`` protocol."""

    __slots__ = ("_keys",)

    def __init__(self, public_keys: Iterable[bytes]) -> None:
        self._keys: Mapping[str, Ed25519PublicKey] = {
            key_id_of(key): Ed25519PublicKey.from_public_bytes(key) for key in public_keys
        }

    @classmethod
    def of_hex(cls, *public_keys: str) -> KeyRing:
        """A ring of keys written in hexadecimal.

        Raises
        ------
        SignatureError
            If one is not 64 hexadecimal digits.
        """
        return cls(_from_hex(key) for key in public_keys)

    def verify(self, key_id: str, message: bytes, signature: bytes) -> None:
        """Return if that key made the signature.

        Raises
        ------
        SignatureError
            If the key is not on the ring, or the signature is wrong.
        """
        if key_id not in self._keys:
            raise SignatureError(f"expected one of {sorted(self._keys)}, got key {key_id[:64]!r}")
        try:
            self._keys[key_id].verify(signature, message)
        except InvalidSignature as error:
            raise SignatureError(f"signature by {key_id} does not verify") from error


class PeerSealer:
    """Seals to peers by their X25519 keys; keeps the ``Sealer`` protocol.

    Parameters
    ----------
    seal_keys
        The peers' public X25519 keys.
    entropy
        Gives so many unpredictable bytes; an ephemeral key and a nonce per message.
    """

    __slots__ = ("_entropy", "_keys")

    def __init__(self, seal_keys: Iterable[bytes], entropy: Callable[[int], bytes]) -> None:
        self._keys = {key_id_of(key): key for key in seal_keys}
        self._entropy = entropy

    def seal(self, recipient: str, plaintext: bytes, context: bytes) -> bytes:
        """Ephemeral public key, nonce and ciphertext that only ``recipient`` can open.

        Raises
        ------
        SignatureError
            If the recipient is not among the peers.
        """
        if recipient not in self._keys:
            raise SignatureError(f"expected a recipient of {sorted(self._keys)}, got {recipient!r}")
        peer = self._keys[recipient]
        ephemeral = X25519PrivateKey.from_private_bytes(self._entropy(SEED_BYTES))
        public = ephemeral.public_key().public_bytes_raw()
        nonce = self._entropy(_NONCE_BYTES)
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(peer))
        key = _message_key(shared, public, peer)
        return public + nonce + AESGCM(key).encrypt(nonce, plaintext, context)


class StationOpener:
    """An X25519 private key; keeps the ``Opener`` protocol."""

    __slots__ = ("_key", "key_id", "seal_key")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise KeyFileError(f"expected a sealing seed of {SEED_BYTES} bytes, got {len(seed)}")
        self._key = X25519PrivateKey.from_private_bytes(seed)
        self.seal_key: bytes = self._key.public_key().public_bytes_raw()
        self.key_id: str = key_id_of(self.seal_key)

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        """The plaintext of what was sealed to this key.

        Raises
        ------
        SignatureError
            If it is too short, altered, bound to another context, or for another key.
        """
        public, nonce = ciphertext[:_PUBLIC_BYTES], ciphertext[_PUBLIC_BYTES:][:_NONCE_BYTES]
        body = ciphertext[_PUBLIC_BYTES + _NONCE_BYTES :]
        if len(body) < _TAG_BYTES:
            raise SignatureError(f"expected a sealed message, got {len(ciphertext)} bytes")
        try:
            shared = self._key.exchange(X25519PublicKey.from_public_bytes(public))
            key = _message_key(shared, public, self.seal_key)
            return AESGCM(key).decrypt(nonce, body, context)
        except (InvalidTag, ValueError) as error:
            raise SignatureError(
                f"sealed message was altered or is not for key {self.key_id}"
            ) from error

    def pair_secret(self, peer_key: bytes, context: bytes) -> bytes:
        """32 bytes that only this node and the holder of a sealing key know, for one use."""
        shared = self._key.exchange(X25519PublicKey.from_public_bytes(peer_key))
        info = _PAIR_DOMAIN + context
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)


@dataclass(frozen=True, slots=True)
class StationKeys:
    """A node's private keys and its public identity."""

    signer: StationSigner
    opener: StationOpener
    identity: Identity


@dataclass(frozen=True, slots=True)
class _KeyFile:
    sign: str
    seal: str


def public_path(path: Path) -> Path:
    """Where the public half of a key file stands: ``NAME.pub.json`` beside it."""
    return path.with_name(f"{path.stem}.pub.json")


def create_key_file(path: Path, name: str, sign_seed: bytes, seal_seed: bytes) -> StationKeys:
    """Write a new key file (mode 0600) and its public half; never overwrite one.

    Raises
    ------
    KeyFileError
        If there is one already, or it cannot be written.
    """
    keys = _keys(name, sign_seed, seal_seed)
    text = json.dumps({"sign": sign_seed.hex(), "seal": seal_seed.hex()}) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(path, KEY_FILE_MODE) as file:
            file.write(text.encode())
        write_identity(public_path(path), keys.identity)
    except OSError as error:
        raise KeyFileError(f"expected to create a key file at {path}: {error}") from error
    return keys


def load_key_file(path: Path, name: str) -> StationKeys:
    """The keys in a key file.

    Raises
    ------
    KeyFileError
        If it is missing, readable by others, or does not hold two seeds.
    """
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text(encoding="utf-8")
        body = decode(_KeyFile, json.loads(text[:KEY_FILE_BYTES_MAX]))
        seeds = bytes.fromhex(body.sign), bytes.fromhex(body.seal)
    except (OSError, ValueError, ShapeError) as error:
        raise KeyFileError(f'expected {{"sign", "seal"}} in hex at {path}: {error}') from error
    if mode & 0o077:
        raise KeyFileError(f"expected mode 0600 of {path}, got {mode:04o}: run chmod 600 on it")
    return _keys(name, *seeds)


def write_identity(path: Path, identity: Identity) -> None:
    """Write a public identity by rename, so that no reader sees half of it."""
    write_whole(path, (json.dumps(encode(identity), indent=1) + "\n").encode())


def read_identity(path: Path) -> Identity:
    """A peer's public identity.

    Raises
    ------
    KeyFileError
        If the file is missing or is not an identity with two keys in hexadecimal.
    """
    try:
        identity = decode(Identity, json.loads(path.read_text(encoding="utf-8")))
        key_id_of(_from_hex(identity.public_key))
        key_id_of(_from_hex(identity.seal_key))
    except (OSError, ValueError, ShapeError, SignatureError) as error:
        raise KeyFileError(f"expected a public identity at {path}: {error}") from error
    return identity


def _keys(name: str, sign_seed: bytes, seal_seed: bytes) -> StationKeys:
    signer, opener = StationSigner(sign_seed), StationOpener(seal_seed)
    identity = Identity(name, signer.public_key.hex(), opener.seal_key.hex())
    return StationKeys(signer, opener, identity)


def _message_key(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    info = _SEAL_DOMAIN + ephemeral + recipient
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)


def open_ccm(key: bytes, nonce: bytes, ciphertext: bytes) -> bytes:
    """What a device has sealed with AES-CCM under a shared key, the tag being last.

    Raises
    ------
    SignatureError
        If it was altered or sealed with another key.
    """
    try:
        return AESCCM(key, tag_length=_CCM_TAG_BYTES).decrypt(nonce, ciphertext, None)
    except (InvalidTag, ValueError) as error:
        raise SignatureError("sealed message was altered or is for another key") from error


def stretch(passphrase: bytes, salt: bytes) -> bytes:
    """An AES-256 key from a passphrase: scrypt (RFC 7914), 32 MiB and about a tenth of a second."""
    return Scrypt(salt=salt, length=32, n=SCRYPT_N, r=8, p=1).derive(passphrase)


@dataclass(frozen=True, slots=True)
class PieceSealer:
    """Seals the pieces of a long file in order (AES-256-GCM, STREAM construction).

    A piece's number and whether it is the last are its nonce, so pieces cannot change
    places, be left out, or be cut off unseen. A key seals one file only: it is made from a
    fresh salt. Hoang et al. 2015, doi:10.1007/978-3-662-47989-6_24.

    Parameters
    ----------
    key
        32 bytes.
    context
        What the pieces belong to: the file's header.
    """

    key: bytes
    context: bytes

    def seal(self, number: int, piece: bytes, *, last: bool) -> bytes:
        """A sealed piece, 16 bytes longer."""
        return AESGCM(self.key).encrypt(_piece_nonce(number, last=last), piece, self.context)

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        """The piece.

        Raises
        ------
        SignatureError
            If it was altered, moved or cut off, or the key is another.
        """
        nonce = _piece_nonce(number, last=last)
        try:
            return AESGCM(self.key).decrypt(nonce, sealed, self.context)
        except InvalidTag as error:
            raise SignatureError(f"piece {number} was altered, or the secret is another") from error


def _piece_nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_NONCE_BYTES - 1, "big") + (b"\1" if last else b"\0")


def _from_hex(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise SignatureError(f"expected a key in hexadecimal, got {text[:80]!r}") from error
    if len(key) != _PUBLIC_BYTES:
        raise SignatureError(f"expected a key of {_PUBLIC_BYTES} bytes, got {len(key)}")
    return key
