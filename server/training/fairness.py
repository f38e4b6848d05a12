"""The door to fairlearn: who is approved, and who of those that repay.

Two questions for every audit column: is each group approved at least four fifths as often
as the one approved most (29 CFR 1607.4 D), and of those who would repay is each approved
about as often (equal opportunity, Hardt et al. 2016, arXiv:1610.02413). A model never
reads these columns; a person who did not consent stands in no group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.units import PPM
from server.training.catalogue import AuditColumn
from server.training.table import Loan

FOUR_FIFTHS_PPM = 800_000
OPPORTUNITY_GAP_PPM_MAX = 100_000
GROUP_LOANS_MIN = 50  # a smaller group's shares say too little to judge by


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of an audit column: how often it is approved, and how it repays.

    ``good_approved_ppm`` is of those who repaid, None where nobody did.
    """

    group: str
    loans_count: int
    approved_ppm: int
    good_approved_ppm: int | None
    default_ppm: int

    @property
    def is_judged(self) -> bool:
        """Whether it is large enough to be held against the others."""
        return self.loans_count >= GROUP_LOANS_MIN and self.good_approved_ppm is not None


@dataclass(frozen=True, slots=True)
class FairnessTable:
    """An audit column's groups, and what the two rules say of them.

    Both measures are None where fewer than two groups are large enough.
    """

    column: str
    words: str
    rows: tuple[GroupRow, ...]
    impact_ratio_ppm: int | None
    opportunity_gap_ppm: int | None

    @property
    def four_fifths_hold(self) -> bool | None:
        """Whether every group is approved at least four fifths as often as the first."""
        return None if self.impact_ratio_ppm is None else self.impact_ratio_ppm >= FOUR_FIFTHS_PPM

    @property
    def opportunity_is_equal(self) -> bool | None:
        """Whether those who repay are approved about equally often."""
        gap = self.opportunity_gap_ppm
        return None if gap is None else gap <= OPPORTUNITY_GAP_PPM_MAX


def examine_fairness(
    loans: Sequence[Loan], approved: Sequence[bool], columns: Sequence[AuditColumn]
) -> tuple[FairnessTable, ...]:
    """A table for every audit column of which some loan says something."""
    found = []
    for column in columns:
        rows = [i for i, loan in enumerate(loans) if column.name in loan.groups]
        if rows:
            found.append(_table(column, [loans[i] for i in rows], [approved[i] for i in rows]))
    return tuple(found)


def _table(column: AuditColumn, loans: Sequence[Loan], approved: Sequence[bool]) -> FairnessTable:
    frame = _frame(loans, approved, [loan.groups[column.name] for loan in loans])
    by_group = frame.by_group
    rows = tuple(
        _row(str(group), by_group.loc[group]) for group in sorted(by_group.index, key=_in_order)
    )
    judged = [row for row in rows if row.is_judged]
    return FairnessTable(column.name, column.words, rows, _impact(judged), _gap(judged))


def _frame(loans: Sequence[Loan], approved: Sequence[bool], groups: Sequence[str]) -> Any:
    from fairlearn.metrics import (  # noqa: PLC0415 - heavy, and only for training
        MetricFrame,
        count,
        mean_prediction,
        selection_rate,
        true_positive_rate,
    )  # fmt: skip

    repaid = [int(not loan.defaulted) for loan in loans]
    weight = [loan.weight for loan in loans]
    weighed = {"sample_weight": weight}
    return MetricFrame(
        metrics={
            "loans": count,
            "approved": selection_rate,
            "good_approved": true_positive_rate,
            # The mean of what repaid: fairlearn's name for a weighted mean by group.
            "repaid": lambda y_true, y_pred, sample_weight: mean_prediction(
                y_pred, y_true, sample_weight=sample_weight
            ),
        },
        y_true=repaid,
        y_pred=[int(each) for each in approved],
        sensitive_features=list(groups),
        sample_params={
            "approved": weighed, "good_approved": weighed, "repaid": weighed,
        },
    )  # fmt: skip


def _row(group: str, cells: Any) -> GroupRow:
    good = float(cells["good_approved"])
    anyone_repaid = float(cells["repaid"]) > 0
    return GroupRow(
        group=group,
        loans_count=int(cells["loans"]),
        approved_ppm=round(PPM * float(cells["approved"])),
        good_approved_ppm=round(PPM * good) if anyone_repaid else None,
        default_ppm=round(PPM * (1 - float(cells["repaid"]))),
    )


def _in_order(group: object) -> tuple[int, str]:
    """Bands by their numbers, other groups by name."""
    text = str(group)
    digits = "".join(c for c in text.partition(" to ")[0] if c.isdigit())
    rank = -1 if text.startswith("below ") else int(digits or 0)
    return rank, text


def _impact(rows: Sequence[GroupRow]) -> int | None:
    most = max((row.approved_ppm for row in rows), default=0)
    if len(rows) < 2 or not most:
        return None
    return PPM * min(row.approved_ppm for row in rows) // most


def _gap(rows: Sequence[GroupRow]) -> int | None:
    shares = [row.good_approved_ppm or 0 for row in rows]
    return max(shares) - min(shares) if len(shares) > 1 else None
