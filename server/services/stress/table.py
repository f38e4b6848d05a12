"""A stress test's outcome as a table."""

from __future__ import annotations

from collections.abc import Iterator

from server.services.reports.table import Cell as Value
from server.services.reports.table import Report, count, minor, ppm, text
from server.services.stress.run import Cell, Outcome


def table(outcome: Outcome) -> Report:
    """Limits, expected loss and principal at risk by crop and village, and of all."""
    named = ("limit_before", "limit_after", "drawable_before", "drawable_after",
             "expected_loss_before", "expected_loss_after", "at_risk_before",
             "at_risk_after")  # fmt: skip
    return Report(
        "stress",
        f"Stress test: {outcome.scenario.title}",
        outcome.as_of,
        (*text("crop", "village", "currency"), *count("lines", "cut"), *minor("outstanding_minor"),
         *minor(*(f"{name}_minor" for name in named)), *ppm("pd_before_ppm", "pd_after_ppm")),
        _rows(outcome),
    )  # fmt: skip


def _rows(outcome: Outcome) -> Iterator[tuple[Value, ...]]:
    for cell in (*outcome.cells, *outcome.totals):
        yield _row(cell)


def _row(cell: Cell) -> tuple[Value, ...]:
    before, after = cell.before, cell.after
    return (
        cell.crop, cell.village, cell.currency, cell.lines_count, cell.cut_count,
        cell.outstanding_minor, before.limit_minor, after.limit_minor, before.drawable_minor,
        after.drawable_minor, before.expected_loss_minor, after.expected_loss_minor,
        before.at_risk_minor, after.at_risk_minor, before.pd_ppm, after.pd_ppm,
    )  # fmt: skip
