"""A repository of updates made with tuf itself, without our server, and easy to break."""

from __future__ import annotations

import copy
import json
import shutil
import struct
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.lending.product import Product
from core.shape import encode
from core.signing import Signer, sign_document
from core.units import PPM
from core.wire.modelfile import MODEL, Model
from core.wire.update import (
    Message,
    ModelPack,
    ProductPack,
    PromptsPack,
    Rollout,
    TargetNote,
    golden_vectors,
)

ALL = Rollout(share_ppm=PPM)
ONLINE = ("timestamp", "snapshot", "targets")


def key(number: int) -> CryptoSigner:
    """A key that is always the same."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


@dataclass
class Repository:
    """A folder of signed metadata and targets at an instant [ms UTC].

    ``hashed`` binds metadata by their hashes, as the centre does; without, by version only.
    """

    path: Path
    at_ms: int
    hashed: bool = True
    root_keys: list[CryptoSigner] = field(default_factory=lambda: [key(1), key(2), key(3)])
    threshold: int = 2
    online: dict[str, CryptoSigner] = field(
        default_factory=lambda: {role: key(10 + i) for i, role in enumerate(ONLINE)}
    )
    days: dict[str, int] = field(
        default_factory=lambda: {"root": 1000, "targets": 400, "snapshot": 200, "timestamp": 100}
    )
    targets: dict[str, TargetFile] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ONLINE, 0))
    root_version: int = 0

    def __post_init__(self) -> None:
        (self.path / "metadata").mkdir(parents=True)
        self.write_root(self.root_keys)
        self.publish()

    def copied_to(self, path: Path) -> Repository:
        """The same repository, in a copy of its folder."""
        shutil.copytree(self.path, path)
        twin = copy.copy(self)
        twin.path = path
        for name in ("root_keys", "online", "days", "versions"):
            setattr(twin, name, copy.copy(getattr(self, name)))
        twin.targets = copy.deepcopy(self.targets)
        return twin

    @property
    def root(self) -> bytes:
        """The first root, as stations are given it."""
        return (self.path / "metadata" / "1.root.json").read_bytes()

    def write_root(self, signers: list[CryptoSigner], **changes: Any) -> None:
        """The next root, signed by these."""
        self.root_version += 1
        root = Root(self.root_version, expires=self._until("root"), consistent_snapshot=True)
        for signer in self.root_keys:
            root.add_key(signer.public_key, "root")
        root.roles["root"].threshold = self.threshold
        for role in ONLINE:
            root.add_key(self.online[role].public_key, role)
        if "version" in changes:
            root.version = changes["version"]
        self._write(f"{self.root_version}.root.json", root, signers)

    def add(self, note: TargetNote, data: bytes, **custom: Any) -> TargetFile:
        """Offer a target, to be published; ``custom`` overrules what its note says."""
        hashes = {"sha256": sha256_hex(data)}
        body = {**encode(note), **custom}
        target = TargetFile(len(data), hashes, note.path, {"custom": body})
        self.targets[note.path] = target
        self.file_of(note.path).parent.mkdir(parents=True, exist_ok=True)
        self.file_of(note.path).write_bytes(data)
        return target

    def renote(self, path: str, **changes: Any) -> None:
        """Say something else of a target."""
        found = self.targets[path]
        custom = {**(found.custom or {}), **changes}
        self.targets[path] = TargetFile(found.length, found.hashes, path, {"custom": custom})

    def file_of(self, path: str) -> Path:
        """Where a target's bytes lie."""
        target = self.targets[path]
        folder, _, name = path.rpartition("/")
        return self.path / "targets" / folder / f"{target.hashes['sha256']}.{name}"

    def publish(self, only: tuple[str, ...] = ONLINE) -> None:
        """Sign the next version of these roles."""
        for role in ("targets", "snapshot", "timestamp"):
            if role in only:
                self.versions[role] += 1
                self._publish(role)

    def metadata(self, name: str) -> Path:
        """A metadata file."""
        return self.path / "metadata" / name

    def name_of(self, role: str) -> str:
        """What a role's newest file is called."""
        return "timestamp.json" if role == "timestamp" else f"{self.versions[role]}.{role}.json"

    def rewrite(self, name: str, change: Any, signers: list[CryptoSigner] | None = None) -> None:
        """Change what a metadata file says; keep its old signatures, or sign it anew."""
        path = self.metadata(name)
        found = json.loads(path.read_bytes())
        change(found["signed"])
        path.write_bytes(json.dumps(found).encode())
        if signers is not None:
            metadata: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
            metadata.signatures.clear()
            for signer in signers:
                metadata.sign(signer, append=True)
            path.write_bytes(metadata.to_bytes())

    def _publish(self, role: str) -> None:
        version, until = self.versions[role], self._until(role)
        body: Any
        if role == "targets":
            body = Targets(version, expires=until, targets=dict(self.targets))
        elif role == "snapshot":
            body = Snapshot(version, expires=until, meta={"targets.json": self._meta("targets")})
        else:
            body = Timestamp(version, expires=until, snapshot_meta=self._meta("snapshot"))
        self._write(self.name_of(role), body, [self.online[role]])

    def _meta(self, role: str) -> MetaFile:
        version = self.versions[role]
        if not self.hashed:
            return MetaFile(version)
        data = self.metadata(self.name_of(role)).read_bytes()
        return MetaFile.from_data(version, data, ["sha256"])

    def _write(self, name: str, body: Any, signers: list[CryptoSigner]) -> None:
        metadata = Metadata(body)
        for signer in signers:
            metadata.sign(signer, append=True)
        self.metadata(name).write_bytes(metadata.to_bytes())

    def _until(self, role: str) -> datetime:
        return datetime.fromtimestamp(self.at_ms // 1000, UTC) + timedelta(days=self.days[role])


def model_target(model: Model, signer: Signer, rollout: Rollout = ALL) -> tuple[TargetNote, bytes]:
    """A model's note and pack, with its vectors."""
    document = parse_canonical(sign_document(MODEL, encode(model), signer), 10**6)
    pack = ModelPack(document, golden_vectors(model))
    return TargetNote("model", model.version, rollout), canonical_bytes(encode(pack))


def product_target(product: Product, rollout: Rollout = ALL) -> tuple[TargetNote, bytes]:
    """A product's note and pack."""
    pack = ProductPack(encode(product), product.policy_version())
    note = TargetNote(f"product/{product.product_id}", product.version, rollout)
    return note, canonical_bytes(encode(pack))


def prompts_target(
    texts: dict[str, str], version: int = 1, language: str = "sw"
) -> tuple[TargetNote, bytes]:
    """A language's note and pack."""
    messages = tuple(Message(key, text) for key, text in sorted(texts.items()))
    pack = PromptsPack(language, "Kiswahili", messages)
    return TargetNote(f"prompts/{language}", version, ALL), canonical_bytes(encode(pack))


BOUNDS_E7 = (341_000_000, -11_000_000, 349_000_000, -3_000_000)


def basemap_bytes(bounds_e7: tuple[int, int, int, int] = BOUNDS_E7, tiles: int = 3) -> bytes:
    """A PMTiles file of a few tiles, written by hand after its specification."""
    body = [f"tile {n}".encode().ljust(400, b".") for n in range(tiles)]
    root = _varint(tiles) + b"".join(_varint(1) for _ in body)  # the ids 1, 2, 3 as steps
    root += b"".join(_varint(1) for _ in body)
    root += b"".join(_varint(len(one)) for one in body)
    root += _varint(1) + b"".join(_varint(0) for _ in body[1:])
    packed = zlib.compressobj(wbits=31)
    directory = packed.compress(root) + packed.flush()
    at = 127 + len(directory)
    size = sum(len(one) for one in body)
    header = b"PMTiles\x03" + struct.pack(
        "<8Q3Q6B4iB2i", 127, len(directory), at, 0, at, 0, at, size, tiles, tiles, tiles,
        1, 2, 1, 2, 0, 1, *bounds_e7, 0, 0, 0,
    )  # fmt: skip
    return header + directory + b"".join(body)


def basemap_target(data: bytes, version: int = 1) -> tuple[TargetNote, bytes]:
    """A basemap's note and file."""
    return TargetNote("basemap", version, ALL, bounds_e7=BOUNDS_E7), data


def _varint(value: int) -> bytes:
    found = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        found.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(found)


def with_rollout(note: TargetNote, rollout: Rollout) -> TargetNote:
    """The same note for other stations."""
    return replace(note, rollout=rollout)
