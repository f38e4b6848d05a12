"""Reports as of any day: small books worked by hand, and files that others can read."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from core.lending.provisioning import parse_provisioning
from server.services.centre import RequestError
from server.services.posting import RepaymentRequest, take_repayment
from server.services.reports.catalogue import Asked, ReportName, report
from server.services.reports.export import Format, harmless, print_to, write
from server.services.reports.loans import as_of, day_end_ms
from server.services.reports.portfolio import Group
from server.services.reports.table import CellKind, Report, columns
from server.store import rulebooks
from server.store.people import Actor
from server.store.rulebooks import FOLDER, RuleKind
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b

CASHIER = Actor("till", "cashier")
FOREVER_MS = 2**52


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


@pytest.fixture
def drawn(kit: Kit) -> str:
    """Farmer B: KES 10,000 drawn on 16 March, KES 2,430 repaid 73 days later; the line's id."""
    line_id = drawn_by_farmer_b(kit, day(1))
    kit.clock.set_day(day(74))
    request = RepaymentRequest("r1", line_id, 243_000, "KES", day(74).isoformat())
    take_repayment(kit.centre, request, CASHIER)
    return line_id


def rows(kit: Kit, name: str, on: date, known_ms: int = FOREVER_MS, **asked) -> list[dict]:
    with kit.centre.store.reading() as tx:
        then = as_of(on, known_ms)
        return list(report(tx, ReportName(name), Asked(then, **asked)).records())


def test_trial_balance_by_hand(kit: Kit, drawn: str):
    """Drawn 10,000 and a fee of 150; 2,430 paid: 150 fee, 280 interest, 2,000 principal."""
    found = {row["account"]: row for row in rows(kit, "trial-balance", day(74))}
    balances = {account: row["balance_minor"] for account, row in found.items()}
    assert balances == {
        "cash/*": -1_000_000 + 243_000,
        "loan/principal/*": 800_000,
        "loan/fee/*": 0,
        "loan/interest/*": 0,
        "income/fee": -15_000,
        "income/interest": -28_000,
        "total": 0,
    }
    total = found["total"]
    assert total["debit_minor"] == total["credit_minor"] == 1_000_000 + 15_000 + 28_000 + 243_000
    assert found["cash/*"]["accounts"] == 2  # the station's and the till
    assert {row["code"] for row in found.values()} >= {"1000", "1100", "4000"}


def test_books_are_seen_as_of_what_took_effect_and_what_was_known(kit: Kit, drawn: str):
    before = {row["account"] for row in rows(kit, "trial-balance", day(0))}
    assert before == set()
    early = {row["account"]: row["balance_minor"] for row in rows(kit, "trial-balance", day(73))}
    assert early["loan/principal/*"] == 1_000_000
    # The repayment took effect on day 74, and nobody knew it on day 73.
    unknown = rows(kit, "trial-balance", day(200), day_end_ms(day(73)))
    assert {r["account"]: r["balance_minor"] for r in unknown}["loan/principal/*"] == 1_000_000
    ages = rows(kit, "par", day(80), day_end_ms(day(73)))
    assert ages[0]["outstanding_minor"] == 1_000_000
    assert rows(kit, "par", day(80))[0]["outstanding_minor"] == 800_000


def test_general_ledger_runs_to_each_balance(kit: Kit, drawn: str):
    account = f"loan/principal/{drawn}"
    found = rows(kit, "general-ledger", day(74), account=account)
    assert [(r["effective_on"], r["debit_minor"], r["credit_minor"], r["balance_minor"])
            for r in found] == [
        (day(1).isoformat(), 1_000_000, 0, 1_000_000),
        (day(74).isoformat(), 0, 200_000, 800_000),
    ]  # fmt: skip
    whole = rows(kit, "general-ledger", day(74))
    assert sum(row["debit_minor"] - row["credit_minor"] for row in whole) == 0
    order = [(row["account"], row["effective_on"]) for row in whole]
    assert order == sorted(order)


