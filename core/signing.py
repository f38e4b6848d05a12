"""What is signed, and by what kind of hand; the hands themselves live in the rooms.

A signed document is ``{"body", "key_id", "sig", "type"}`` in canonical JSON. The
signature is Ed25519 (RFC 8032) over ``harvestline/<type>/v<n>``, a zero byte and
the body's canonical bytes, so that no document can be passed off as another kind
(docs/wire.md, W5). Each room's ``keys.py`` is the only door to cryptography.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.errors import ShapeError, SignatureError, UnknownDocumentError

SIGNATURE_BYTES = 64
PUBLIC_KEY_BYTES = 32
DOCUMENT_BYTES_MAX = 4 * 1024 * 1024
_BODY_FIRST = b'{"body":'


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A kind of signed document and its major version."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"harvestline/{self.name}/v{self.version}"


class Signer(Protocol):
    """Holds a private key."""

    @property
    def key_id(self) -> str:
        """The key's id: 32 hexadecimal digits."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of a message."""
        ...


class Verifier(Protocol):
    """Knows public keys."""

    def verify(self, key_id: str, message: bytes, signature: bytes) -> None:
        """Return if the signature is by that key, else raise SignatureError."""
        ...


class Sealer(Protocol):
    """Encrypts to a recipient, so that a carrier cannot read what it carries."""

    def seal(self, recipient: str, plaintext: bytes, context: bytes) -> bytes:
        """Ciphertext that only ``recipient`` (a key id) can open, bound to ``context``."""
        ...


class Opener(Protocol):
    """Opens what was sealed to the holder of this key."""

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        """The plaintext, or raise SignatureError if it was altered or is not for this key."""
        ...


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A document whose signature has been verified."""

    type: DocumentType
    body: dict[str, Any]
    key_id: str
    sha256: str


def key_id_of(public_key: bytes) -> str:
    """The id of a public key: the first 16 bytes of its SHA-256, in hexadecimal.

    Raises
    ------
    SignatureError
        If the key does not have 32 bytes.
    """
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise SignatureError(f"expected a public key of 32 bytes, got {len(public_key)}")
    return sha256_hex(public_key)[:32]


def bytes_to_sign(kind: DocumentType, content: bytes) -> bytes:
    """The exact bytes under a signature: domain, zero, content."""
    return str(kind).encode() + b"\0" + content


def sign_document(kind: DocumentType, body: dict[str, Any], signer: Signer) -> bytes:
    """The canonical bytes of a signed document."""
    signature = signer.sign(bytes_to_sign(kind, canonical_bytes(body)))
    return canonical_bytes(
        {"body": body, "key_id": signer.key_id, "sig": signature.hex(), "type": str(kind)}
    )


def open_document(
    data: bytes, kind: DocumentType, verifier: Verifier, bytes_max: int = DOCUMENT_BYTES_MAX
) -> SignedDocument:
    """Parse a signed document of the expected kind and verify it.

    Raises
    ------
    CanonicalError
        If the bytes are not canonical JSON, or are more than ``bytes_max``.
    UnknownDocumentError
        If the document is of another type or major version.
    ShapeError
        If a part of the wrapper is missing.
    SignatureError
        If the signature is malformed, by an unknown key, or wrong.
    """
    document = parse_canonical(data, bytes_max)
    if document.get("type") != str(kind):
        raise UnknownDocumentError(f"expected {kind}, got {document.get('type')!r}")
    body, key_id = document.get("body"), document.get("key_id")
    if not isinstance(body, dict) or not isinstance(key_id, str):
        raise ShapeError(f"expected body and key_id in a signed {kind}, got {sorted(document)}")
    message = bytes_to_sign(kind, _body_bytes(data, document))
    verifier.verify(key_id, message, signature_from_hex(document.get("sig")))
    return SignedDocument(kind, body, key_id, sha256_hex(data))


def _body_bytes(data: bytes, document: dict[str, Any]) -> bytes:
    """The body's canonical bytes: a slice of the document's where the body comes first."""
    rest = canonical_bytes({key: value for key, value in document.items() if key != "body"})
    if data.startswith(_BODY_FIRST) and data.endswith(rest[1:]):
        return data[len(_BODY_FIRST) : -len(rest)]
    return canonical_bytes(document["body"])


def signature_from_hex(text: object) -> bytes:
    """The 64 bytes of a signature written in hexadecimal.

    Raises
    ------
    SignatureError
        If it is not 128 hexadecimal digits.
    """
    try:
        signature = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError as error:
        raise SignatureError(f"expected a signature in hexadecimal, got {text!r}") from error
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureError(f"expected a signature of 64 bytes, got {len(signature)}")
    return signature
