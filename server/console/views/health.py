"""How healthy the loans are today: at risk, by age, by vintage, and what is set aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.lending.provisioning import PAR_DAYS, bucket_words
from core.units import PPM, format_money
from server.console.figures.bars import Bar, BarRow, bars_picture
from server.console.figures.vintages import Vintage, vintages_picture
from server.console.views.section import Section, Table
from server.console.views.spread import spread_section
from server.services.reports.catalogue import Asked, ReportName, report
from server.services.reports.loans import as_of
from server.services.reports.portfolio import ALL, Group
from server.services.reports.table import Cell
from server.store.engine import Tx

Record = dict[str, Cell]


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


def read_health(tx: Tx, on: date, now_ms: int) -> Health:
    """The portfolio's health at the end of a day, as far as it is known now."""

    def records(name: ReportName, by: Group = Group.PRODUCT) -> list[Record]:
        return list(report(tx, name, Asked(as_of(on, now_ms), by)).records())

    par, ageing = records(ReportName.PAR, Group.VILLAGE), records(ReportName.AGEING)
    staged, vintages = records(ReportName.PROVISIONING), records(ReportName.VINTAGE)
    return Health(
        on=on.isoformat(),
        tiles=tuple(_tiles(par, staged)),
        sections=(
            _par(par),
            _ageing(ageing),
            _vintages(vintages),
            _staged(staged),
            spread_section(records(ReportName.CONCENTRATION)),
        ),
    )


def _tiles(par: list[Record], staged: list[Record]) -> list[Tile]:
    tiles = []
    for row in par:
        if row["village"] == ALL:
            words = _money(row, "outstanding_minor")
            tiles.append(Tile("Outstanding principal", words, f"{row['loans']} loans"))
            tiles += [
                Tile(f"At risk, over {days} days", _share(row[f"par{days}_ppm"]),
                     _money(row, f"par{days}_minor"))
                for days in PAR_DAYS
            ]  # fmt: skip
    for row in staged:
        if row["product"] == ALL:
            loss = _money(row, "expected_loss_minor")
            tiles.append(Tile("Expected loss", loss, f"{_share(row['coverage_ppm'])} of exposure"))
    return tiles


def _par(found: list[Record]) -> Section:
    rows, told = [], []
    for row in found:
        at = [int(row[f"par{days}_minor"]) for days in PAR_DAYS]
        parts = (("late-4", at[2]), ("late-3", at[1] - at[2]), ("late-2", at[0] - at[1]))
        name = "All villages" if row["village"] == ALL else f"{row['village']}"
        if row["village"] != ALL:
            rows.append(BarRow(name, (Bar(parts, _share(row["par30_ppm"])),)))
        shares = (_share(row[f"par{days}_ppm"]) for days in PAR_DAYS)
        told.append((name, f"{row['loans']}", _money(row, "outstanding_minor"), *shares))
    legend = (("late-2", "over 30 days"), ("late-3", "over 60"), ("late-4", "over 90"))
    title = "Portfolio at risk by village"
    return Section(
        "par", title, "The whole principal of loans whose oldest unpaid due date has passed.",
        bars_picture(rows, legend, title),
        Table(title, ("Village", "Loans", "Outstanding", *(f"Over {d} days" for d in PAR_DAYS)),
              tuple(told)),
    )  # fmt: skip


def _ageing(found: list[Record]) -> Section:
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
        rows.append(BarRow(product, (Bar(parts, format_money(total, currency)),)))
    told = tuple(
        ("All products" if row["product"] == ALL else f"{row['product']}", f"{row['late']}",
         f"{row['loans']}", _money(row, "outstanding_minor"), _money(row, "late_minor"))
        for row in found
    )  # fmt: skip
    legend = tuple((f"late-{place}", name) for place, name in enumerate(words))
    title = "Ageing by product"
    return Section(
        "ageing", title, "Outstanding principal by the days since the oldest unpaid due date.",
        bars_picture(rows, legend, title),
        Table(title, ("Product", "Late", "Loans", "Outstanding", "Of it late"), told),
    )  # fmt: skip


def _vintages(found: list[Record]) -> Section:
    by_month: dict[str, list[tuple[int, int]]] = {}
    for row in found:
        name = f"{row['opened_in']} {row['currency']}"
        by_month.setdefault(name, []).append((int(row["months"]), int(row["late_ppm"])))
    lines = [Vintage(name, tuple(points)) for name, points in sorted(by_month.items())]
    told = tuple(
        (f"{row['opened_in']}", f"{row['months']}", f"{row['at']}", f"{row['loans']}",
         _money(row, "drawn_minor"), _money(row, "outstanding_minor"), _share(row["late_ppm"]))
        for row in found
    )  # fmt: skip
    title = "Vintages by month of opening"
    return Section(
        "vintages", title, "Principal late by more than 30 days, of all that was drawn.",
        vintages_picture(lines, title),
        Table(title, ("Opened in", "Months", "At", "Loans", "Drawn", "Outstanding", "Late"), told),
    )  # fmt: skip


def _staged(found: list[Record]) -> Section:
    rows, told = [], []
    for row in found:
        stage = f"Stage {row['stage']}" if row["product"] != ALL else "All"
        name = f"{row['product']}, {stage.lower()}" if row["product"] != ALL else "All products"
        told.append((name, f"{row['loans']}", _money(row, "ead_minor"), _share(row["pd_ppm"]),
                     _share(row["lgd_ppm"]), _money(row, "expected_loss_minor")))  # fmt: skip
        if row["product"] != ALL:
            loss, ead = int(row["expected_loss_minor"]), int(row["ead_minor"])
            parts = ((f"ifrs-{row['stage']}", loss), ("ifrs-rest", ead - loss))
            rows.append(BarRow(name, (Bar(parts, _money(row, "expected_loss_minor")),)))
    legend = (("ifrs-1", "expected loss, stage 1"), ("ifrs-2", "stage 2"), ("ifrs-3", "stage 3"),
              ("ifrs-rest", "rest of the exposure"))  # fmt: skip
    title = "Provisioning by product and stage"
    return Section(
        "provisioning", title, "Expected loss within the exposure at default: PD × LGD × EAD.",
        bars_picture(rows, legend, title),
        Table(title, ("Product and stage", "Loans", "Exposure", "PD", "LGD", "Expected loss"),
              tuple(told)),
    )  # fmt: skip


def _money(row: Record, name: str) -> str:
    return format_money(int(row[name]), f"{row['currency']}").removesuffix(".00")


def _share(ppm: Cell) -> str:
    return f"{100 * int(ppm) / PPM:.1f} %"