# Days after the due date: PAR 30, 60 and 90, the bucket, the stage, and what is late: all of
# the 8,000 and their interest since the repayment, 14 % on 110 days and those after the due date.
GROWS_LATE = [
    (0, (0, 0, 0), "not late", "1", 0),
    (30, (0, 0, 0), "1–30 days", "1", 842_959),
    (31, (800_000, 0, 0), "31–60 days", "2", 843_266),
    (61, (800_000, 800_000, 0), "61–90 days", "2", 852_471),
    (91, (800_000, 800_000, 800_000), "91–180 days", "3", 861_677),
    (181, (800_000, 800_000, 800_000), "over 180 days", "3", 889_293),
]


def test_a_loan_grows_late_from_its_due_date(kit: Kit, drawn: str):
    for late_days, par, bucket, stage, late_minor in GROWS_LATE:
        on = date.fromisoformat(kit.product.due_on) + timedelta(days=late_days)
        [row, everything] = rows(kit, "par", on)
        assert (row["par30_minor"], row["par60_minor"], row["par90_minor"]) == par
        assert row["outstanding_minor"] == 800_000
        assert row["par30_ppm"] == (1_000_000 if par[0] else 0)
        assert (everything["product"], everything["par90_minor"]) == ("all", par[2])
        aged = rows(kit, "ageing", on)[0]
        assert (aged["late"], aged["outstanding_minor"]) == (bucket, 800_000)
        assert aged["late_minor"] == late_minor
        staged = {row["stage"] for row in rows(kit, "provisioning", on) if row["owed_minor"]}
        assert staged == {stage, "all"}


def test_expected_loss_by_hand(kit: Kit, drawn: str):
    """Farmer B on day 74: owed 8,000 of a limit of 14,000; half of the free 6,000 is drawn.

    PD 5 % of the points table's step, LGD 65 % of 11,000: 357.50. Farmer A's free limit
    of 26,200 with nothing drawn: half of it, 13,100, is 425.75.
    """
    kept = rows(kit, "provisioning", day(74), by=Group.VILLAGE)
    [stage, everything] = kept
    assert (stage["village"], stage["stage"], stage["loans"]) == ("Village One", "1", 2)
    assert stage["ead_minor"] == 1_100_000 + 1_310_000
    assert (stage["pd_ppm"], stage["lgd_ppm"]) == (50_000, 650_000)
    assert stage["expected_loss_minor"] == 35_750 + 42_575
    assert everything["expected_loss_minor"] == stage["expected_loss_minor"]
    assert stage["coverage_ppm"] == 32_500
    # New rules from a day on; days before keep theirs.
    rules = parse_provisioning(tomllib.loads((FOLDER / "provisioning.toml").read_text()))
    newer = replace(rules, version=2, effective_from=day(75).isoformat(), undrawn_ppm=0)
    kit.centre.write(
        lambda work: rulebooks.add(work.tx, RuleKind.PROVISIONING, newer, (work.at_ms, "test"))
    )
    assert rows(kit, "provisioning", day(74), by=Group.VILLAGE) == kept
    assert rows(kit, "provisioning", day(75), by=Group.VILLAGE)[0]["ead_minor"] < 810_000


def test_vintage_by_hand(kit: Kit, drawn: str):
    """Two lines of March; one drawn, in part repaid in May, all late in the end."""
    last = date.fromisoformat(kit.product.due_on) + timedelta(days=60)
    found = rows(kit, "vintage", last)
    assert {row["opened_in"] for row in found} == {"2026-03"}
    by_end = {row["at"]: row for row in found}
    march, may = by_end["2026-03-31"], by_end["2026-05-31"]
    assert (march["months"], march["loans"], march["drawn_minor"]) == (0, 2, 1_000_000)
    assert (march["outstanding_minor"], may["outstanding_minor"]) == (1_000_000, 800_000)
    assert by_end[last.isoformat()]["late_ppm"] == 800_000  # 800,000 of 1,000,000 drawn
    assert march["late_ppm"] == may["late_ppm"] == 0


