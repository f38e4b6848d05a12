"""Drift by counts alone: summed at the centre, alarms at .10 and .25, a roll-out that halts."""

from __future__ import annotations

import pytest

from core.canonical import canonical_bytes
from core.scoring.drift import NOISE_PPM_MAX, Alarm, noise_ppm
from core.shape import encode
from core.units import PPM
from core.wire.envelope import LogClass
from core.wire.modelcounts import ModelCounts
from core.wire.records import Up
from server.services.envelopes import accept_envelope as receive
from server.services.model_life import rollout
from server.services.model_life.drift import drift_of, wilson_ppm
from server.services.model_life.rollout import Stage
from server.store import logs, model_life, models
from tests.support.centre_kit import Kit
from tests.support.model_desk import CHEN, approved
from tests.support.models_book import counts_of, referenced

MONEY = LogClass.MONEY


def tell(kit: Kit, *told: ModelCounts) -> None:
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


def test_a_model_without_a_reference_is_counted_and_not_compared(kit: Kit):
    first = kit.read(models.active)
    tell(kit, counts_of(first.sha256, "2026-03-14", 100, 0))
    found = drift(kit, first)
    assert (found.compared, found.parts, found.decisions_count) == (False, (), 100)
