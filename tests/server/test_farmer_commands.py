"""``harvestline-server farmer``, as an officer types it; the events and the trail behind it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text
from core.wire.personal_data import DataClass, Purpose, Recipient
from server.app import main
from server.services.audit.run import audit
from server.services.consents.using import use_data
from server.store import consent_uses, people
from server.store.payout_tables import hook_events
from server.store.tables import data_uses
from tests.support.centre_kit import Kit, open_known
from tests.support.payout_kit import GRACE, settings_file


@pytest.fixture
def engine_name() -> str:
    """What differs by database is tested beside the services; here are commands."""
    return "sqlite"


@pytest.fixture
def run(kit: Kit, database_url: str, tmp_path: Path) -> Any:
    config = settings_file(kit, database_url, tmp_path)
    clock = tmp_path / "clock"
    officer = ("--officer", GRACE.name, "--password-file", str(tmp_path / "password"))

    def run(*words: str, by_officer: bool = False) -> dict[str, Any]:
        clock.write_text(clock_text(kit.clock.at_ms))
        environ = {CLOCK_SETTING: str(clock), DEMO_SETTING: "1"}
        extra = officer if by_officer else ()
        given = ["farmer", *words, "--config", str(config), *extra, "--json"]
        found = CliRunner(env=environ).invoke(main, given)
        assert found.exit_code == 0, found.output
        told: dict[str, Any] = json.loads(found.stdout)
        return told

    return run


def test_a_consent_is_written_listed_and_taken_back_by_commands(kit: Kit, run: Any) -> None:
    given = run("consent", "grant", "farmer-a", "co_lending", "research", by_officer=True)
    told = run("consents", "farmer-a")
    assert told["allowed"] == {
        "co_lending": [given["consent_id"]], "research": [given["consent_id"]],
    }  # fmt: skip
    assert run("who", "research")["farmers"] == {"farmer-a": [given["consent_id"]]}
    ended = run("consent", "withdraw", "farmer-a", "co_lending", by_officer=True)
    assert ended["follows"] == [given["consent_id"]]
    assert set(run("consents", "farmer-a")["allowed"]) == {"research"}
    assert run("meantime", ended["consent_id"], "farmer-a")["used"] == []


def test_those_outside_hear_of_a_withdrawal_and_the_trail_names_the_officer(
    kit: Kit, run: Any
) -> None:
    run("consent", "grant", "farmer-a", "co_lending", by_officer=True)
    ended = run("consent", "withdraw", "farmer-a", "co_lending", by_officer=True)
    with kit.centre.store.reading() as tx:
        events = tx.rows(select(hook_events).where(hook_events.c.tenant_id == tx.tenant_id))
        acts = {row.action: row for row in people.trail(tx) if row.object_kind == "consent"}
    (event,) = [each for each in events if each["kind"] == "consent.withdrawn"]
    assert json.loads(event["payload"])["recipients"] == ["co_lender"]
    assert event["subject"] == ended["consent_id"]
    assert acts["consent_withdrawn"].actor == GRACE.name


def test_a_farmer_takes_their_data_along_and_sees_that_it_was_read(
    kit: Kit, run: Any, tmp_path: Path
) -> None:
    open_known(kit)
    told = run("export", "farmer-b", "--out", str(tmp_path / "own"))
    first, second = (Path(each) for each in told["files"])
    assert json.loads(first.read_text())["identity"]["farmer_id"] == "farmer-b"
    assert second.read_text().startswith("<!doctype html>")
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in (first, second))
    (look,) = run("looks", "farmer-b")["looks"]
    assert (look["purpose"], look["count"]) == ("servicing", 1)


def test_an_audit_names_a_use_that_rests_on_nobody_s_consent(kit: Kit, run: Any) -> None:
    run("consent", "grant", "farmer-a", "co_lending", by_officer=True)
    use = (Purpose.CO_LENDING, DataClass.MONEY, Recipient.CO_LENDER)
    kit.centre.write(lambda work: use_data(work, "farmer-a", (use,), ("shared", "s-1")))
    assert audit(kit.centre, ["consents"]).holds
    (kept,) = kit.read(consent_uses.uses_of, "farmer-a")
    forged = {name: getattr(kept, name) for name in type(kept).__slots__}
    forged |= {"farmer_id": "farmer-b", "consent_ids": json.dumps(list(kept.consent_ids))}
    kit.centre.store.write(lambda tx: tx.insert(data_uses, **forged))
    found = audit(kit.centre, ["consents"])
    assert found.first is not None
    assert (found.first.table, found.first.record_id) == ("data_uses", "shared/s-1")
