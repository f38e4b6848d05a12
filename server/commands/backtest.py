"""``model backtest``: every past decision against what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.shape import encode
from core.units import PPM, civil_date, civil_day
from server.commands.hands import centre_of, config_option, json_option, show
from server.services.backtest import LOST_DAYS, Backtest, Held, OfModel, backtest
from server.services.centre import RequestError
from server.training.plots import promises

SURVIVORS = (
    "Of those who were declined nothing is known: what is measured here speaks of those who "
    "were given a line, and a model that declines well looks no better for it."
)


@click.command("backtest")
@config_option
@click.option("--as-of", "on", default="", help="What was known at the end of this day; else now.")
@click.option(
    "--figure", type=click.Path(path_type=Path, dir_okay=False),
    help="Write promised against observed as SVG.",
)  # fmt: skip
@json_option
@click.pass_context
def backtest_command(
    context: click.Context, *, config: Path, on: str, figure: Path | None, as_json: bool
) -> None:
    """Hold every decision card to what became of its line.

    Each card is replayed byte for byte first; one that does not replay is named and left out.
    Lost is what was written off or is late by more than 90 days; held to are lines that were
    due longer ago than that. By model, step of its probability, season and product. Exits
    with 1 if a card does not replay.
    """
    centre = centre_of(context, config)
    now_ms = centre.now_ms()
    day = civil_date(on) if on else civil_day(now_ms)
    if day is None:
        raise RequestError(f"--as-of: expected a day such as 2026-09-15, got {on!r}")
    found = backtest(centre, day, now_ms)
    if figure is not None:
        figure.write_text(_figure(found) + "\n", encoding="utf-8")
    show(_plain(found), "\n".join(_text(found)), as_json=as_json)
    if found.unreplayed:
        context.exit(1)


def _figure(found: Backtest) -> str:
    """Promised against observed of the model with the most endings."""
    if not found.models:
        raise RequestError("expected decisions with an outcome for a figure, found none yet")
    return promises(max(found.models, key=lambda one: one.held.known).bins)


def _plain(found: Backtest) -> dict[str, Any]:
    return {
        "on": found.on,
        "verdicts": found.verdicts,
        "endings": found.endings,
        "models": [
            {
                "sha256": one.held.name, **_held(one.held), "auc_ppm": one.auc_ppm,
                "bins": [encode(each) for each in one.bins],
            }
            for one in found.models
        ],
        "seasons": [{"season": one.name, **_held(one)} for one in found.seasons],
        "products": [{"product_id": one.name, **_held(one)} for one in found.products],
        "unreplayed": [encode(one) for one in found.unreplayed],
        "survivors": SURVIVORS,
    }  # fmt: skip


def _held(held: Held) -> dict[str, Any]:
    return {
        "decided": held.decided, "known": held.known, "repaid": held.repaid, "late": held.late,
        "lost": held.lost, "expected_milli": round(held.expected * 1000),
        "errors_milli": round(held.errors * 1000), "word": held.word,
    }  # fmt: skip


def _text(found: Backtest) -> list[str]:
    told = [f"Decisions up to {found.on}, each replayed byte for byte."]
    told += [f"Verdicts: {_counts(found.verdicts)}.", f"Endings: {_counts(found.endings)}."]
    told.append(
        f"Lost is written off, or late by more than {LOST_DAYS} days; held to are lines that were "
        f"due more than {LOST_DAYS} days ago."
    )
    told += [line for one in found.models for line in _model(one)]
    for name, groups in (("season", found.seasons), ("product", found.products)):
        told += [_line(f"{name} {one.name}", one) for one in groups]
    told += [f"{one.card_id} does not replay: {one.why}" for one in found.unreplayed]
    return [*told, SURVIVORS]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _model(one: OfModel) -> list[str]:
    ranks = "" if one.auc_ppm is None else f", AUC {one.auc_ppm / PPM:.3f} of those given a line"
    lines = [_line(f"model {one.held.name[:16]}", one.held) + ranks]
    lines += [
        f"  promised {each.promised_ppm / PPM:6.1%}: {each.defaults_count} of "
        f"{each.loans_count} lost"
        for each in one.bins
    ]
    return lines


def _line(name: str, held: Held) -> str:
    return (
        f"{name}: {held.decided} decided, {held.known} held to ({held.repaid} repaid, "
        f"{held.late} late, {held.lost} lost); {held.expected:.1f} losses promised: {held.word}"
    )
