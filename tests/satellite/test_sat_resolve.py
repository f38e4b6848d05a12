"""Several looks of one day: what counts once, what is joined, what stays apart."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest

from satellite.statistics.resolve import resolve
from satellite.statistics.store import LookRow, SceneRow
from satellite.statistics.weighted import Spread

# id, instant, baseline, tile, processed, mean, seen, share => which rows the look is of, its mean
DAYS = """
# a plain day
S2A_36KTB_20230105_0_L2A 07:57:12 05.09 36KTB - 0.60 1.0 1.0 => 1 0.60

# made again: the newer baseline wins, though it saw less
S2A_36KTB_20230105_0_L2A 07:57:12 02.14 36KTB - 0.60 1.0 1.0
S2A_36KTB_20230105_1_L2A 07:57:12 05.09 36KTB - 0.62 0.9 1.0 => 2 0.62

# made again under one baseline: the later processing wins, also where times differ by seconds
S2A_36KTB_20230105_0_L2A 07:57:12 05.09 36KTB 2023-01-05T12:00:00Z 0.60 1.0 1.0
S2A_36KTB_20230105_1_L2A 07:57:15 05.09 36KTB 2024-02-01T12:00:00Z 0.62 1.0 1.0 => 2 0.62

# a baseline is a number: 10.00 is newer than 9.99
S2A_36KTB_20230105_0_L2A 07:57:12 9.99 36KTB - 0.60 1.0 1.0
S2A_36KTB_20230105_1_L2A 07:57:12 10.00 36KTB - 0.62 1.0 1.0 => 2 0.62

# two tiles: the one that holds the whole plot, though the other is newer
S2A_36KTB_20230105_0_L2A 07:57:12 05.09 36KTB - 0.60 0.7 1.0
S2A_36KUB_20230105_0_L2A 07:57:09 05.10 36KUB - 0.40 0.3 0.3 => 1 0.60

# two tiles that lie edge to edge: joined by what was seen
S2A_36KTB_20230105_0_L2A 07:57:12 05.09 36KTB - 0.60 0.6 0.6
S2A_36KUB_20230105_0_L2A 07:57:09 05.09 36KUB - 0.40 0.2 0.4 => 1+2 0.55

# two tiles that share a fifth of the plot: the shared ground weighs once
S2A_36KTB_20230105_0_L2A 07:57:12 05.09 36KTB - 0.60 0.8 0.8
S2A_36KUB_20230105_0_L2A 07:57:09 05.09 36KUB - 0.40 0.4 0.4 => 1+2 0.56

# a part of which nothing was seen adds nothing
S2A_36KTB_20230105_0_L2A 07:57:12 05.09 36KTB - 0.60 0.6 0.6
S2A_36KUB_20230105_0_L2A 07:57:09 05.09 36KUB - - 0.0 0.4 => 1 0.60

# made again on one of two tiles: resolved before they are joined
S2A_36KTB_20230105_0_L2A 07:57:12 05.09 36KTB - 0.60 0.5 0.5
S2A_36KUB_20230105_0_L2A 07:57:09 02.14 36KUB - 0.10 0.5 0.5
S2A_36KUB_20230105_1_L2A 07:57:09 05.09 36KUB - 0.40 0.5 0.5 => 3+1 0.50

# two satellites a minute apart: two looks, the one that saw more
S2A_36KTB_20230105_0_L2A 07:57:12 05.09 36KTB - 0.60 0.6 1.0
S2C_36KTB_20230105_0_L2A 07:58:12 05.09 36KTB - 0.40 0.9 1.0 => 2 0.40

# two passes of one satellite, far north
S2A_33WXP_20230605_0_L2A 09:10:00 05.09 33WXP - 0.60 0.9 1.0
S2A_33WXP_20230605_1_L2A 10:50:00 05.09 33WXP - 0.40 0.2 1.0 => 1 0.60

# ids of the Planetary Computer, whose tiles share one instant
S2A_MSIL2A_20230105T074319_R092_T36KTB_20230106T000000 07:43:19 05.09 - - 0.60 0.5 0.5
S2A_MSIL2A_20230105T074319_R092_T36KUB_20230106T000000 07:43:19 05.09 - - 0.40 0.5 0.5 => 2+1 0.50

# ids that tell no tile: never joined, for they may show the same ground
one 07:57:12 05.09 - - 0.60 0.6 0.6
two 07:57:12 05.10 - - 0.40 0.4 0.4 => 2 0.40
"""


def _row(words: list[str]) -> LookRow:
    item_id, time, baseline, tile, processed, mean, seen, share = (
        "" if word == "-" else word for word in words
    )
    day = date(2023, 6 if "202306" in item_id else 1, 5)
    scene = SceneRow(
        item_id, "", f"sha-{item_id}", day, f"{day}T{time}Z", baseline, tile=tile,
        processed=processed,
    )  # fmt: skip
    value = float(mean) if mean else None
    spread = None if value is None else Spread(0.1, value, value - 0.1, value + 0.1)
    return LookRow("p", scene, value, float(seen), 40.0, 20, spread, float(share))


def _cases() -> list[tuple[str, list[LookRow], str, float]]:
    found = []
    for block in DAYS.strip().split("\n\n"):
        title, *lines = block.splitlines()
        answer = lines[-1].partition(" => ")[2].split()
        rows = [_row(line.partition(" => ")[0].split()) for line in lines]
        names = [rows[int(number) - 1].scene.item_id for number in answer[0].split("+")]
        found.append((title[2:], rows, "+".join(names), float(answer[1])))
    return found


@pytest.mark.parametrize(("rows", "item_id", "mean"), [c[1:] for c in _cases()],
                         ids=[c[0] for c in _cases()])  # fmt: skip
def test_a_day_has_one_look_whatever_the_order(
    rows: list[LookRow], item_id: str, mean: float
) -> None:
    for order in permutations(rows):
        (look,) = resolve(order)
        assert look.scene.item_id == item_id
        assert look.mean == pytest.approx(mean)
        assert look.valid_fraction <= 1.0
        assert look.share <= 1.0


def test_joined_parts_keep_what_each_rests_on_and_spread_over_both() -> None:
    rows = next(rows for title, rows, *_ in _cases() if "edge to edge" in title)
    (look,) = resolve(rows)
    assert look.valid_fraction == pytest.approx(0.8)
    assert look.share == pytest.approx(1.0)
    assert look.scene.sha256 not in {row.scene.sha256 for row in rows}
    assert look.spread is not None
    # Within the parts 0.1, between them 0.2 at weights ¾ and ¼.
    assert look.spread.std == pytest.approx((0.1**2 + 0.2**2 * 0.75 * 0.25) ** 0.5)
    changed = [LookRow("p", SceneRow(r.scene.item_id, "", "other", r.scene.day, r.scene.acquired,
                                     r.scene.baseline, tile=r.scene.tile),
                       r.mean, r.valid_fraction, r.pixels, r.full_pixels, r.spread, r.share)
               for r in rows]  # fmt: skip
    assert resolve(changed)[0].scene.sha256 != look.scene.sha256


def test_days_come_in_order() -> None:
    rows = [LookRow("p", SceneRow(f"s{d}", "", "", date(2023, 1, d), f"2023-01-0{d}T08:00:00Z", ""),
                    0.5, 1.0, 40.0, 20) for d in (3, 1, 2)]  # fmt: skip
    assert [row.scene.day.day for row in resolve(rows)] == [1, 2, 3]
