"""The newcomer's wait: from ``make run`` to the first page and the first decision.

``make run`` is started as a newcomer would start it, after set-up: it sows the village,
fits the yield model, trains the compact model, opens the centre, enrols station and
satellite, starts every process, and plays the season day by day. Compared are its
parts: until the kiosk's first page is read, from the season's first day to the first
decision at the kiosk (which falls in the story's third week), and the whole.
"""

from __future__ import annotations

import shutil
import statistics

from bench.report import Effort, Figure, Report
from bench.village import Telling, tell


def measure(effort: Effort) -> Report:
    """Tell the season's first weeks again and again; the last village is left to others."""
    told: list[Telling] = []
    folder = effort.scratch / "village"
    for _ in range(effort.repeats):
        shutil.rmtree(folder, ignore_errors=True)
        told.append(tell(folder, effort.days))
    return _report(told, effort)


def _report(told: list[Telling], effort: Effort) -> Report:
    parts = {
        "process start → kiosk's first page": [one.page_s for one in told],
        "season's first day → first decision": [one.season_s for one in told],
        "process start → first decision": [one.decision_s for one in told],
    }
    middle = {name: statistics.median(values) for name, values in parts.items()}
    page_s, season_s, decision_s = middle.values()
    samples = statistics.median(float(one.outcome["samples"]) for one in told)
    return Report(
        title="`make run`: time to the first page and to the first decision",
        headings=("what", "median [s]", "least [s]", "most [s]"),
        rows=tuple(
            (name, f"{middle[name]:.1f}", f"{min(values):.1f}", f"{max(values):.1f}")
            for name, values in parts.items()
        ),
        note=(
            f"{len(told)} runs of {effort.days} days of the season; {samples:,.0f} samples "
            "came from the devices in each. `make setup` (once, mostly downloads) is not in it. "
            "Nobody decides before the lines are open on the story's 13th day, so most of the "
            "second row is weeks of devices and pictures played fast."
        ),
        figures=(
            Figure(
                "`make run`, process start to first page", f"{page_s:.0f} s", "after `make setup`"
            ),
            Figure(
                "`make run`, process start to first decision",
                f"{decision_s:.0f} s",
                "two weeks of season in it",
            ),
        ),
        numbers={"page_s": page_s, "season_s": season_s, "decision_s": decision_s},
    )
