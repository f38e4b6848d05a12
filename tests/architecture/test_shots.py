"""The pictures of every screen: which are asked for, what is told of them, how a run ends."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from io import StringIO

import pytest

from core.lending.product import parse_product
from edge_node.faces.kiosk.words import LANGUAGES
from server.words import PSEUDO
from tools import shots
from tools.shot_acts import PRODUCTS, revised
from tools.shot_demo import READY, ended, reopened, told_by, told_until_ready
from tools.shot_walks import SIZES, THEMES, Gallery, Look, kind_of

TOLD = """\
┃ who                    ┃ where                       ┃ log in with                 ┃
│ lender                 │ http://127.0.0.1:40979      │ lender / 659446b0389a       │
│ supervisor             │ http://127.0.0.1:40979      │ supervisor / 652a0c654b7c   │
│ farmer (farmer-001)    │ http://127.0.0.1:34903      │ card f09c63adc368511bec6a   │
"""


def test_by_itself_a_face_is_looked_at_once():
    asked = shots.asked_for([])
    assert [len(shots.looks(face, asked)) for face in shots.USUAL] == [1, 1, 1]


def test_a_filter_replaces_what_is_usual_and_leaves_the_rest():
    asked = shots.asked_for(["--size", "phone", "--size", "tablet", "--theme", "sun"])
    assert shots.looks("console", asked) == [
        Look("phone", "sun", "en"),
        Look("tablet", "sun", "en"),
    ]


def test_whole_is_every_look_and_a_filter_still_holds():
    every = shots.looks("kiosk", shots.asked_for(["--whole"]))
    assert len(set(every)) == len(SIZES) * len(THEMES) * len(LANGUAGES)
    spoken = shots.looks("kiosk", shots.asked_for(["--whole", "--language", "hi"]))
    assert {look.language for look in spoken} == {"hi"}
    assert len(spoken) == len(SIZES) * len(THEMES)


def test_what_goes_wrong_is_told_by_name_and_the_walk_goes_on(tmp_path):
    gallery = Gallery(tmp_path)
    with gallery.missing("console-queue-en-phone-sun"):
        raise AssertionError("expected a page, got status 500\nand more")
    lines = gallery.told().splitlines()
    assert lines[0] == ("no picture of console-queue-en-phone-sun: expected a page, got status 500")
    assert lines[-1] == f"0 pictures of 0 screens in {tmp_path}; 1 could not be taken"


def test_a_fault_of_the_program_itself_is_not_kept_for_later(tmp_path):
    with pytest.raises(KeyError), Gallery(tmp_path).missing("console"):
        raise KeyError("queue")


def test_addresses_and_log_ins_are_read_from_what_the_demonstration_tells(tmp_path):
    demo = told_by(TOLD, tmp_path)
    assert (demo.console, demo.kiosk) == ("http://127.0.0.1:40979", "http://127.0.0.1:34903")
    assert demo.passwords == {"lender": "659446b0389a", "supervisor": "652a0c654b7c"}
    assert demo.cards == ("f09c63adc368511bec6a",)


def test_only_a_season_that_was_played_to_its_end_is_looked_at_again(tmp_path):
    with pytest.raises(SystemExit, match="leave --again out once"), reopened(tmp_path):
        raise AssertionError("expected no demonstration")


def test_the_language_that_nobody_speaks_is_the_consoles_alone():
    asked = shots.asked_for(["--language", PSEUDO, "--language", "hi"])
    assert [look.language for look in shots.looks("console", asked)] == [PSEUDO, "hi"]
    assert [look.language for look in shots.looks("kiosk", asked)] == ["hi"]


def test_a_tablet_is_let_in_once_for_all_its_looks_and_other_faces_walk_apart():
    every = shots.looks("tablet", shots.asked_for(["--size", "phone", "--size", "tablet"]))
    assert shots.walks("tablet", every) == [every]
    assert shots.walks("kiosk", every) == [[each] for each in every]


def test_what_a_candidate_changes_is_a_version_that_the_product_reads():
    newer = revised(PRODUCTS / "livestock.toml", (("limit_max_minor", "18_000_000"),))
    before = parse_product(tomllib.loads((PRODUCTS / "livestock.toml").read_text()))
    product = parse_product(tomllib.loads(newer))
    assert product.version == before.version + 1
    assert (before.credit.limit_max_minor, product.credit.limit_max_minor) == (
        20_000_000, 18_000_000,
    )  # fmt: skip


def test_a_demonstration_that_ends_early_is_told_with_its_last_words():
    with pytest.raises(SystemExit, match="no port is free"):
        told_until_ready(StringIO("Sowing\nno port is free\n"))
    assert told_until_ready(StringIO(f"a\n{READY}.\nb\n")) == f"a\n{READY}.\n"


@pytest.mark.parametrize("deaf", [False, True])
def test_a_demonstration_ends_in_order_or_is_killed_and_that_is_said(capsys, deaf):
    heeds = "signal.SIG_IGN" if deaf else "lambda *_: sys.exit(0)"
    program = (
        f"import signal, sys; signal.signal(signal.SIGTERM, {heeds}); "
        f"print('{READY}', flush=True); print('x' * 500_000, flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        told_until_ready(process.stdout)
        ended(process, within_s=1.0 if deaf else 60.0)
    assert process.returncode == (-9 if deaf else 0)
    assert ("was killed" in capsys.readouterr().err) is deaf


def test_a_page_of_one_record_is_one_kind():
    assert kind_of("http://here/console/lines/ln-42/statement?on=1") == "lines-statement-one"
    assert kind_of("http://here/console/") == "home"
