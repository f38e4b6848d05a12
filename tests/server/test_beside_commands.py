"""``bureau``, ``cover`` and ``co-lender`` as an officer types them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text
from server.app import main
from server.services.audit.run import audit
from server.store import consent_uses, lines
from tests.support.bands import BAND
from tests.support.beside_lines import (
    BUREAU,
    COVER,
    LENDERS,
    WORD,
    consent,
    extract,
    offer,
    owes,
    with_secret,
    words,
)
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.payout_kit import GRACE, settings_file

AGREEMENT = f"""
agreement_id = "joint-1"
product_id = "crop-season"
from_on = "2026-01-01"
until_on = "2026-12-31"
parties = [
  {{ partner_id = "us", name = "{LENDERS[0]}", share_ppm = SHARE }},
  {{ partner_id = "coop", name = "{LENDERS[1]}", share_ppm = 300000 }},
]
"""
RULES = """
version = 2
effective_from = "2026-01-01"
share_ppm_min = 300000
partner_ppm_max = 250000
book_ppm_max = 1000000
tier1_minor = 40000000
currency = "KES"
source = "the lender's books"
"""


@pytest.fixture
def engine_name() -> str:
    """What differs by database is tested beside the services; here are commands."""
    return "sqlite"


@pytest.fixture
def run(kit: Kit, database_url: str, tmp_path: Path) -> Any:
    config = settings_file(kit, database_url, tmp_path)
    with_secret(kit, tmp_path)
    clock = tmp_path / "clock"
    officer = ("--officer", GRACE.name, "--password-file", str(tmp_path / "password"))

    def run(*said: object, by_officer: bool = False) -> Result:
        clock.write_text(clock_text(kit.clock.at_ms))
        environ = {CLOCK_SETTING: str(clock), DEMO_SETTING: "1"}
        given = [*map(str, said), "--config", str(config), *(officer if by_officer else ())]
        return CliRunner(env=environ).invoke(main, given)

    return run


def told(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_bureau_is_imported_asked_shown_and_reported_to(
    kit: Kit, run: Any, tmp_path: Path
) -> None:
    offer(kit, bureau=BUREAU)
    open_known(kit)
    folder = extract(tmp_path / "in", "2026-03-10", owes("ID123456", 500, 20))
    taken = told(run("bureau", "import", "crb", folder, "--json", by_officer=True))
    assert [each["rows_count"] for each in taken["taken"]] == [1]
    (tmp_path / "id.txt").write_text("ID 123456\n")
    ask = ("bureau", "ask", "crb", "farmer-b", "--currency", "KES", "--document-file",
           tmp_path / "id.txt")  # fmt: skip
    refused = run(*ask, by_officer=True)
    assert refused.exit_code == 3
    assert "nobody is asked" in refused.stderr
    given = consent(kit, "farmer-b", "bureau_query", "bureau_report")
    answer = told(run(*ask, "--json", by_officer=True))
    assert (answer["dues_minor"], answer["liens_minor"], answer["consent_id"]) == (500, 20, given)
    assert "dues KES 5.00" in run("bureau", "show", "farmer-b").stdout
    assert "crb  2026-03-10  1 people" in run("bureau", "show").stdout
    out = tmp_path / "out"
    assert told(run("bureau", "report", "lender", "--out", out, "--json"))["rows_count"] == 1
    assert len(list(out.iterdir())) == 2
    every = kit.read(lambda tx: list(consent_uses.every_use(tx)))
    uses = [use for use in every if use.kind == "bureau_query"]
    assert {use.object_id for use in uses} == {answer["query_id"]}
    assert audit(kit.centre).holds


def test_a_secret_is_made_once(kit: Kit, run: Any, tmp_path: Path) -> None:
    (tmp_path / "bureau.key").unlink()
    assert run("bureau", "key").exit_code == 0
    assert (tmp_path / "bureau.key").stat().st_mode & 0o777 == 0o600
    assert run("bureau", "key").exit_code != 0


def test_covers_are_stated_paid_ended_and_shown(kit: Kit, run: Any, tmp_path: Path) -> None:
    offer(kit, cover=COVER)
    open_known(kit)
    consent(kit, "farmer-b", "insurance")
    [line] = kit.read(lines.of_farmer, "farmer-b")
    (tmp_path / "words.json").write_bytes(words(WORD))
    assert len(told(run("cover", "state", tmp_path / "words.json", "--json",
                        by_officer=True))["taken"]) == 1  # fmt: skip
    said = run("cover", "state", tmp_path / "words.json", by_officer=True)
    assert said.stdout == "Nothing new.\n"
    kit.clock.set_day(SEASON_START + timedelta(days=1))
    pay = ("cover", "paid", "policy-1", line.line_id, "50000", "--on", "2026-03-16",
           "--reference", "w-1")  # fmt: skip
    assert told(run(*pay, "--json", by_officer=True))["new"]
    assert not told(run(*pay, "--json", by_officer=True))["new"]
    end = ("cover", "end", "policy-1", "--reason", "the premium was not paid")
    assert run(*end, by_officer=True).exit_code == 0
    shown = run("cover", "show", "farmer-b").stdout
    assert [word in shown for word in ("stated", "paid", "ended")] == [True] * 3
    assert run("cover", "show").stdout == shown


def test_lenders_agree_and_a_partner_is_told_and_paid(kit: Kit, run: Any, tmp_path: Path) -> None:
    offer(kit, lenders=LENDERS)
    (tmp_path / "rules.toml").write_text(RULES)
    assert told(run("ledger", "joint", "add", tmp_path / "rules.toml", "--json"))["new"]
    small = tmp_path / "small.toml"
    small.write_text(AGREEMENT.replace("SHARE", "700100").replace("300000", "299900"))
    refused = run("co-lender", "sign", small, by_officer=True)
    assert "expected at least 300,000 ppm, got 299,900, 100 short" in refused.stderr
    good = tmp_path / "agreement.toml"
    good.write_text(AGREEMENT.replace("SHARE", "700000"))
    assert told(run("co-lender", "sign", good, "--json", by_officer=True))["new"]
    consent(kit, "farmer-b", "co_lending")
    open_known(kit)
    shown = told(run("co-lender", "show", "--currency", "KES", "--json"))
    assert (shown["exposure"]["joint_minor"], shown["lent"]["joint_minor"]) == (980_000, 0)
    assert shown["rules"]["version"] == 2
    out = tmp_path / "out"
    period = ("--from", "2026-03-01", "--until", "2026-03-31")
    told(run("co-lender", "statement", "coop", *period, "--out", out, "--json"))
    assert len(list(out.iterdir())) == 2
    settle = ("co-lender", "settle", "coop", "100", "--currency", "KES", "--on", "2026-03-20",
              "--reference", "b-1")  # fmt: skip
    assert told(run(*settle, "--json", by_officer=True))["new"]
    after = told(run("co-lender", "statement", "coop", *period, "--json"))
    assert after["balance_minor"] == {"KES": -100}
    bad = run("co-lender", "statement", "coop", "--from", "soon", "--until", "later")
    assert "a day such as" in bad.stderr


def test_the_rates_of_a_line_are_shown_and_the_look_is_noted(kit: Kit, run: Any) -> None:
    offer(kit, risk_prices=[BAND])
    open_known(kit)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    shown = run("line", "rates", line.line_id).stdout
    assert "12.00 % a year, risk 5.00 % by card:" in shown
    assert told(run("line", "rates", line.line_id, "--json"))["rates"][0]["pd_ppm"] == 50_000
    assert len(kit.read(consent_uses.accesses_of, "farmer-b")) == 2
