"""What a message on a device's topic says, or why it is refused. Pure.

A message counts only if it is a document signed by the very device in whose topic it
stands: the broker's word on who published it is not taken. Statements T1–T3 of
docs/wire.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from core.errors import CanonicalError, ShapeError, SignatureError, UnknownDocumentError
from core.shape import decode
from core.signing import DocumentType, SignedDocument, open_document
from core.wire.registry import Device
from core.wire.telemetry import (
    BATCH,
    BIRTH,
    DEATH,
    MESSAGE_BYTES_MAX,
    METRICS,
    Batch,
    Birth,
    Death,
    parse_topic,
    require_name,
)
from edge_node.keys import KeyRing
from edge_node.store.devices import UnknownDeviceError
from edge_node.store.quarantine import Refusal, Refused

DEVICES_MAX = 4_096  # devices whose key is kept parsed
TOPICS_MAX = 4_096  # topics whose parts are kept
_METRIC = re.compile(r"[a-z][a-z0-9_]{0,47}")
_KINDS: dict[str, tuple[DocumentType, type[Batch | Birth | Death]]] = {
    "t": (BATCH, Batch),
    "b": (BIRTH, Birth),
    "d": (DEATH, Death),
}
LEAVES = tuple(_KINDS)


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that a device has signed; ``sha256`` and ``raw`` are of its document."""

    body: Batch | Birth | Death
    sha256: str
    raw: bytes


def read_message(
    site: str, topic: str, payload: bytes, device_of: Callable[[str], Device]
) -> Heard | Refused:
    """The document in a message, verified, or the first reason to refuse it.

    Parameters
    ----------
    site
        The station's site.
    topic, payload
        As the broker delivered them.
    device_of
        Finds a registered device by its id, or raises UnknownDeviceError.
    """
    checked = _sender(site, topic, payload, device_of)
    if isinstance(checked, tuple):
        return Refused(checked[0], topic, payload, checked[1])
    kind, shape = _KINDS[topic.rpartition("/")[2]]
    try:
        document = open_document(payload, kind, _ring(checked.public_key), MESSAGE_BYTES_MAX)
        heard = Heard(_body(document, shape), document.sha256, payload)
    except SignatureError as error:
        return Refused(Refusal.SIGNATURE, topic, payload, str(error))
    except (CanonicalError, ShapeError, UnknownDocumentError) as error:
        return Refused(Refusal.MALFORMED, topic, payload, str(error))
    if heard.body.device != checked.device_id:
        detail = f"signed for {heard.body.device} on the topic of {checked.device_id}"
        return Refused(Refusal.OTHER_DEVICE, topic, payload, detail)
    return heard


def _sender(
    site: str, topic: str, payload: bytes, device_of: Callable[[str], Device]
) -> Device | tuple[Refusal, str]:
    """The registered device in whose topic a message of a sane size stands, or what is wrong."""
    try:
        found_site, name, leaf = _parts(topic)
    except ShapeError as error:
        return Refusal.TOPIC, str(error)
    if found_site != site or leaf not in _KINDS:
        return Refusal.TOPIC, f"expected v1/{site}/<device>/{{t,b,d}}"
    if len(payload) > MESSAGE_BYTES_MAX:
        detail = f"expected at most {MESSAGE_BYTES_MAX} bytes, got {len(payload)}"
        return Refusal.OVERSIZED, detail
    try:
        return device_of(name)
    except UnknownDeviceError as error:
        return Refusal.UNKNOWN_DEVICE, str(error)


def _body(document: SignedDocument, shape: type[Batch | Birth | Death]) -> Batch | Birth | Death:
    body = decode(shape, document.body)
    require_name(body.epoch, "epoch")
    if isinstance(body, Batch):
        for sample in body.samples:
            for name in sample.values:
                if name not in METRICS and not _METRIC.fullmatch(name):
                    raise ShapeError(f"expected a metric of a-z, 0-9 and '_', got {name[:80]!r}")
    return body


@lru_cache(maxsize=TOPICS_MAX)
def _parts(topic: str) -> tuple[str, str, str]:
    return parse_topic(topic)


@lru_cache(maxsize=DEVICES_MAX)
def _ring(public_key: str) -> KeyRing:
    return KeyRing.of_hex(public_key)