def test_cohort_by_hand(kit: Kit, drawn: str):
    [row] = rows(kit, "cohort", day(74))
    assert (row["began_in"], row["line_number"], row["farmers"]) == ("2026-Q1", 1, 2)
    assert (row["drawn_minor"], row["repaid_minor"]) == (1_000_000, 243_000)
    assert (row["outstanding_minor"], row["returned_ppm"]) == (800_000, 1_000_000)


EVIL = Report(
    "evil", "Names that would run", "2026-05-28",
    columns(("name", CellKind.TEXT), ("currency", CellKind.TEXT), ("amount_minor", CellKind.MINOR)),
    [("=1+1", "KES", -5), ("+2", "KES", 2**53 - 1), ("-3", "KES", 0), ("@SUM(A1)", "KES", 1),
     ("\tx", "KES", 2), ('plain "quoted", é', "KES", 3)],
)  # fmt: skip


def test_csv_holds_nothing_that_a_spreadsheet_would_run(tmp_path: Path):
    out = tmp_path / "evil.csv"
    assert write(EVIL, Format.CSV, out) == 6
    table = list(csv.reader(io.StringIO(out.read_text(encoding="utf-8"), newline="")))
    assert table[0] == ["name", "currency", "amount_minor"]
    assert [row[0] for row in table[1:]] == [
        "'=1+1", "'+2", "'-3", "'@SUM(A1)", "'\tx", 'plain "quoted", é',
    ]  # fmt: skip
    assert [int(row[2]) for row in table[1:]] == [-5, 2**53 - 1, 0, 1, 2, 3]
    assert harmless(-5) == -5


def test_xlsx_and_parquet_are_read_back_whole(tmp_path: Path):
    sheet, lake = tmp_path / "evil.xlsx", tmp_path / "evil.parquet"
    assert write(EVIL, Format.XLSX, sheet) == write(EVIL, Format.PARQUET, lake) == 6
    book = openpyxl.load_workbook(sheet)
    read = [[cell.value for cell in row] for row in book["evil"].iter_rows()]
    assert read == [["name", "currency", "amount_minor"], *(list(row) for row in EVIL.rows)]
    assert {cell.data_type for cell in book["evil"]["A"]} == {"s"}  # texts, no formula
    book.close()
    table = pq.read_table(lake)
    assert [tuple(row.values()) for row in table.to_pylist()] == EVIL.rows
    assert [str(field.type) for field in table.schema] == ["string", "string", "int64"]
    assert table.schema.metadata[b"as_of"] == b"2026-05-28"


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path):
    def breaking():
        yield ("a", "KES", 1)
        raise RequestError("the book was closed")

    out = tmp_path / "par.csv"
    out.write_text("the one before")
    with pytest.raises(RequestError):
        write(replace(EVIL, rows=breaking()), Format.CSV, out)
    assert out.read_text() == "the one before"
    assert [each.name for each in tmp_path.iterdir()] == ["par.csv"]
    with pytest.raises(RequestError, match="expected to write"):
        write(EVIL, Format.CSV, tmp_path / "nowhere" / "x.csv")
    with pytest.raises(RequestError, match="--out"):
        print_to(EVIL, Format.XLSX, io.StringIO())


def test_json_and_text_say_the_same(kit: Kit, drawn: str):
    with kit.centre.store.reading() as tx:
        asked = Asked(as_of(day(74), FOREVER_MS))
        told, shown = io.StringIO(), io.StringIO()
        print_to(report(tx, ReportName.PAR, asked), Format.JSON, told)
        print_to(report(tx, ReportName.PAR, asked), Format.TEXT, shown)
    body = json.loads(told.getvalue())
    assert body["rows"][0]["outstanding_minor"] == 800_000
    assert {"name": "outstanding_minor", "kind": "minor units"} in body["columns"]
    assert "8,000.00" in shown.getvalue()
    assert "as of 2026-05-28" in shown.getvalue()
