"""A device's link to its station that flaps and goes silent: all is stored, once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from firmware_sim.links.tcp import HOST, LinkShape, TcpLink
from tests.support.edge_device import OutboxDevice
from tests.support.edge_station import (
    STATION_SIGNER,
    RunningStation,
    eventually,
    running_station,
    sample,
    secrets_file,
    settings_for,
)
from tests.support.requirements import require

SAMPLES = 40  # between two cuts


@pytest.fixture(params=["amqtt", "mosquitto"])
def station(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningStation]:
    if request.param == "mosquitto":
        require("mosquitto")
    settings = settings_for(
        tmp_path, broker=request.param, device_passwords_file=secrets_file(tmp_path, "probe-1")
    )
    with running_station(settings, "probe-1") as made:
        yield made


def linked(
    stack: contextlib.ExitStack, station: RunningStation, shape: LinkShape
) -> tuple[TcpLink, OutboxDevice]:
    """A link to the broker, and a device at its end."""
    link = stack.enter_context(TcpLink(HOST, station.access.port, np.random.default_rng(5), shape))
    device = OutboxDevice("probe-1", link.port, station_key=STATION_SIGNER.public_key)
    return link, stack.enter_context(device)


def fill(device: OutboxDevice, turn: int) -> int:
    low = turn * SAMPLES + 1
    device.fill(tuple(sample(seq) for seq in range(low, low + SAMPLES)))
    device.send(batch_samples=4)
    return low + SAMPLES - 1


def require_all_once(station: RunningStation, device: OutboxDevice, upto: int) -> None:
    """Everything arrives once the link is good again, and each number stands once."""

    def is_told() -> bool:
        device.send(batch_samples=4)
        with contextlib.suppress(AssertionError):
            device.wait_watermark(upto, timeout_s=0.5)
        return device.watermark.get("e1", 0) == upto

    eventually(is_told)
    rows = station.db.execute("SELECT seq FROM samples ORDER BY seq").fetchall()
    assert rows == [(seq,) for seq in range(1, upto + 1)]


@pytest.mark.parametrize(
    ("cuts", "shortest_s", "longest_s"),
    [
        (6, 0.05, 0.3),
        pytest.param(20, 1.0, 5.0, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
    ids=["quick", "every 1-5 s"],
)
def test_a_devices_flapping_link_brings_everything_once(
    station: RunningStation, cuts: int, shortest_s: float, longest_s: float
):
    chance, upto = np.random.default_rng(9), 0
    with contextlib.ExitStack() as stack:
        link, device = linked(stack, station, LinkShape(latency_ms=10))
        for turn in range(cuts):
            upto = fill(device, turn)
            threading.Event().wait(chance.uniform(shortest_s, longest_s))
            link.cut()
            threading.Event().wait(chance.uniform(shortest_s, longest_s) / 4)
            link.mend()
        require_all_once(station, device, upto)


def test_a_silent_link_loses_nothing_and_the_device_comes_back(station: RunningStation):
    """Half open: neither end hears of it, and what was sent is nowhere."""
    with contextlib.ExitStack() as stack:
        link, device = linked(stack, station, LinkShape())
        upto = fill(device, 0)
        device.wait_watermark(upto)
        link.silence()
        upto = fill(device, 1)
        assert device.watermark == {"e1": SAMPLES}
        link.drop_connections()
        link.mend()
        require_all_once(station, device, upto)
