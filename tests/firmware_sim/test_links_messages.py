"""The faulty message link does what its numbers say, and the same under the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.config import SettingError
from firmware_sim.links.messages import WAITING_MAX, MessageFaults, MessageLink


def carried(faults: MessageFaults, seed: int, count: int) -> list[int]:
    link: MessageLink[int] = MessageLink(faults, np.random.default_rng(seed))
    for i in range(count):
        link.send(i, i * 10)
    return list(link.receive(10**9))


def test_good_link_carries_everything_in_order_after_its_delay() -> None:
    link: MessageLink[str] = MessageLink(MessageFaults(delay_ms=50), np.random.default_rng(1))
    link.send("a", 0)
    link.send("b", 0)
    assert (link.next_at_ms(), link.receive(49)) == (50, ())
    assert link.receive(50) == ("a", "b")
    assert link.next_at_ms() is None


def test_faults_come_at_their_rates() -> None:
    lost = carried(MessageFaults(lose_ppm=200_000), 5, 5_000)
    assert 3_850 < len(lost) < 4_150
    repeated = carried(MessageFaults(repeat_ppm=100_000, hold_ms_max=100), 5, 5_000)
    assert 5_350 < len(repeated) < 5_650
    assert set(repeated) == set(range(5_000))
    reordered = carried(MessageFaults(reorder_ppm=100_000, hold_ms_max=1_000), 5, 5_000)
    assert sorted(reordered) == list(range(5_000)) != reordered


@given(seed=st.integers(0, 2**32), lose=st.integers(0, 10**6), repeat=st.integers(0, 10**6))
def test_one_seed_one_fate(seed: int, lose: int, repeat: int) -> None:
    faults = MessageFaults(lose, repeat, 300_000, 5, 200)
    assert carried(faults, seed, 30) == carried(faults, seed, 30)


def test_cut_link_loses_what_is_under_way_and_what_is_sent() -> None:
    link: MessageLink[str] = MessageLink(MessageFaults(delay_ms=5), np.random.default_rng(1))
    link.send("under way", 0)
    link.cut()
    link.send("sent", 1)
    link.mend()
    link.send("after", 2)
    assert link.receive(100) == ("after",)
    assert link.lost_count == 2


@pytest.mark.parametrize(
    "numbers", [{"lose_ppm": -1}, {"repeat_ppm": 10**6 + 1}, {"delay_ms": -1}, {"hold_ms_max": 0}]
)
def test_impossible_faults_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="expected"):
        MessageFaults(**numbers)


def test_link_that_nobody_reads_is_bounded() -> None:
    link: MessageLink[int] = MessageLink(MessageFaults(), np.random.default_rng(1))
    for i in range(WAITING_MAX):
        link.send(i, 0)
    with pytest.raises(SettingError, match="receive them"):
        link.send(0, 0)
