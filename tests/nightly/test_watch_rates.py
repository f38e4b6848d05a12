"""How often the watch is right, on seeded villages with droughts and planted frauds.

The figures of docs/features.md are from this file's villages; the bounds here are a
little wider than what they gave, so that a change for the worse is seen.
"""

from __future__ import annotations

import pytest

from edge_node.watch.notices import NoticeKind
from tests.support.copied_village import (
    BLIND_LIES,
    COPY_LIES,
    COUNTER_LIES,
    HERD_LIES,
    LIES,
    PATH,
    CopiedVillage,
)
from tests.support.probed_village import ProbedVillage
from tests.support.watch_scores import (
    Planted,
    drought_of,
    perfect_forecast,
    plant,
    plots_file,
    precision_at,
    score_dry_soil,
    score_flags,
    summed,
)

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1_800)]
SEEDS = range(1, 7)
COPIED_SEEDS = range(401, 413)  # the rules were looked at on 11 to 14


def season(folder, seed, planted=None, *, soils=False, forecast=False):
    """A finished season of one village."""
    folder.mkdir()
    changes = {"plots_file": plots_file(folder, seed)} if soils else {}
    lie = (planted or Planted({})).lie
    village = ProbedVillage(seed, folder, drought_of(seed), lie, changes=changes)
    village.run((lambda day: perfect_forecast(village, day)) if forecast else (lambda _day: None))
    return village


@pytest.mark.parametrize("how", ["probes tell the soil", "textures are named", "forecast"])
def test_dry_soil_is_told_in_time(tmp_path, how):
    scores = []
    for seed in SEEDS:
        village = season(
            tmp_path / str(seed), seed, soils=how != "probes tell the soil",
            forecast=how == "forecast",
        )  # fmt: skip
        scores.append(score_dry_soil(village))
        village.close()
    harms = sum(one.harms for one in scores)
    told = sum(one.harms_told for one in scores)
    unknown = sum(one.harms_unknown_soil for one in scores)
    alerts = sum(one.alerts for one in scores)
    false = sum(one.false_alerts for one in scores)
    leads = sorted(lead for one in scores for lead in one.leads)
    weeks = sum(lead >= 7 for lead in leads)
    print(f"{how}: {scores}")
    print(f"{how}: harms {harms}, told {told}, unknown soil {unknown}, alerts {alerts}, "
          f"spared {sum(one.spared for one in scores)}, false {false}, "
          f"lead {leads[len(leads) // 2]}, a week or more {weeks}")  # fmt: skip
    assert told >= 0.8 * (harms - unknown)
    assert false <= 0.2 * alerts
    assert weeks >= 0.65 * len(leads)


def test_frauds_are_flagged_and_the_honest_are_left_alone(tmp_path):
    scores = {NoticeKind.PROBE_DISAGREES: [], NoticeKind.ENGINE_STANDS: []}
    for seed in SEEDS:
        planted = plant(seed)
        village = season(tmp_path / str(seed), seed, planted)
        for kind, found in scores.items():
            found.append(score_flags(village, planted, kind))
        village.close()
    for kind, found in scores.items():
        total = summed(found)
        precision = precision_at(total, 0.02)
        print(f"{kind.value}: {total}, precision at 2 %: {precision:.2f}")
        assert total.planted_flagged >= 0.8 * total.planted
        assert total.honest_flagged <= 0.03 * total.honest


def copied_outcomes(folder):
    """How every device and herd of twelve villages fared."""
    for seed in COPIED_SEEDS:
        place = folder / str(seed)
        place.mkdir()
        village = CopiedVillage(seed, place)
        village.run()
        yield from village.outcomes()
        village.close()


def test_clones_copies_and_twin_tags_are_flagged_and_bad_luck_is_not(tmp_path):
    outcomes = list(copied_outcomes(tmp_path))
    ways = {one.way: [each for each in outcomes if each.way == one.way] for one in outcomes}

    def flagged(names, kind):
        return [one for name in names for one in ways[name] if kind in one.flagged]

    counters, copies = NoticeKind.COUNTER_REPEATED, NoticeKind.READINGS_REPEATED
    tags = NoticeKind.TAG_ON_TWO_FARMS
    for way, kind in (
        *((way, counters) for way in COUNTER_LIES), *((way, copies) for way in COPY_LIES),
        (HERD_LIES[0], tags),
    ):  # fmt: skip
        found = flagged([way], kind)
        days = sorted(one.flagged[kind] - one.since for one in found)
        print(f"{way}: {len(found)} of {len(ways[way])} in {days[0]} to {days[-1]} days")
        assert len(found) >= 0.9 * len(ways[way])
        assert days[-1] <= 14
    honest = [name for name in ways if name not in (*LIES, *HERD_LIES, PATH)]
    count = sum(len(ways[name]) for name in honest)
    for kind in (counters, copies, tags):
        wrong = flagged(honest, kind)
        print(f"honest: {kind.value} {len(wrong)} of {count}")
        assert len(wrong) <= 0.01 * count
    # What the rules are known not to see; should they begin to, the docs are to say so.
    assert not flagged(BLIND_LIES, copies)
    assert not flagged(BLIND_LIES[:1], counters)
    assert not flagged(HERD_LIES[1:], tags)
