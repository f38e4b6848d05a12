"""Which messages are refused, and for which reason, in order of precedence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.canonical import canonical_bytes
from core.shape import encode
from core.signing import sign_document
from core.wire.registry import Device
from core.wire.telemetry import BATCH, BIRTH, DEATH, MESSAGE_BYTES_MAX, Batch, Death
from edge_node.intake.messages import Heard, read_message
from edge_node.store.devices import UnknownDeviceError
from edge_node.store.quarantine import Refusal, Refused
from tests.support.edge_station import SITE, batch, device, device_signer, sample, signed_batch

DEVICES = {name: device(name) for name in ("probe-1", "probe-2")}
GOOD = signed_batch(batch("probe-1", 1, 2))
SIGNER = device_signer("probe-1")
BODY = encode(batch("probe-1", 1, 2))


def known(name: str) -> Device:
    if name not in DEVICES:
        raise UnknownDeviceError(name)
    return DEVICES[name]


def read(topic: str, payload: bytes) -> Heard | Refused:
    return read_message(SITE, topic, payload, known)


def test_signed_batch_is_heard():
    found = read("v1/kijani/probe-1/t", GOOD)
    assert isinstance(found, Heard)
    assert found.body == batch("probe-1", 1, 2)
    assert found.raw == GOOD


def test_signed_death_is_heard():
    death = Death("probe-1", "e1", 3)
    found = read("v1/kijani/probe-1/d", sign_document(DEATH, encode(death), SIGNER))
    assert isinstance(found, Heard)
    assert found.body == death


def signed(**changes: object) -> bytes:
    return sign_document(BATCH, {**BODY, **changes}, SIGNER)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("v1/kijani/probe-1", GOOD, Refusal.TOPIC),
        ("v2/kijani/probe-1/t", GOOD, Refusal.TOPIC),
        ("v1/kijani/probe-1/ack", GOOD, Refusal.TOPIC),
        ("v1/other/probe-1/t", GOOD, Refusal.TOPIC),
        ("v1/kijani/Probe 1/t", GOOD, Refusal.TOPIC),
        ("v1/kijani/probe-1/t", b" " * (MESSAGE_BYTES_MAX + 1), Refusal.OVERSIZED),
        ("v1/kijani/probe-9/t", GOOD, Refusal.UNKNOWN_DEVICE),
        ("v1/kijani/probe-1/t", b"", Refusal.MALFORMED),
        ("v1/kijani/probe-1/t", b"\xff\x00" * 50, Refusal.MALFORMED),
        ("v1/kijani/probe-1/t", b"[" * 5000, Refusal.MALFORMED),
        ("v1/kijani/probe-1/t", b'{"a":1}', Refusal.MALFORMED),
        ("v1/kijani/probe-1/t", GOOD + b" ", Refusal.MALFORMED),
        ("v1/kijani/probe-1/b", GOOD, Refusal.MALFORMED),
        ("v1/kijani/probe-1/t", sign_document(BIRTH, BODY, SIGNER), Refusal.MALFORMED),
        ("v1/kijani/probe-1/t", signed(samples=[]), Refusal.MALFORMED),
        ("v1/kijani/probe-1/t", signed(oldest=3), Refusal.MALFORMED),
        ("v1/kijani/probe-1/t", signed(epoch="E 1"), Refusal.MALFORMED),
        ("v1/kijani/probe-1/t", signed(boot="one"), Refusal.MALFORMED),
        (
            "v1/kijani/probe-1/t",
            signed(samples=[encode(sample(1, **{"x" * 60: 1}))]),
            Refusal.MALFORMED,
        ),
        ("v1/kijani/probe-2/t", GOOD, Refusal.SIGNATURE),
        (
            "v1/kijani/probe-1/t",
            signed_batch(batch("probe-1", 1), device_signer("probe-2")),
            Refusal.SIGNATURE,
        ),
        ("v1/kijani/probe-1/t", GOOD.replace(b"200001", b"200009"), Refusal.SIGNATURE),
        (
            "v1/kijani/probe-1/t",
            signed_batch(batch("probe-2", 1), device_signer("probe-1")),
            Refusal.OTHER_DEVICE,
        ),
    ],
)  # fmt: skip
def test_bad_message_is_refused_by_name(topic: str, payload: bytes, reason: Refusal):
    found = read(topic, payload)
    assert isinstance(found, Refused)
    assert found.reason is reason
    assert (found.topic, found.payload) == (topic, payload)
    assert found.detail


def test_death_with_an_odd_epoch_is_refused():
    death = sign_document(DEATH, {"device": "probe-1", "epoch": "../x", "boot": 1}, SIGNER)
    found = read("v1/kijani/probe-1/d", death)
    assert isinstance(found, Refused)
    assert found.reason is Refusal.MALFORMED


def test_every_prefix_of_a_good_message_is_refused():
    for end in range(0, len(GOOD), 7):
        assert isinstance(read("v1/kijani/probe-1/t", GOOD[:end]), Refused)


def test_unknown_fields_of_a_newer_device_are_passed_over():
    found = read("v1/kijani/probe-1/t", signed(colour="green"))
    assert isinstance(found, Heard)
    assert isinstance(found.body, Batch)
    assert replace(found.body, oldest=1) == batch("probe-1", 1, 2)
    assert canonical_bytes({"colour": "green"})[1:-1] in found.raw
