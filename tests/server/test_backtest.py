"""Every past decision is held to what became of it, and one that does not replay to nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.decision.policy import Verdict
from core.units import PPM
from core.wire.records import Application
from server.app import create_app
from server.commands.backtest import SURVIVORS, backtest_command
from server.commands.hands import Hands
from server.services.backtest import Ending, Past, backtest, summed
from server.services.posting import RepaymentRequest, take_repayment
from server.store import lines
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, Kit, open_known
from tests.support.kiosk_kit import (
    MONEY,
    card_of,
    deliver,
    draw,
    grant,
    leases_at_station,
    write_card,
)

ON = date(2026, 12, 31)
TILL = Actor("till", "cashier")


def past(number: int, pd_ppm: int, ending: Ending, **changes: Any) -> Past:
    told = {
        "card_id": f"card-{number}", "model_sha256": "a" * 64, "product_id": "crop-season",
        "season": "2026-long-rains", "verdict": Verdict.APPROVE, "is_ripe": True,
        "score": 600 - pd_ppm // 1_000,
    }  # fmt: skip
    return Past(pd_ppm=pd_ppm, ending=ending, **{**told, **changes})


def of(lost: int, repaid: int, pd_ppm: int, first: int = 0, **changes: Any) -> list[Past]:
    endings = [Ending.LOST] * lost + [Ending.REPAID] * repaid
    return [past(first + n, pd_ppm, each, **changes) for n, each in enumerate(endings)]


def test_promises_are_summed_and_held_to_what_was_lost() -> None:
    found = summed(ON, [*of(10, 90, 100_000), *of(40, 60, 400_000, first=100)])
    [one] = found.models
    assert (one.held.known, one.held.lost, one.held.expected) == (200, 50, pytest.approx(50))
    assert one.held.word == "within chance"
    assert [(each.promised_ppm, each.defaults_count, each.loans_count) for each in one.bins] == [
        (100_000, 10, 100),
        (400_000, 40, 100),
    ]
    assert one.auc_ppm is not None
    assert one.auc_ppm > PPM // 2


@pytest.mark.parametrize(
    ("lost", "word"), [(10, "within chance"), (25, "more lost than promised"),
                       (1, "less lost than promised")],
)  # fmt: skip
def test_a_promise_is_kept_within_chance_or_it_is_said(lost: int, word: str) -> None:
    found = summed(ON, of(lost, 100 - lost, 100_000))
    assert found.models[0].held.word == word


def test_each_model_season_and_product_answers_for_itself() -> None:
    other = {"model_sha256": "b" * 64, "season": "2027-long-rains", "product_id": "livestock"}
    found = summed(ON, [*of(0, 30, 50_000), *of(20, 10, 50_000, first=30, **other)])
    assert [one.held.word for one in found.models] == ["within chance", "more lost than promised"]
    assert [one.name for one in found.seasons] == ["2026-long-rains", "2027-long-rains"]
    assert [(one.name, one.lost) for one in found.products] == [
        ("crop-season", 0),
        ("livestock", 20),
    ]


def test_what_has_not_ended_is_counted_and_not_judged() -> None:
    endings = (Ending.RUNNING, Ending.UNUSED, Ending.NO_LINE, Ending.LATE)
    found = summed(ON, [past(n, 100_000, each) for n, each in enumerate(endings)])
    assert found.endings == {"late": 1, "no line": 1, "not drawn": 1, "running": 1}
    [one] = found.models
    assert (one.held.decided, one.held.known, one.held.late) == (4, 1, 1)
    assert one.auc_ppm is None
    young = summed(ON, [past(1, 100_000, Ending.REPAID, is_ripe=False)])
    assert young.models[0].held.word == "nothing known yet"
    nothing = summed(ON, [past(1, 100_000, Ending.RUNNING)])
    assert nothing.models[0].held.word == "nothing known yet"


@pytest.fixture
def lent(kit: Kit) -> Kit:
    """Farmers A and B draw; B repays, A does not; C is referred at a station."""
    open_known(kit)
    kit.station.pull(kit.centre)
    grant(kit, "farmer-c", "consent-1")
    application = Application(
        "app-c", "farmer-c", kit.product.product_id, ("plot-c1",), 20_000_000, "KES"
    )
    kit.station.write(MONEY, "application", application, kit.clock.at_ms)
    write_card(kit, card_of(kit, application, 20_000_000))
    kit.clock.set_day(SEASON_START + timedelta(days=1))
    for name in "ab":
        [line] = kit.read(lines.of_farmer, f"farmer-{name}")
        [lease] = [each for each in leases_at_station(kit) if each.line_id == line.line_id]
        draw(kit, f"draw-{name}", line.line_id, lease.lease_id, 500_000)
    deliver(kit)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    due = date.fromisoformat(line.due_on)
    kit.clock.set_day(due)
    request = RepaymentRequest("r-b", line.line_id, 600_000, "KES", due.isoformat())
    take_repayment(kit.centre, request, TILL)
    return kit


def run(kit: Kit, *words: str) -> Result:
    hands = Hands(lambda _: kit.centre, bytes, create_app)
    return CliRunner().invoke(backtest_command, [*words, "--config", "server.toml"], obj=hands)


def endings(found: Any) -> dict[str, int]:
    return dict(found.endings)


def test_lines_come_to_their_endings_day_by_day(lent: Kit) -> None:
    [line] = lent.read(lines.of_farmer, "farmer-a")
    due, now = date.fromisoformat(line.due_on), lent.clock.now_ms()

    def on(day: date) -> dict[str, int]:
        return endings(backtest(lent.centre, day, now))

    assert on(due - timedelta(days=30)) == {"no line": 1, "running": 2}
    assert on(due + timedelta(days=20)) == {"late": 1, "no line": 1, "repaid": 1}
    assert on(due + timedelta(days=120)) == {"lost": 1, "no line": 1, "repaid": 1}
    early = backtest(lent.centre, due + timedelta(days=20), now)
    assert early.models[0].held.known == 0  # what is repaid shows sooner than what is lost
    found = backtest(lent.centre, due + timedelta(days=120), now)
    assert found.verdicts == {"approve": 2, "refer": 1}
    assert (found.models[0].held.known, found.models[0].held.expected) == (2, pytest.approx(0.1))
    assert found.unreplayed == ()


def test_a_card_that_does_not_replay_is_named_first_and_counted_nowhere(lent: Kit) -> None:
    application = Application(
        "app-d", "farmer-c", lent.product.product_id, ("plot-c1",), 20_000_000, "KES"
    )
    honest = card_of(lent, application, 20_000_000)
    lent.station.write(MONEY, "application", application, lent.clock.at_ms)
    write_card(lent, replace(honest, outcome=replace(honest.outcome, score=9_999)))
    deliver(lent)
    found = backtest(lent.centre, ON, lent.clock.now_ms())
    [one] = found.unreplayed
    assert (one.card_id, one.why.partition(":")[0]) == ("card-app-d", "differs")
    assert sum(found.verdicts.values()) == 3
    told = run(lent)
    assert told.exit_code == 1
    assert "card-app-d does not replay" in told.output


def test_the_command_tells_it_in_words_in_json_and_as_a_figure(lent: Kit, tmp_path: Path) -> None:
    figure = tmp_path / "promises.svg"
    told = run(lent, "--as-of", ON.isoformat(), "--figure", str(figure))
    assert told.exit_code == 0, told.output
    assert SURVIVORS in told.output
    assert "2 held to (1 repaid, 0 late, 1 lost); 0.1 losses promised" in told.output
    assert figure.read_text().startswith("<svg")
    plain = json.loads(run(lent, "--as-of", ON.isoformat(), "--json").output)
    assert plain["endings"] == {"lost": 1, "no line": 1, "repaid": 1}
    assert plain["models"][0]["bins"][0]["loans_count"] == 2
    assert plain["survivors"] == SURVIVORS
    wrong = run(lent, "--as-of", "tomorrow")
    assert "expected a day such as 2026-09-15" in str(wrong.exception)
