"""``audit``, ``ledger``, ``report``, ``scenario`` and ``stress`` as somebody types them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner, Result

from server.app import create_app
from server.commands import ledger, reports, stress
from server.commands.hands import Hands
from server.config import Settings
from server.services.centre import Centre
from server.store.engine import open_store
from server.store.rulebooks import FOLDER
from server.store.schema import migrate
from tests.support.centre_kit import Kit, build_kit
from tests.support.tampering import stock

SCENARIO = """
name = "dry"
title = "A dry season"
source = "by hand"

[[drought]]
yield_loss_ppm = 500000
"""


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    folder = tmp_path_factory.mktemp("book")
    store = open_store(f"sqlite:///{folder / 'centre.sqlite'}", "lender")
    migrate(store)
    found = build_kit(store, Settings())
    stock(found)
    yield found
    store.close()


def run(kit: Kit, command: Command, *words: str | Path) -> Result:
    def centre(_: Path | None) -> Centre:
        return kit.centre

    hands = Hands(centre, bytes, create_app)
    arguments = [f"{word}" for word in words]
    return CliRunner().invoke(command, arguments, obj=hands)


def on(kit: Kit, command: Command, *words: str | Path) -> Result:
    found = run(kit, command, *words, "--config", "server.toml")
    assert found.exit_code == 0, found.output
    return found


def test_audit_says_that_all_holds_or_names_the_first_bad_record(kit: Kit):
    assert on(kit, ledger.audit).stdout.endswith("All holds.\n")
    told = json.loads(on(kit, ledger.audit, "--only", "sums", "--json").stdout)
    assert (told["ok"], [each["check"] for each in told["checks"]]) == (True, ["sums"])
    changes = (
        "UPDATE repayments SET amount_minor = amount_minor + 1",
        "UPDATE repayments SET amount_minor = amount_minor - 1",
    )
    kit.centre.write(lambda work: work.tx.connection.exec_driver_sql(changes[0]))
    broken = run(kit, ledger.audit, "--config", "server.toml")
    kit.centre.write(lambda work: work.tx.connection.exec_driver_sql(changes[1]))
    assert broken.exit_code == 4
    assert "FIRST BAD RECORD  lines " in broken.stdout
    assert "expected entries that its draws and repayments come to" in broken.stdout
    assert run(kit, ledger.audit, "--only", "luck", "--config", "server.toml").exit_code != 0


def test_chart_is_shown_and_the_next_version_is_added_once(kit: Kit, tmp_path: Path):
    assert "loan/principal/*" in on(kit, ledger.ledger, "chart", "show").stdout
    text = (FOLDER / "chart.toml").read_text().replace("version = 1\n", "version = 2\n", 1)
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace('"2000-01-01"', '"2026-07-01"', 1))
    added = [json.loads(on(kit, ledger.ledger, "chart", "add", mine, "--json").stdout)["new"]
             for _ in range(2)]  # fmt: skip
    assert added == [True, False]
    shown = on(kit, ledger.ledger, "chart", "show", "--on", "2026-07-01", "--json").stdout
    before = on(kit, ledger.ledger, "chart", "show", "--on", "2026-06-30", "--json").stdout
    assert (json.loads(shown)["version"], json.loads(before)["version"]) == (2, 1)
    listed = json.loads(on(kit, ledger.ledger, "chart", "versions", "--json").stdout)["versions"]
    assert [each["version"] for each in listed] == [1, 2]
    mine.write_text(text.replace("version = 2", "version = 9", 1))
    assert run(kit, ledger.ledger, "chart", "add", mine, "--config", "x").exit_code != 0
    assert "stage2_days" in on(kit, ledger.ledger, "provisioning", "show").stdout


def test_a_days_root_is_signed_once_and_proves_its_heads(kit: Kit):
    on(kit, ledger.ledger, "root", "sign")
    assert "its root already" in on(kit, ledger.ledger, "root", "sign").stdout
    listed = json.loads(on(kit, ledger.ledger, "root", "list", "--json").stdout)["roots"]
    day = listed[-1]["day"]
    proved = on(kit, ledger.ledger, "root", "prove", "--day", day, "--writer", "centre", "--json")
    told = json.loads(proved.stdout)
    assert (told["holds"], told["root"]) == (True, listed[-1]["root"])


def test_reports_are_printed_or_written(kit: Kit, tmp_path: Path):
    assert "Trial balance, as of 2026-05-01" in on(
        kit, reports.report, "trial-balance", "--as-of", "2026-05-01"
    ).stdout  # fmt: skip
    out = tmp_path / "par.csv"
    on(kit, reports.report, "par", "--by", "village", "--format", "csv", "--out", out)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["village"] for row in rows] == ["Village One", "all"]
    wrong = run(kit, reports.report, "par", "--as-of", "soon", "--config", "server.toml")
    assert wrong.exit_code != 0


def test_a_scenario_is_checked_and_put_to_the_book(kit: Kit, tmp_path: Path):
    dry, picture = tmp_path / "dry.toml", tmp_path / "dry.svg"
    dry.write_text(SCENARIO)
    checked = run(kit, stress.scenario, "check", dry)
    assert "50.0 % of the harvest" in checked.stdout
    told = on(kit, stress.stress, dry, "--format", "json", "--picture", picture).stdout
    assert json.loads(told)["rows"][-1]["crop"] == "all"
    assert picture.read_text().startswith("<svg")
    assert "Drought: 50.0 %" in on(kit, stress.stress, dry).stdout
    dry.write_text("name = ")
    assert run(kit, stress.scenario, "check", dry).exit_code != 0
