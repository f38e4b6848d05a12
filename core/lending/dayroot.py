"""One root a day over the heads of every log: signed by the centre, chained to the day before.

The leaves are the heads in order, the tree that of RFC 6962 (2.1): a leaf is hashed with
a zero byte before it, a node with a one, so that no node can pass for a leaf. Who holds a
day's root can later be shown, in a few hashes, that a head stood under it; who holds the
newest root holds all, because each names the document before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from core.canonical import canonical_bytes
from core.errors import ShapeError
from core.shape import encode
from core.signing import DocumentType

DAY_ROOT = DocumentType("day-root", 1)
HEADS_MAX = 20_000
FIRST = "0" * 64  # what the first day's root follows
_LEAF, _NODE = b"\0", b"\1"


@dataclass(frozen=True, slots=True)
class Head:
    """How far a writer's log goes, and the hash of its last record.

    ``log`` is a log class of the wire, ``ledger`` for a writer's entries in the books, or
    ``audit`` for the centre's trail.
    """

    log: str
    writer: str
    stream: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class DayRoot:
    """What the centre signs once a day; ``previous`` is the document's hash of the time before."""

    seq: int
    day: str
    signed_at_ms: int
    previous: str
    root: str
    heads: tuple[Head, ...]


def ordered(heads: Sequence[Head]) -> tuple[Head, ...]:
    """The heads in the order in which they are leaves.

    Raises
    ------
    ShapeError
        If they are more than ``HEADS_MAX``.
    """
    if len(heads) > HEADS_MAX:
        raise ShapeError(f"expected at most {HEADS_MAX} heads under one root, got {len(heads)}")
    return tuple(sorted(heads, key=lambda each: (each.log, each.writer, each.stream)))


def root_of(heads: Sequence[Head]) -> str:
    """The root over heads in their order, in hexadecimal."""
    return _root([leaf_hash(each) for each in heads]).hex()


def leaf_hash(head: Head) -> bytes:
    """A head as a leaf."""
    return sha256(_LEAF + canonical_bytes(encode(head))).digest()


def proof_of(heads: Sequence[Head], place: int) -> tuple[str, ...]:
    """The hashes that lead from one head to the root, nearest first (RFC 6962, 2.1.1)."""
    return tuple(each.hex() for each in _path([leaf_hash(head) for head in heads], place))


def leads_to(head: Head, place: int, count: int, proof: Sequence[str], root: str) -> bool:
    """Whether a head at a place among ``count`` stands under a root, by its proof."""
    if not 0 <= place < count:
        return False
    node, left = leaf_hash(head), list(proof)
    sides = _sides(place, count)
    if len(sides) != len(left):
        return False
    for is_right, other in zip(sides, left, strict=True):
        beside = bytes.fromhex(other)
        node = _node(beside, node) if is_right else _node(node, beside)
    return node.hex() == root


def _sides(place: int, count: int) -> list[bool]:
    """Whether the node stands right of what it is joined with, from the leaf up."""
    if count <= 1:
        return []
    cut = _cut(count)
    if place < cut:
        return [*_sides(place, cut), False]
    return [*_sides(place - cut, count - cut), True]


def _root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    cut = _cut(len(leaves))
    return _node(_root(leaves[:cut]), _root(leaves[cut:]))


def _path(leaves: Sequence[bytes], place: int) -> list[bytes]:
    if len(leaves) <= 1:
        return []
    cut = _cut(len(leaves))
    if place < cut:
        return [*_path(leaves[:cut], place), _root(leaves[cut:])]
    return [*_path(leaves[cut:], place - cut), _root(leaves[:cut])]


def _cut(count: int) -> int:
    """The largest power of two below a count."""
    return 1 << (count - 1).bit_length() - 1


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()
