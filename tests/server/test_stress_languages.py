"""What a stress test prints is in the language asked for; what programs read is not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text
from server.app import main
from server.words import LANGUAGES
from tests.support.centre_kit import Kit
from tests.support.payout_kit import settings_file
from tests.support.tampering import stock

SCENARIO = """
name = "bad"
title = "1990"
source = "1990"
drought = [{ yield_loss_ppm = 900_000 }]
funds = [{ currency = "KES", cash_minor = 1_000_000, horizon_days = 200 }]
"""
DATA = re.compile(r"KES|Village One|[a-z]+-[a-z0-9-]+")


@pytest.fixture
def ask(kit: Kit, database_url: str, tmp_path: Path):
    stock(kit)
    config = settings_file(kit, database_url, tmp_path)
    (tmp_path / "clock").write_text(clock_text(kit.clock.at_ms))
    (tmp_path / "bad.toml").write_text(SCENARIO, encoding="utf-8")
    environ = {CLOCK_SETTING: str(tmp_path / "clock"), DEMO_SETTING: "1"}

    def run(*words: str) -> str:
        given = ["stress", str(tmp_path / "bad.toml"), "--config", str(config), *words]
        found = CliRunner(env=environ).invoke(main, given)
        assert found.exit_code == 0, found.output
        return found.output

    return run


def test_what_is_printed_is_in_the_language_that_was_asked_for(ask, tmp_path: Path):
    told = {language: ask("--language", language) for language in LANGUAGES}
    assert told["en"] == ask(), "English is what it was"
    assert len(set(told.values())) == len(LANGUAGES)
    for language in ("hi", "zh", "mn"):
        left = re.findall(r"[A-Za-z]{3,}", DATA.sub("", told[language]))
        assert left == [], (language, left)
    english = set(re.findall(r"[a-z]{4,}", told["en"]))
    assert english.isdisjoint(re.findall(r"[a-z]{4,}", DATA.sub("", told["sw"])))
    assert json.loads(ask("--language", "zh", "--format", "json")) == json.loads(
        ask("--format", "json")
    )


def test_the_report_and_the_picture_speak_as_the_text_does(ask, tmp_path: Path):
    page, picture = tmp_path / "told.html", tmp_path / "told.svg"
    ask("--language", "zh", "--report", str(page), "--picture", str(picture))
    assert 'lang="zh' in page.read_text(encoding="utf-8")
    assert re.search(r"[\u4e00-\u9fff]", picture.read_text(encoding="utf-8"))
