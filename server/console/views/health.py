"""How healthy the loans are today: at risk, by age, by vintage, and what is set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.lending.provisioning import PAR_DAYS, bucket_words
from server.console.figures.bars import Bar, BarRow, bars_picture
from server.console.figures.vintages import Vintage, vintages_picture
from server.console.views.section import Section, Table
from server.console.views.spread import spread_section
from server.console.words import known, money, percent, say, say_count
from server.services.reports.portfolio import ALL
from server.services.reports.table import Cell
from server.services.reports.together import HealthRecords

Record = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure with its name and what it means."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Health:
    """All that the page shows."""

    on: str
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]


def told_health(found: HealthRecords, on: date) -> Health:
    """The portfolio's health at the end of a day, as far as it was known."""
    return Health(
        on=on.isoformat(),
        tiles=tuple(_tiles(found.par, found.provisioning)),
        sections=(
            _par(found.par),
            _ageing(found.ageing),
            _vintages(found.vintages),
            _staged(found.provisioning),
            spread_section(found.spread),
        ),
    )


def _tiles(par: Sequence[Record], staged: Sequence[Record]) -> list[Tile]:
    tiles = []
    for row in par:
        if row["village"] == ALL:
            words = _money(row, "outstanding_minor")
            tiles.append(
                Tile(
                    say("Outstanding principal"),
                    words,
                    say_count("{count} loan", "{count} loans", int(row["loans"])),
                )
            )
            tiles += [
                Tile(
                    say("At risk, over {days} days", days=days),
                    _share(row[f"par{days}_ppm"]),
                    _money(row, f"par{days}_minor"),
                )
                for days in PAR_DAYS
            ]
    for row in staged:
        if row["product"] == ALL:
            loss = _money(row, "expected_loss_minor")
            tiles.append(
                Tile(
                    say("Expected loss"),
                    loss,
                    say("{share} of exposure", share=_share(row["coverage_ppm"])),
                )
            )
    return tiles


def _par(found: Sequence[Record]) -> Section:
    rows, told = [], []
    for row in found:
        at = [int(row[f"par{days}_minor"]) for days in PAR_DAYS]
        parts = (("late-4", at[2]), ("late-3", at[1] - at[2]), ("late-2", at[0] - at[1]))
        name = say("All villages") if row["village"] == ALL else f"{row['village']}"
        if row["village"] != ALL:
            rows.append(BarRow(name, (Bar(parts, _share(row["par30_ppm"])),)))
        shares = (_share(row[f"par{days}_ppm"]) for days in PAR_DAYS)
        told.append((name, f"{row['loans']}", _money(row, "outstanding_minor"), *shares))
    legend = (
        ("late-2", say("over 30 days")),
        ("late-3", say("over 60")),
        ("late-4", say("over 90")),
    )
    title = say("Portfolio at risk by village")
    return Section(
        "par",
        title,
        say("The whole principal of loans whose oldest unpaid due date has passed."),
        bars_picture(rows, legend, title),
        Table(
            title,
            (
                say("Village"),
                say("Loans"),
                say("Outstanding"),
                *(say("Over {days} days", days=days) for days in PAR_DAYS),
            ),
            tuple(told),
        ),
    )


def _ageing(found: Sequence[Record]) -> Section:
    words = bucket_words()
    by_product: dict[tuple[str, str], list[Record]] = {}
    for row in found:
        if row["product"] != ALL:
            key = (f"{row['product']}", f"{row['currency']}")
            by_product.setdefault(key, []).append(row)
    rows = []
    for (product, currency), aged in sorted(by_product.items()):
        parts = tuple(
            (f"late-{words.index(str(row['late']))}", int(row["outstanding_minor"])) for row in aged
        )
        total = sum(value for _, value in parts)
        rows.append(BarRow(product, (Bar(parts, money(total, currency)),)))
    told = tuple(
        (
            say("All products") if row["product"] == ALL else f"{row['product']}",
            known(f"{row['late']}"),
            f"{row['loans']}",
            _money(row, "outstanding_minor"),
            _money(row, "late_minor"),
        )
        for row in found
    )
    legend = tuple((f"late-{place}", known(name)) for place, name in enumerate(words))
    title = say("Ageing by product")
    return Section(
        "ageing",
        title,
        say("Outstanding principal by the days since the oldest unpaid due date."),
        bars_picture(rows, legend, title),
        Table(
            title,
            (say("Product"), say("Late"), say("Loans"), say("Outstanding"), say("Of it late")),
            told,
        ),
    )


def _vintages(found: Sequence[Record]) -> Section:
    by_month: dict[str, list[tuple[int, int]]] = {}
    for row in found:
        name = f"{row['opened_in']} {row['currency']}"
        by_month.setdefault(name, []).append((int(row["months"]), int(row["late_ppm"])))
    lines = [Vintage(name, tuple(points)) for name, points in sorted(by_month.items())]
    told = tuple(
        (
            f"{row['opened_in']}",
            f"{row['months']}",
            f"{row['at']}",
            f"{row['loans']}",
            _money(row, "drawn_minor"),
            _money(row, "outstanding_minor"),
            _share(row["late_ppm"]),
        )
        for row in found
    )
    title = say("Vintages by month of opening")
    return Section(
        "vintages",
        title,
        say("Principal late by more than 30 days, of all that was drawn."),
        vintages_picture(lines, title),
        Table(
            title,
            (
                say("Opened in"),
                say("Months"),
                say("At"),
                say("Loans"),
                say("Drawn"),
                say("Outstanding"),
                say("Late"),
            ),
            told,
        ),
    )


def _staged(found: Sequence[Record]) -> Section:
    rows, told = [], []
    for row in found:
        name = say("All products")
        if row["product"] != ALL:
            name = say("{product}, stage {stage}", product=row["product"], stage=row["stage"])
        told.append(
            (
                name,
                f"{row['loans']}",
                _money(row, "ead_minor"),
                _share(row["pd_ppm"]),
                _share(row["lgd_ppm"]),
                _money(row, "expected_loss_minor"),
            )
        )
        if row["product"] != ALL:
            loss, ead = int(row["expected_loss_minor"]), int(row["ead_minor"])
            parts = ((f"ifrs-{row['stage']}", loss), ("ifrs-rest", ead - loss))
            rows.append(BarRow(name, (Bar(parts, _money(row, "expected_loss_minor")),)))
    legend = (
        ("ifrs-1", say("expected loss, stage 1")),
        ("ifrs-2", say("stage 2")),
        ("ifrs-3", say("stage 3")),
        ("ifrs-rest", say("rest of the exposure")),
    )
    title = say("Provisioning by product and stage")
    return Section(
        "provisioning",
        title,
        say("Expected loss within the exposure at default: PD × LGD × EAD."),
        bars_picture(rows, legend, title),
        Table(
            title,
            (
                say("Product and stage"),
                say("Loans"),
                say("Exposure"),
                say("PD"),
                say("LGD"),
                say("Expected loss"),
            ),
            tuple(told),
        ),
    )


def _money(row: Record, name: str) -> str:
    return money(int(row[name]), f"{row['currency']}").removesuffix(".00")


def _share(ppm: Cell) -> str:
    return percent(int(ppm))
