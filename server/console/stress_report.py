"""A stress test's report: one page of HTML, or a PDF that Typst sets, with its pictures."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from server.console.figures.stress import limit_picture, risk_picture, share
from server.console.printing import typeset
from server.console.render import environment, fill
from server.console.words import known, long_day, message, money, number, percent, say
from server.services.stress.run import Cell, Liquidity, Outcome
from server.services.stress.scenario import Scenario

_TEMPLATE = "stress.typ"


def as_html(outcome: Outcome) -> str:
    """The report as one page that needs nothing else, in the language that is spoken now."""
    context = {
        **told(outcome),
        "outcome": outcome,
        "risk": risk_picture(outcome, alone=True),
        "limits": limit_picture(outcome, alone=True),
    }
    return fill(environment(), "stress.html", context)


def as_pdf(outcome: Outcome) -> bytes:
    """The report as a PDF, in the language that is spoken now.

    Raises
    ------
    RequestError
        If it cannot be set.
    """
    with tempfile.TemporaryDirectory(prefix="harvestline-report-") as scratch:
        folder = Path(scratch)
        pictures = {
            "risk.svg": risk_picture(outcome, alone=True),
            "limits.svg": limit_picture(outcome, alone=True),
        }
        for name, drawn in pictures.items():
            (folder / name).write_text(f"{drawn}", encoding="utf-8")
        return typeset("stress.typ", told(outcome), folder)


def as_text(outcome: Outcome) -> Iterator[str]:
    """The report as lines of text, in the language that is spoken now."""
    found = told(outcome)
    words = found["words"]
    yield from (found["title"], *found["about"], "", words["shocks"], *found["shocks"])
    for title, rows in (
        (words["whole"], found["totals"]),
        (words["liquidity"], found["liquidity"]),
    ):
        heads = (words["what"], words["before"], words["after"], words["change"])
        cells = [(each["name"], each["before"], each["after"], each.get("change", ""))
                 for each in rows]  # fmt: skip
        yield from ("", title, *_lines([heads, *cells]))
    yield from ("", words["cells"], *_lines([found["headings"], *found["cells"]]))


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows in columns; a letter of Chinese is as wide as two others."""
    wide = [max(_width(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        padded = (cell + " " * (most - _width(cell)) for cell, most in zip(row, wide, strict=True))
        yield "  ".join(padded).rstrip()


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "FW")
        for each in text
    )


def told(outcome: Outcome) -> dict[str, Any]:
    """The outcome in words: shocks, totals, liquidity, and each crop and village."""
    return {
        "title": outcome.scenario.title,
        "about": [
            say(
                "Stress test of the book as of {day}, provisioning rules version {version}. "
                "Nothing was written.",
                day=long_day(outcome.as_of), version=outcome.rules_version,
            ),
            say("Source: {source}", source=outcome.scenario.source),
        ],
        "words": {name: say(text) for name, text in _WORDS.items()},
        "headings": [say(text) for text in HEADINGS],
        "shocks": list(shock_words(outcome.scenario)),
        "totals": [row for cell in outcome.totals for row in _totals(cell)],
        "liquidity": [row for each in outcome.liquidity for row in _liquidity(each)],
        "cells": [_cell(each) for each in outcome.cells],
    }  # fmt: skip


_WORDS = {
    "shocks": message("The shocks"),
    "whole": message("The whole book"),
    "what": message("What"),
    "before": message("As it stands"),
    "after": message("After the shock"),
    "change": message("Change"),
    "liquidity": message("Liquidity"),
    "risk": message("Principal at risk by crop and village"),
    "limits": message("Limits by crop and village"),
    "cells": message("All crops and villages"),
}
HEADINGS = (
    message("Crop"), message("Village"), message("Lines"), message("Cut"),
    message("Outstanding"), message("Limit"), message("after"), message("At risk"),
    message("after"), message("Expected loss"), message("after"),
)  # fmt: skip


def shock_words(scenario: Scenario) -> Iterator[str]:
    """Each shock in a sentence."""
    for drought in scenario.drought:
        met = _whom(drought.crops, drought.villages)
        lost, forage = percent(drought.yield_loss_ppm), percent(drought.forage_loss_ppm)
        if drought.forage_loss_ppm:
            yield say("Drought: {share} of the harvest, {forage} of forage lost, {where}.",
                      share=lost, forage=forage, where=met)  # fmt: skip
        else:
            yield say("Drought: {share} of the harvest lost, {where}.", share=lost, where=met)
    for fall in scenario.price_fall:
        met = _whom(fall.crops, fall.villages)
        yield say("Prices fall by {share}, {where}.", share=percent(fall.fall_ppm), where=met)
    for rise in scenario.rate_rise:
        met = _whom(rise.crops, rise.villages)
        yield say("Interest rises by {share}, {where}.", share=percent(rise.rise_ppm), where=met)
    for ill in scenario.herd_disease:
        where = _where(ill.villages)
        yield say("Herd disease: {share} of animals lost, {where}.",
                  share=percent(ill.heads_lost_ppm), where=where)  # fmt: skip


def _whom(crops: tuple[str, ...], villages: tuple[str, ...]) -> str:
    of_crops = ", ".join(known(each) for each in crops) if crops else say("all crops")
    return f"{of_crops}, {_where(villages)}"


def _where(villages: tuple[str, ...]) -> str:
    return ", ".join(villages) if villages else say("all villages")


def _totals(cell: Cell) -> Iterator[dict[str, str]]:
    before, after, currency = cell.before, cell.after, cell.currency
    pairs = (
        (say("Limits"), before.limit_minor, after.limit_minor),
        (say("Could still be drawn"), before.drawable_minor, after.drawable_minor),
        (say("Exposure at default"), before.ead_minor, after.ead_minor),
        (say("Expected loss"), before.expected_loss_minor, after.expected_loss_minor),
        (say("Principal at risk"), before.at_risk_minor, after.at_risk_minor),
    )
    yield {
        "name": say("Lines, and how many are cut ({currency})", currency=currency),
        "before": number(cell.lines_count),
        "after": say("{count} cut", count=cell.cut_count),
        "change": share(cell.cut_count, cell.lines_count),
    }
    for name, was, now in pairs:
        change = f"{'+' if now > was else ''}{share(now - was, was)}" if was else "–"
        yield {"name": name, "before": money(was, currency),
               "after": money(now, currency), "change": change}  # fmt: skip
    shares = [share(side.at_risk_minor, cell.outstanding_minor) for side in (before, after)]
    yield {"name": say("Principal at risk, of the outstanding"), "before": shares[0],
           "after": shares[1], "change": ""}  # fmt: skip


def _liquidity(found: Liquidity) -> Iterator[dict[str, Any]]:
    currency, days = found.currency, found.horizon_days
    pairs = (
        (say("Funds"), found.cash_minor, found.cash_minor),
        (say("Drawn within {days} days", days=days),
         -found.drawn_before_minor, -found.drawn_after_minor),
        (say("Repaid within {days} days", days=days),
         found.repaid_before_minor, found.repaid_after_minor),
    )  # fmt: skip
    for name, was, now in pairs:
        yield _funds(name, (was, now), currency)
    left = (found.left_before_minor, found.left_after_minor)
    yield {**_funds(say("Left"), left, currency), "bad": left[1] < 0}


def _funds(name: str, amounts: tuple[int, int], currency: str) -> dict[str, Any]:
    was, now = amounts
    return {"name": name, "before": money(was, currency), "after": money(now, currency),
            "bad": False}  # fmt: skip


def _cell(cell: Cell) -> list[str]:
    def words(amount: int) -> str:
        return money(amount, cell.currency).removesuffix(".00")

    before, after = cell.before, cell.after
    return [
        known(cell.crop), cell.village, number(cell.lines_count), number(cell.cut_count),
        words(cell.outstanding_minor), words(before.limit_minor), words(after.limit_minor),
        words(before.at_risk_minor), words(after.at_risk_minor),
        words(before.expected_loss_minor), words(after.expected_loss_minor),
    ]  # fmt: skip
