"""Hands for tests: real Ed25519 and sealing keys made from a small number."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import SignatureError
from core.signing import key_id_of


class NumberSigner:
    """A signer whose private key is 32 times the same byte."""

    def __init__(self, number: int) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.public_key = self._key.public_key().public_bytes_raw()
        self.key_id = key_id_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


@dataclass
class KnownKeys:
    """A verifier that knows the given public keys."""

    keys: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, *signers: NumberSigner) -> KnownKeys:
        return cls({signer.key_id: signer.public_key for signer in signers})

    def verify(self, key_id: str, message: bytes, signature: bytes) -> None:
        if key_id not in self.keys:
            raise SignatureError(f"expected a known key, got {key_id}")
        try:
            Ed25519PublicKey.from_public_bytes(self.keys[key_id]).verify(signature, message)
        except InvalidSignature as error:
            raise SignatureError(f"signature by {key_id} does not verify") from error


class SharedSeal:
    """Seals with one symmetric key: enough to prove that core hands over the context."""

    def __init__(self, number: int) -> None:
        self._box = AESGCM(bytes([number]) * 32)

    def seal(self, recipient: str, plaintext: bytes, context: bytes) -> bytes:
        return self._box.encrypt(b"\0" * 12, plaintext, context + recipient.encode())

    def opener(self, recipient: str) -> _Opener:
        return _Opener(self._box, recipient)


@dataclass
class _Opener:
    box: AESGCM
    recipient: str

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        try:
            return self.box.decrypt(b"\0" * 12, ciphertext, context + self.recipient.encode())
        except InvalidTag as error:
            raise SignatureError("the seal is not for this key, or was altered") from error
