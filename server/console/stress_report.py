"""A stress test's report: one page of HTML, or a PDF that Typst sets, with its pictures."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typst

from core.units import PPM, format_money
from server.console.figures.stress import limit_picture, percent, risk_picture
from server.console.render import FOLDER, environment, fill
from server.services.centre import RequestError
from server.services.stress.run import Cell, Liquidity, Outcome
from server.services.stress.scenario import Scenario

_TEMPLATE = "stress.typ"


def as_html(outcome: Outcome) -> str:
    """The report as one page that needs nothing else."""
    context = {
        **told(outcome),
        "outcome": outcome,
        "risk": risk_picture(outcome, alone=True),
        "limits": limit_picture(outcome, alone=True),
    }
    return fill(environment(), "stress.html", context)


def as_pdf(outcome: Outcome) -> bytes:
    """The report as a PDF.

    Raises
    ------
    RequestError
        If it cannot be set.
    """
    head = {"title": outcome.scenario.title, "source": outcome.scenario.source,
            "as_of": outcome.as_of, "rules": f"{outcome.rules_version}"}  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="harvestline-report-") as scratch:
        folder = Path(scratch)
        files = {
            "told.json": json.dumps({**head, **told(outcome)}, ensure_ascii=False),
            "risk.svg": risk_picture(outcome, alone=True),
            "limits.svg": limit_picture(outcome, alone=True),
            _TEMPLATE: (FOLDER / "templates" / _TEMPLATE).read_text(encoding="utf-8"),
        }
        for name, words in files.items():
            (folder / name).write_text(f"{words}", encoding="utf-8")
        try:
            return bytes(typst.compile(folder / _TEMPLATE, root=folder))
        except RuntimeError as error:
            raise RequestError(f"expected to set the report: {error}") from error


def told(outcome: Outcome) -> dict[str, Any]:
    """The outcome in words: shocks, totals, liquidity, and each crop and village."""
    return {
        "shocks": list(shock_words(outcome.scenario)),
        "totals": [row for cell in outcome.totals for row in _totals(cell)],
        "liquidity": [row for each in outcome.liquidity for row in _liquidity(each)],
        "cells": [_cell(each) for each in outcome.cells],
    }


def shock_words(scenario: Scenario) -> Iterator[str]:
    """Each shock in a sentence."""
    for drought in scenario.drought:
        forage = f", {_ppm(drought.forage_loss_ppm)} of forage" if drought.forage_loss_ppm else ""
        met = _whom(drought.crops, drought.villages)
        yield f"Drought: {_ppm(drought.yield_loss_ppm)} of the harvest{forage} lost, {met}."
    for fall in scenario.price_fall:
        yield f"Prices fall by {_ppm(fall.fall_ppm)}, {_whom(fall.crops, fall.villages)}."
    for rise in scenario.rate_rise:
        yield f"Interest rises by {_ppm(rise.rise_ppm)}, {_whom(rise.crops, rise.villages)}."
    for ill in scenario.herd_disease:
        where = ", ".join(ill.villages) if ill.villages else "all villages"
        yield f"Herd disease: {_ppm(ill.heads_lost_ppm)} of animals lost, {where}."


def _whom(crops: tuple[str, ...], villages: tuple[str, ...]) -> str:
    of_crops = ", ".join(crops) if crops else "all crops"
    return f"{of_crops}, {', '.join(villages) if villages else 'all villages'}"


def _ppm(value: int) -> str:
    return f"{100 * value / PPM:.1f} %"


def _totals(cell: Cell) -> Iterator[dict[str, str]]:
    before, after, currency = cell.before, cell.after, cell.currency
    pairs = (
        ("Limits", before.limit_minor, after.limit_minor),
        ("Could still be drawn", before.drawable_minor, after.drawable_minor),
        ("Exposure at default", before.ead_minor, after.ead_minor),
        ("Expected loss", before.expected_loss_minor, after.expected_loss_minor),
        ("Principal at risk", before.at_risk_minor, after.at_risk_minor),
    )
    yield {
        "name": f"Lines, and how many are cut ({currency})",
        "before": f"{cell.lines_count:,}",
        "after": f"{cell.cut_count:,} cut",
        "change": percent(cell.cut_count, cell.lines_count),
    }
    for name, was, now in pairs:
        change = f"{'+' if now > was else ''}{percent(now - was, was)}" if was else "–"
        yield {"name": name, "before": format_money(was, currency),
               "after": format_money(now, currency), "change": change}  # fmt: skip
    shares = [percent(side.at_risk_minor, cell.outstanding_minor) for side in (before, after)]
    yield {"name": "Principal at risk, of the outstanding", "before": shares[0],
           "after": shares[1], "change": ""}  # fmt: skip


def _liquidity(found: Liquidity) -> Iterator[dict[str, Any]]:
    currency, days = found.currency, found.horizon_days
    pairs = (
        ("Funds", found.cash_minor, found.cash_minor),
        (f"Drawn within {days} days", -found.drawn_before_minor, -found.drawn_after_minor),
        (f"Repaid within {days} days", found.repaid_before_minor, found.repaid_after_minor),
        ("Left", found.left_before_minor, found.left_after_minor),
    )
    for name, was, now in pairs:
        yield {"name": name, "before": format_money(was, currency),
               "after": format_money(now, currency), "bad": name == "Left" and now < 0}  # fmt: skip


def _cell(cell: Cell) -> list[str]:
    def words(amount: int) -> str:
        return format_money(amount, cell.currency).removesuffix(".00")

    before, after = cell.before, cell.after
    return [
        cell.crop, cell.village, f"{cell.lines_count:,}", f"{cell.cut_count:,}",
        words(cell.outstanding_minor), words(before.limit_minor), words(after.limit_minor),
        words(before.at_risk_minor), words(after.at_risk_minor),
        words(before.expected_loss_minor), words(after.expected_loss_minor),
    ]  # fmt: skip
