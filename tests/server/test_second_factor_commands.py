"""``user end-factor`` as processes of their own give it: one tells, another confirms."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

from server import one_time
from server.services import enrolment, second_factor
from server.store import second_factors
from server.store.people import Role
from tests.support.centre_kit import TESTER, Kit
from tests.support.payout_kit import HENRY, PASSWORD, settings_file

ROOT = Path(__file__).parents[2]


def enrolled(kit: Kit) -> None:
    """Henry's phone, confirmed by a code of it."""
    offer = kit.centre.write(lambda work: second_factor.offer(work, HENRY, kit.centre.new_token))
    secret = base64.b32decode(offer.secret_text.replace(" ", ""))
    step = one_time.step_of(kit.clock.at_ms)
    proof = (offer.factor_id, one_time.code_at(secret, step))
    kit.centre.write(
        lambda work: second_factor.confirm(work, HENRY, proof, step, kit.centre.new_token)
    )


def given(config: Path, officer: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command by an officer, in a process of its own."""
    who = ("--officer", officer, "--password-file", str(config.parent / "password")) * bool(officer)
    return subprocess.run(
        [sys.executable, "-c", "from server.app import main; main()", *words, "--config",
         str(config), *who, "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_lost_phone_is_ended_by_two_processes_and_by_neither_alone(
    kit: Kit, database_url: str, tmp_path: Path
):
    enrolment.add_user(kit.centre, "lena", PASSWORD, Role.LENDER, TESTER)
    config = settings_file(kit, database_url, tmp_path)
    enrolled(kit)
    ends = ("user", "end-factor")
    why = ("--reason", "phone lost")
    own = given(config, "henry", *ends, "henry", *why)
    assert (own.returncode, "another person than henry" in own.stderr) == (4, True)
    none = given(config, "henry", *ends, "grace", *why)
    assert none.returncode != 0
    assert "grace has none" in none.stderr
    told = json.loads(given(config, "grace", *ends, "henry", *why).stdout)
    alone = given(config, "grace", "word", "confirm", told["word_id"])
    assert alone.returncode == 4
    assert kit.read(second_factors.holders) == {"henry"}
    theirs = given(config, "henry", "word", "confirm", told["word_id"])  # a thief's way in
    assert (theirs.returncode, kit.read(second_factors.holders)) == (4, {"henry"})
    by_two = given(config, "lena", "word", "confirm", told["word_id"])
    assert by_two.returncode == 0, by_two.stderr
    assert kit.read(second_factors.holders) == frozenset()
    assert given(config, "", "audit", "--only", "users").returncode == 0
