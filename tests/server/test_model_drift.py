"""Drift by counts alone: summed at the centre, alarms at .10 and .25, a roll-out that halts."""

from __future__ import annotations

import json

import pytest

from core.canonical import canonical_bytes
from core.decision.card import DecisionCard
from core.decision.counting import count_cards
from core.scoring.drift import NOISE_PPM_MAX, Alarm, noise_ppm
from core.shape import decode, encode
from core.units import PPM
from core.wire.envelope import LogClass
from core.wire.modelcounts import ModelCounts
from core.wire.records import Up
from server.services.cards import read_model
from server.services.envelopes import accept_envelope as receive
from server.services.model_life import rollout
from server.services.model_life.drift import drift_of, wilson_ppm
from server.services.model_life.rollout import Stage
from server.store import logs, model_life, models, reports
from tests.support.centre_kit import Kit, open_known
from tests.support.kiosk_kit import deliver, open_at_kiosk
from tests.support.model_desk import CHEN, approved
from tests.support.models_book import counts_of, put_cards, referenced

MONEY = LogClass.MONEY


def tell(kit: Kit, *told: ModelCounts) -> None:
    """Say counts of cards that the centre has."""
    for one in told:
        put_cards(kit, one)
    say(kit, *told)


def say(kit: Kit, *told: ModelCounts) -> None:
    first = len(kit.station.records.get(MONEY, ())) + 1
    for one in told:
        kit.station.write(MONEY, Up.MODEL_COUNTS.value, one, kit.clock.at_ms)
    receive(kit.centre, kit.station.envelope(MONEY, first))


def flags(kit: Kit) -> list[str]:
    return [kept.flag for _, kept in kit.read(logs.flagged)]


CANARY = Stage(("st-one",))


def rolling(kit: Kit, stage: Stage = CANARY):
    found = approved(kit.centre, canonical_bytes(encode(referenced())))
    rollout.stage(kit.centre, found.sha256, stage, CHEN)
    return found


def stand(kit: Kit, found) -> tuple[str, str, str]:
    last = kit.read(model_life.last, found.sha256)
    return last.state, last.reason, last.actor


def drift(kit: Kit, found):
    with kit.centre.store.reading() as tx:
        return drift_of(tx, found, kit.centre.work(tx, kit.clock.at_ms).today())


@pytest.mark.both_engines
def test_counts_are_summed_once_however_often_they_come(kit: Kit):
    found = rolling(kit)
    day = counts_of(found.sha256, "2026-03-14", 30, 30)
    tell(kit, day, day)  # the same again under another number
    receive(kit.centre, kit.station.envelope(MONEY, 1))  # and the whole envelope again
    assert drift(kit, found).decisions_count == 60
    tell(kit, counts_of(found.sha256, "2026-03-14", 60, 0))
    assert drift(kit, found).decisions_count == 60
    assert "told otherwise before" in flags(kit)[0]


@pytest.mark.parametrize(
    ("low", "expected", "state"),
    [(500, Alarm.NONE, "rolling"), (660, Alarm.WATCH, "rolling"), (760, Alarm.ACT, "halted")],
)
def test_alarms_ring_at_a_tenth_and_at_a_quarter(kit: Kit, low, expected, state):
    """Of 1,000: PSI of 660/340 against 500/500 is .106, of 760/240 it is .300."""
    found = rolling(kit)
    tell(kit, counts_of(found.sha256, "2026-03-14", low, 1000 - low))
    now = drift(kit, found)
    assert now.alarm is expected, now.parts[0].psi_ppm
    assert stand(kit, found)[0] == state


def test_a_halt_by_rule_says_which_part_moved_and_takes_no_further_station(kit: Kit):
    found = rolling(kit)
    tell(kit, counts_of(found.sha256, "2026-03-14", 900, 100))
    assert stand(kit, found) == ("halted", "drift", kit.centre.settings.name)
    detail = kit.read(model_life.last, found.sha256).detail
    assert (detail["part"], detail["psi_ppm"] > 250_000) == ("score", True)
    with pytest.raises(rollout.ModelLifeError):
        rollout.stage(kit.centre, found.sha256, Stage((), PPM), CHEN)


