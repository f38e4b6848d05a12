"""``user``, ``authority`` and ``erase`` as officers give them, one after the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from server.app import main
from tests.support.centre_kit import Kit
from tests.support.payout_kit import settings_file


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


class Desk:
    """Commands that Grace and Henry give on the kit's database."""

    def __init__(self, config: Path) -> None:
        self.config = config

    def run(self, officer: str, words: str) -> Any:
        given = [*words.split(), "--config", str(self.config)]
        if officer:
            password = str(self.config.parent / "password")
            given += ["--officer", officer, "--password-file", password]
        return CliRunner().invoke(main, given)

    def read(self, officer: str, words: str) -> dict[str, Any]:
        found = self.run(officer, f"{words} --json")
        assert found.exit_code == 0, found.output
        told: dict[str, Any] = json.loads(found.stdout)
        return told

    def by_two(self, words: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What Grace tells and Henry confirms, as each is shown it."""
        told = self.read("grace", f"{words} --reason agreed")
        return told, self.read("henry", f"word confirm {told['word_id']}")

    def users(self) -> dict[str, tuple[str, bool, str]]:
        rows = self.read("", "user list")["users"]
        return {row["username"]: (row["role"], row["is_locked"], row["sees"]) for row in rows}


@pytest.fixture
def desk(kit: Kit, database_url: str, tmp_path: Path) -> Desk:
    return Desk(settings_file(kit, database_url, tmp_path))


def test_somebody_is_invited_moved_raised_locked_and_let_in_by_commands(desk: Desk):
    told, confirmed = desk.by_two("user invite olive --role lender --village village-one")
    assert len(told["half"]) == len(confirmed["half"]) == 12
    assert told["half"] != confirmed["half"]
    assert desk.users()["olive"] == ("lender", False, "village village-one")
    secret = desk.config.parent / "olive"
    for password, code in ((told["half"], 3), (f"{told['half']}-{confirmed['half']}", 0)):
        secret.write_text(password)
        given = ["word", "refuse", "nothing", "--reason", "x", "--officer", "olive"]
        given += ["--password-file", str(secret), "--config", str(desk.config)]
        found = CliRunner().invoke(main, given)
        is_let_in = "expected a word that waits" in found.output
        assert is_let_in == (code == 0), found.output
    desk.by_two("user scope olive")
    desk.by_two("user raise olive --role supervisor")
    assert desk.users()["olive"] == ("supervisor", False, "the whole book")
    desk.read("grace", "user lower olive --role auditor")
    desk.read("henry", "user lock olive")
    assert desk.users()["olive"] == ("auditor", True, "the whole book")
    desk.by_two("user unlock olive")
    again, _ = desk.by_two("user reset olive")
    assert again["half"] != told["half"]
    assert desk.users()["olive"][:2] == ("auditor", False)
    alone = desk.run("", "user add ghost --role lender --password-file " + str(secret))
    assert alone.exit_code == 3
    assert "two supervisors stand" in alone.output


def test_authority_is_set_and_listed_by_commands(desk: Desk):
    assert desk.read("", "authority list") == {"authorities": []}
    told = desk.read("grace", "authority set rule --amount-minor 500 --currency KES --reason may")
    assert desk.read("", "authority list") == {"authorities": []}
    same = desk.run("grace", f"word confirm {told['word_id']}")
    assert same.exit_code == 4
    desk.read("henry", f"word confirm {told['word_id']}")
    [found] = desk.read("", "authority list")["authorities"]
    assert (found["holder"], found["amount_minor"], found["actor"]) == ("rule", 500, "henry")
    assert "KES 5.00" in desk.run("", "authority list").output


def test_a_person_is_erased_by_commands(desk: Desk):
    told = desk.read("grace", "erase farmer-c --reason letter")
    assert "Who farmer-c is gets erased" in desk.run("", "word list").output
    desk.read("henry", f"word confirm {told['word_id']}")
    desk.read("", "audit --only erased --only users --only words")  # exit code 0: all holds
    refused = desk.run("grace", "erase farmer-c --reason again")
    assert refused.exit_code == 3
    assert "erased already" in refused.output
