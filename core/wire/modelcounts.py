"""How a day's decisions at a station fell into the bins of its model: counts, and nothing else.

No application can be told from another in it; whoever sums such records over stations and
days sees whether a model still decides about people like those whom it learnt from.
Statements M8–M9 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.errors import ShapeError
from core.scoring.drift import SCORES
from core.scoring.points import BINS_MAX, PointsTable
from core.units import require_date

DECISIONS_MAX = 100_000  # of one station on one day
PARTS_MAX = 257  # the score, and the features of a model
PART_BINS_MAX = BINS_MAX + 1  # a feature's, and one for missing
VERDICTS = ("approve", "refer", "decline")


@dataclass(frozen=True, slots=True)
class ModelCounts:
    """A day's decisions by one model: how many, with which verdict, in which bins.

    ``bins`` has the score under ``score`` and each feature under its name; a feature's first
    bin is for missing. Each sums to ``decisions_count``.
    """

    day: str
    model_sha256: str
    decisions_count: int
    verdicts: Mapping[str, int]
    bins: Mapping[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        require_date(self.day, "day")
        if not 1 <= self.decisions_count <= DECISIONS_MAX:
            raise ShapeError(f"expected 1 to {DECISIONS_MAX} decisions, got {self.decisions_count}")
        if tuple(sorted(self.verdicts)) != tuple(sorted(VERDICTS)) or SCORES not in self.bins:
            raise ShapeError(f"expected counts of {', '.join(VERDICTS)} and of the score's bins")
        if len(self.bins) > PARTS_MAX or max(map(len, self.bins.values())) > PART_BINS_MAX:
            raise ShapeError(f"expected at most {PARTS_MAX} parts of {PART_BINS_MAX} bins")
        for name, counts in {**self.bins, "verdicts": tuple(self.verdicts.values())}.items():
            if min(counts, default=-1) < 0 or sum(counts) != self.decisions_count:
                raise ShapeError(
                    f"{name[:40]}: expected counts that sum to {self.decisions_count}, "
                    f"got {sum(counts)}"
                )

    def fits(self, table: PointsTable) -> bool:
        """Whether these are the bins of a model's table."""
        return {name: len(counts) for name, counts in self.bins.items()} == bins_of(table)


def bins_of(table: PointsTable) -> dict[str, int]:
    """How many bins the score and each feature of a table have."""
    found = {SCORES: len(table.pd_steps)}
    return found | {one.feature: len(one.points) + 1 for one in table.features}


def summed(counts: Iterable[ModelCounts]) -> tuple[dict[str, list[int]], dict[str, int]]:
    """The counts of many records of one model, bin by bin and verdict by verdict."""
    bins: dict[str, list[int]] = {}
    verdicts = dict.fromkeys(VERDICTS, 0)
    for one in counts:
        for name, found in one.bins.items():
            before = bins.setdefault(name, [0] * len(found))
            bins[name] = [a + b for a, b in zip(before, found, strict=True)]
        for name, count in one.verdicts.items():
            verdicts[name] += count
    return bins, verdicts