def test_so_few_decisions_ring_no_alarm_whatever_they_say(kit: Kit):
    found = rolling(kit)
    tell(kit, counts_of(found.sha256, "2026-03-14", 15, 0))
    (score, *_) = drift(kit, found).parts
    assert score.psi_ppm > 250_000
    assert (score.told, score.alarm, stand(kit, found)[0]) == (False, Alarm.NONE, "rolling")
    assert noise_ppm((500, 500), (15, 0)) == 67_667 > NOISE_PPM_MAX


@pytest.mark.parametrize(("good", "state"), [(40, "rolling"), (12, "halted"), (60, "halted")])
def test_a_share_of_refusals_outside_its_bounds_halts_the_roll_out(kit: Kit, good, state):
    """Bounds of 10 to 50 % refused; of 60 decisions 20, 48 or none were."""
    found = rolling(kit, Stage(("st-one",), None, (100_000, 500_000)))
    tell(kit, counts_of(found.sha256, "2026-03-14", 30, 30, approved_count=good))
    assert stand(kit, found)[0] == state
    assert state == "rolling" or stand(kit, found)[1] == "refusals"


def test_wilson_s_interval_is_that_of_the_book():
    """Of 10 of 100 the 95 % interval is .0552 to .1744 (Newcombe 1998, method 3)."""
    assert wilson_ppm(10, 100, 1.959964) == (55_229, 174_366)
    assert wilson_ppm(0, 0) == (0, PPM)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (lambda _: counts_of("9" * 64, "2026-03-14", 5, 5), "not registered"),
        (lambda s: counts_of(s, "2026-05-01", 5, 5), "a day that has come"),
        (
            lambda s: ModelCounts("2026-03-14", s, 5, {"approve": 5, "refer": 0, "decline": 0},
                                  {"score": (1, 4)}),
            "the bins of model",
        ),
    ],
)  # fmt: skip
def test_counts_that_cannot_be_are_told_and_counted_nowhere(kit: Kit, told, words):
    found = rolling(kit)
    tell(kit, told(found.sha256))
    assert words in flags(kit)[0]
    assert drift(kit, found).decisions_count == 0


@pytest.mark.both_engines
def test_counts_that_hide_a_drift_are_set_aside_and_the_cards_count(kit: Kit):
    """The cards fell 900 to 100; the station says 500 to 500, as if nothing had moved."""
    found = rolling(kit)
    put_cards(kit, counts_of(found.sha256, "2026-03-14", 900, 100))
    say(kit, counts_of(found.sha256, "2026-03-14", 500, 500))
    assert "1000 decisions are told, 1000 cards are here, and they differ in score" in flags(kit)[0]
    assert drift(kit, found).alarm is Alarm.ACT
    assert stand(kit, found)[:2] == ("halted", "drift")


@pytest.mark.parametrize("cards", [(0, 0), (10, 10)])
def test_counts_without_their_cards_dilute_nothing_and_halt_nothing(kit: Kit, cards):
    found = rolling(kit)
    if sum(cards):
        put_cards(kit, counts_of(found.sha256, "2026-03-14", *cards))
    say(kit, counts_of(found.sha256, "2026-03-14", 900, 100))
    assert ("20 cards are here" if sum(cards) else "no card is here") in flags(kit)[0]
    assert drift(kit, found).decisions_count == sum(cards)
    assert stand(kit, found)[0] == "rolling"


def test_the_counts_of_an_honest_station_are_those_of_its_cards(kit: Kit):
    """As it decides at its kiosk, and counts the day after; another day's card is not in it."""
    open_known(kit)
    kit.station.pull(kit.centre)
    open_at_kiosk(kit)
    deliver(kit)
    first = kit.read(models.active)
    (kept,) = kit.read(reports.decisions_of, "app-1")
    card = decode(DecisionCard, json.loads(kept.document)["body"])
    day, known = card.inputs.decided_on, read_model(first.document)
    put_cards(kit, counts_of(first.sha256, "2026-03-14", 3, 4))
    kit.clock.add_days(1)
    before = flags(kit)
    say(kit, count_cards(day, known, first.sha256, [card]))
    assert flags(kit) == before
    assert drift(kit, first).decisions_count == 1


def test_a_model_without_a_reference_is_counted_and_not_compared(kit: Kit):
    first = kit.read(models.active)
    tell(kit, counts_of(first.sha256, "2026-03-14", 100, 0))
    found = drift(kit, first)
    assert (found.compared, found.parts, found.decisions_count) == (False, (), 100)
