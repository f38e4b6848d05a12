"""What a model decided stays decided: people find it, beside what the model in use would say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.canonical import canonical_bytes
from core.shape import encode
from server.app import create_app
from server.commands.hands import Hands
from server.commands.model_decisions import decisions_command
from server.services import enrolment
from server.store import consent_uses, models
from server.store.model_cards import CardsOfModel, count, page
from server.store.people import Role
from tests.support.centre_kit import TESTER, Kit, open_known
from tests.support.kiosk_kit import deliver, open_at_kiosk
from tests.support.model_desk import put_in_force
from tests.support.models_book import counts_of, put_cards, stricter

WORD = "a long word of passage"


@pytest.fixture
def replaced(kit: Kit) -> Kit:
    """A line was opened by the first model; a stricter one is in force since."""
    open_known(kit)
    kit.station.pull(kit.centre)
    open_at_kiosk(kit)
    deliver(kit)
    put_in_force(kit.centre, canonical_bytes(encode(stricter(7))))
    enrolment.add_user(kit.centre, "grace", WORD, Role.SUPERVISOR, TESTER)
    enrolment.add_user(kit.centre, "till", WORD, Role.CASHIER, TESTER)
    return kit


def asked(kit: Kit, folder: Path, *words: str, officer: str = "grace") -> Result:
    (folder / "word").write_text(WORD, encoding="utf-8")
    by = ("--config", "server.toml", "--officer", officer, "--password-file", str(folder / "word"))
    hands = Hands(lambda _: kit.centre, bytes, create_app)
    return CliRunner().invoke(decisions_command, [*words, *by], obj=hands)


def told(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_decisions_stand_beside_what_the_model_in_use_would_say(replaced: Kit, tmp_path: Path):
    found = told(asked(replaced, tmp_path, "1", "--json"))
    (card,) = [each for each in found["cards"] if each["farmer_id"] == "farmer-c"]
    assert found["cards_count"] == len(found["cards"]) == 3  # the centre's own two among them
    assert (card["verdict"], card["now"], card["line_id"]) == ("approve", "decline", "line-1")
    parted = asked(replaced, tmp_path, "1", "--parted", "--verdict", "approve")
    assert "line line-1; today decline" in parted.output
    assert asked(replaced, tmp_path, "1", "--until", "2026-01-01").output == "No such decision.\n"


def test_who_reads_them_is_an_officer_and_the_farmer_is_told(replaced: Kit, tmp_path: Path):
    assert asked(replaced, tmp_path, "1", officer="till").exit_code != 0
    assert replaced.read(consent_uses.accesses_of, "farmer-c") == ()
    asked(replaced, tmp_path, "1")
    asked(replaced, tmp_path, "1")  # the same list again on the same day
    (look,) = replaced.read(consent_uses.accesses_of, "farmer-c")
    assert (look.actor, look.purpose, look.shown) == ("grace", "supervision", "model decisions")
    assert asked(replaced, tmp_path, "1", "--from", "soon").exit_code != 0


@pytest.mark.both_engines
def test_a_long_list_comes_in_pages_and_says_how_much_is_left(kit: Kit):
    sha256 = kit.read(models.active).sha256
    put_cards(kit, counts_of(sha256, "2026-03-14", 6, 4, approved_count=7))
    wanted = CardsOfModel(sha256, 0, kit.clock.at_ms + 1)
    first = kit.read(page, wanted, 3)
    assert [one.at_ms for one in first] == sorted(one.at_ms for one in first)
    assert (len(first), kit.read(count, wanted)) == (3, 10)
    assert kit.read(count, CardsOfModel(sha256, 0, kit.clock.at_ms + 1, "approve")) == 7
    assert kit.read(count, CardsOfModel(sha256, first[1].at_ms, first[2].at_ms)) == 1
