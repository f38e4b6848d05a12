"""The lender's own loans are learnt from with the farmer's consent, and not without it."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.wire.records import ConsentAction
from server.app import create_app
from server.commands.hands import Hands
from server.commands.models import model as model_commands
from server.services.consents.taking import write_consent
from server.services.own_loans import own_loans
from server.store import consent_uses, people
from server.store.people import Actor
from server.training.catalogue import read_catalogue
from server.training.command import CATALOGUE
from tests.support.centre_kit import SEASON_START, TESTER, Kit
from tests.support.kiosk_kit import (
    deliver,
    draw,
    drawn_by_farmer_b,
    open_at_kiosk,
)

ADA = Actor("ada", "lender")
ENDED = SEASON_START + timedelta(days=500)


@pytest.fixture
def ended(kit: Kit) -> Kit:
    """Farmer B drew and never paid; so did farmer C, on a line of the kiosk."""
    drawn_by_farmer_b(kit, SEASON_START + timedelta(days=1))
    opened = open_at_kiosk(kit)
    deliver(kit)
    kit.station.pull(kit.centre)
    lease = opened.lease.lease_id
    draw(kit, "draw-c", opened.line_id, lease, 100_000)
    deliver(kit)
    kit.clock.set_day(ENDED)
    return kit


def say(kit: Kit, farmer_id: str, action: ConsentAction) -> None:
    kit.centre.write(lambda work: write_consent(work, farmer_id, ("model_training",), action, ADA))


def table(kit: Kit):
    catalogue = read_catalogue(CATALOGUE)
    return own_loans(kit.centre, catalogue, ENDED, TESTER, simulated=True)


def rows(data: bytes) -> list[dict[str, str]]:
    first, *lines = data.decode().splitlines()
    assert first == "# simulated: true"
    return list(csv.DictReader(lines))


def test_whoever_did_not_consent_is_not_learnt_from(ended: Kit):
    assert (table(ended).rows_count, table(ended).without_count) == (0, 2)
    say(ended, "farmer-b", ConsentAction.GRANT)
    found = table(ended)
    assert (found.rows_count, found.without_count) == (1, 1)
    [row] = rows(found.data)
    assert row[read_catalogue(CATALOGUE).table.outcome] == "1"
    assert row["past_seasons_repaid_count"] == "2", "farmer B's own, of the card"
    assert not {"farmer", "farmer_id", "card_id", "line_id", "name"} & set(row)


def test_a_consent_taken_back_takes_the_row_with_it(ended: Kit):
    for farmer in ("farmer-b", "farmer-c"):
        say(ended, farmer, ConsentAction.GRANT)
    assert table(ended).rows_count == 2
    say(ended, "farmer-b", ConsentAction.WITHDRAW)
    assert table(ended).rows_count == 1


def test_whose_row_it_is_stands_in_their_own_copy_with_the_consent_behind_it(ended: Kit):
    say(ended, "farmer-b", ConsentAction.GRANT)
    found = table(ended)
    uses = [u for u in ended.read(consent_uses.uses_of, "farmer-b") if u.kind == "training_table"]
    assert {use.object_id for use in uses} == {found.sha256}
    assert {use.basis for use in uses} == {"consent"}
    assert all(use.consent_ids for use in uses)
    none = [u for u in ended.read(consent_uses.uses_of, "farmer-c") if u.kind == "training_table"]
    assert none == []
    [row] = ended.read(people.trail_of, "training_table", found.sha256)
    assert (row.actor, row.detail) == (TESTER.name, {"rows": 1, "without": 1})


def test_the_command_writes_what_train_takes(ended: Kit, tmp_path: Path):
    say(ended, "farmer-c", ConsentAction.GRANT)
    out = tmp_path / "own.csv"
    hands = Hands(lambda _: ended.centre, bytes, create_app)
    words = ["own-loans", "--config", "x", "--out", str(out), "--simulated", "--json"]
    found = CliRunner().invoke(model_commands, words, obj=hands, catch_exceptions=False)
    told = json.loads(found.stdout)
    assert (told["rows"], told["without_consent"], told["unreplayed"]) == (1, 1, 0)
    catalogue = read_catalogue(CATALOGUE)
    [row] = rows(out.read_bytes())
    assert set(row) == {catalogue.table.season, catalogue.table.outcome, *catalogue.names}
