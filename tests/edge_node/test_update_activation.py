"""Updates come into use after they were examined, and go by themselves when they are unsound."""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import replace

import pytest

from core.canonical import canonical_bytes
from core.decision.policy import Verdict
from core.lending.lease import Clock
from core.lending.product import parse_product
from core.reasons import ReasonCode
from core.units import MS_PER_DAY, PPM
from core.wire.update import Rollout, TargetNote, place_ppm
from edge_node.store import models, updates, village
from edge_node.store.database import open_database
from edge_node.store.updates import State
from edge_node.updates.activation import Bay
from edge_node.updates.rounds import STARTS_MAX, Channel, look, roll_back, watch
from edge_node.updates.source import FolderSource
from tests.support.lending_station import maize
from tests.support.models import small_model
from tests.support.update_repository import (
    basemap_bytes,
    basemap_target,
    model_target,
    product_target,
    prompts_target,
)
from tests.support.updating_station import SENTENCES, SWAHILI, UpdatingStation


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    found = UpdatingStation(tmp_path_factory.mktemp("before"))
    found.close()
    return found


@pytest.fixture
def here(before, tmp_path):
    found = UpdatingStation(tmp_path, before)
    yield found
    found.close()


def offer_all(here):
    here.repository.add(*model_target(small_model(2), here.station.centre.signer))
    here.repository.add(*product_target(maize(version=2, name="Maize, revised")))
    here.repository.add(*prompts_target(SWAHILI))
    here.repository.add(*basemap_target(basemap_bytes()))
    here.repository.publish()


def test_each_kind_is_fetched_examined_put_to_use_and_told_to_the_centre(here):
    offer_all(here)
    looked = here.look()
    assert (looked.problem, looked.refusals, looked.more) == ("", (), False)
    assert models.current_model(here.db).model.version == 2
    assert village.product(here.db, "crop-season").name == "Maize, revised"
    assert updates.pack(here.db, here.version("prompts/sw", 1).sha256) is not None
    assert here.basemap().read_bytes() == basemap_bytes()
    assert sorted(here.events()) == [
        ("basemap", 1, "activated", 1),
        ("model", 2, "activated", 2),
        ("product/crop-season", 2, "activated", 2),
        ("prompts/sw", 1, "activated", 1),
    ]
    steps = [step.partition(" ")[0] for step in here.steps if "model" in step]
    assert steps == ["download", "verified", "staged", "sound", "in_use"]


def test_the_same_again_changes_nothing(here):
    offer_all(here)
    here.look()
    before = here.events()
    assert here.look().activated == ()
    assert here.events() == before


def test_a_decision_cites_the_model_and_policy_that_updates_put_to_use(here):
    offer_all(here)
    here.look()
    card = here.station.apply(1).card
    assert card.inputs.model_version == 2
    assert card.inputs.policy_version.startswith("crop-season@2:")


def test_what_the_log_brings_later_is_kept_and_does_not_come_into_use(here):
    here.offer_model(2)
    here.look()
    here.station.centre.say_model(small_model(3), here.station.at_ms)
    here.station.take_down()
    assert models.current_model(here.db).model.version == 2
    third = here.db.execute("SELECT sha256 FROM models WHERE version = 3").fetchone()[0]
    assert models.model_by_hash(here.db, third).model.version == 3  # so that its cards replay


@pytest.mark.parametrize("share_percent", [0, 10, 50, 100])
def test_a_share_takes_always_the_same_stations_and_keeps_them_when_it_grows(share_percent):
    names = [f"station-{n}" for n in range(2_000)]
    taken = {n for n in names if Rollout((), share_percent * 10_000).takes(n, "model/3.json")}
    assert abs(len(taken) - 20 * share_percent) <= 80  # of 2,000; four standard deviations
    more = Rollout((), min(PPM, share_percent * 10_000 + 200_000))
    assert all(more.takes(n, "model/3.json") for n in taken)
    other = {n for n in names if place_ppm(n, "model/4.json") < share_percent * 10_000}
    assert share_percent in (0, 100) or other != taken


def test_only_canaries_get_a_version_until_it_is_promoted(here):
    note, data = model_target(small_model(2), here.station.centre.signer, Rollout(("another",)))
    here.repository.add(note, data)
    here.repository.publish()
    assert here.look().activated == ()
    here.repository.renote(note.path, rollout={"stations": ["kijani"], "share_ppm": 0})
    here.repository.publish()
    assert here.look().activated == ("model/2.json",)
    here.repository.renote(note.path, rollout={"stations": [], "share_ppm": 0})
    here.repository.publish()
    assert here.look().taken_back == ()  # leaving a roll-out is no withdrawal
    assert here.in_use() == 2


def test_a_withdrawn_version_goes_and_the_one_before_comes_back(here):
    here.offer_model(2)
    here.look()
    here.offer_model(3)
    here.look()
    here.repository.renote("model/3.json", withdrawn=True)
    here.repository.publish()
    assert here.look().taken_back == ("model/3.json",)
    assert models.current_model(here.db).model.version == 2
    assert here.events()[-1] == ("model", 3, "withdrawn", 2)
    assert here.look().activated == ()


def test_without_a_version_before_it_the_log_s_word_counts_again(here):
    here.offer_model(2)
    here.look()
    here.repository.renote("model/2.json", withdrawn=True)
    here.repository.publish()
    here.look()
    assert models.current_model(here.db).model.version == 1
    assert here.events()[-1] == ("model", 2, "withdrawn", 0)
    here.station.centre.say_model(small_model(2), here.station.at_ms)
    here.station.take_down()  # the very version that was withdrawn, by the other way
    assert models.current_model(here.db).model.version == 1


def test_an_operator_rolls_back_and_the_version_does_not_return(here):
    here.offer_model(2)
    here.look()
    here.offer_model(3)
    here.look()
    now = roll_back(here.channel(), "model", "it declines everybody", here.station.clock)
    assert now.version == 2
    assert here.look().activated == ()
    assert here.version("model", 3).state is State.ROLLED_BACK
    here.offer_model(4)
    assert here.look().activated == ("model/4.json",)


def test_what_turns_out_unsound_while_it_is_watched_goes_by_itself(here):
    here.repository.add(*basemap_target(basemap_bytes()))
    here.repository.publish()
    here.look()
    here.repository.add(*basemap_target(basemap_bytes(tiles=5), 2))
    here.repository.publish()
    here.look()
    path = here.basemap()
    path.write_bytes(path.read_bytes()[:300])  # a bad sector under the map in use
    assert watch(here.channel(), here.station.clock) == ("basemap/2.pmtiles",)
    assert here.in_use("basemap") == 1
    assert here.events()[-1] == ("basemap", 2, "rolled_back", 1)
    assert here.basemap().read_bytes() == basemap_bytes()
    assert here.look().activated == ("basemap/2.pmtiles",), "the disk was to blame"


def lose_basemap(here):
    here.basemap().unlink()


def lose_pack(here):
    here.db.execute("DELETE FROM update_packs")


def alter_pack(here):
    here.db.execute("UPDATE update_packs SET data = x'7b7d'")


@pytest.mark.parametrize(
    ("slot", "target", "lose"),
    [
        ("basemap", basemap_target(basemap_bytes()), lose_basemap),
        ("prompts/sw", prompts_target(SWAHILI), lose_pack),
        ("prompts/sw", prompts_target(SWAHILI), alter_pack),
    ],
)
def test_what_the_disk_has_lost_is_fetched_again_and_not_condemned(here, slot, target, lose):
    here.repository.add(*target)
    here.repository.publish()
    here.look()
    here.days_later(90)  # long after the watch
    lose(here)
    path = target[0].path
    assert watch(here.channel(), here.station.clock) == (path,)
    assert here.in_use(slot) == 0, "nothing is in use that is not here"
    assert here.version(slot, 1).reason.startswith("HL-EDGE-039")
    assert here.look().activated == (path,)
    assert here.in_use(slot) == 1
    assert watch(here.channel(), here.station.clock, starting=True) == ()
    acts = [(act, now) for named, _, act, now in here.events() if named == slot]
    assert acts == [("activated", 1), ("rolled_back", 0), ("activated", 1)]


def test_a_release_that_needs_more_sentences_rolls_old_prompts_back_at_its_start(here):
    here.repository.add(*prompts_target(SWAHILI))
    here.repository.publish()
    here.look()
    here.days_later(90)  # long after the watch
    channel = here.channel()
    newer = replace(channel, prompts={"sw": SENTENCES | {"Show my card"}})
    assert watch(newer, here.station.clock) == ()
    assert watch(newer, here.station.clock, starting=True) == ("prompts/sw/1.json",)
    assert here.in_use("prompts/sw") == 0  # the release's own words speak


def test_a_version_under_which_the_station_never_runs_steadily_goes(here):
    here.offer_model(2)
    here.look()
    for _ in range(STARTS_MAX):
        updates.count_start(here.db, here.station.at_ms)
        assert watch(here.channel(), here.station.clock, starting=True) == ()
    updates.count_start(here.db, here.station.at_ms)
    assert watch(here.channel(), here.station.clock, starting=True) == ("model/2.json",)
    assert models.current_model(here.db).model.version == 1


def test_steady_running_and_the_end_of_the_watch_clear_a_version(here):
    here.offer_model(2)
    here.look()
    for _ in range(3 * STARTS_MAX):
        updates.count_start(here.db, here.station.at_ms)
        updates.count_steady(here.db)
    assert here.version("model", 2).starts_count == 0
    here.days_later(2)
    for _ in range(3 * STARTS_MAX):
        updates.count_start(here.db, here.station.at_ms)
    assert watch(here.channel(), here.station.clock, starting=True) == ()


class Killed:
    """Kills its own process at the n-th step."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, _step: str) -> None:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def killed_child(here, after: int) -> bool:
    """Look in another process that is killed at a step; whether the look came to its end."""
    path, at_ms = here.station.settings.database_path, here.station.at_ms
    child = os.fork()
    if child == 0:  # a connection of its own: SQLite's do not survive a fork
        db = open_database(path)
        station = here.station
        bay = Bay(db, station.desk, here.folder, station.ends.centre.verifier)
        channel = Channel(bay, here.root, {"sw": SENTENCES}, 24, Killed(after))
        look(channel, FolderSource(here.repository.path), Clock(at_ms, 1_000, at_ms))
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def test_a_kill_at_every_step_leaves_the_version_before_or_the_one_after(here):
    here.offer_model(2)
    here.look()
    here.repository.add(*model_target(small_model(3), here.station.centre.signer))
    here.repository.add(*basemap_target(basemap_bytes()))
    here.repository.publish()
    seen = set()
    for after in range(40):
        done = killed_child(here, after)
        found = models.current_model(here.db)
        in_use = here.in_use()
        assert found.model.version == in_use
        assert in_use in (2, 3)
        told = [event for event in here.events() if event[0] == "model" and event[1] == 3]
        assert told == ([("model", 3, "activated", 3)] if in_use == 3 else [])
        mapped = here.basemap()
        assert mapped is None or mapped.read_bytes() == basemap_bytes()
        seen.add((in_use, mapped is not None))
        if done:
            break
    assert done
    assert {(2, False), (3, True)} <= seen
    assert len(here.events()) == 3  # once means once, however often it was killed


@pytest.mark.parametrize(
    ("unsound", "words"),
    [
        ("vectors", "golden vectors score otherwise here"),
        ("expired", "its dates are over"),
        ("another's", "HL-CORE-004|signature|key"),
        ("version", "it is version 2"),
    ],
)
def test_a_model_that_is_unsound_never_decides(here, unsound, words):
    station, model = here.station, small_model(2)
    signer = station.keys.signer if unsound == "another's" else station.centre.signer
    if unsound == "expired":
        model = replace(model, valid_to_ms=station.at_ms - 1)
    note, data = model_target(model, signer)
    if unsound == "vectors":
        data = data.replace(b'"points":5', b'"points":6', 1)
    if unsound == "version":
        note = TargetNote("model", 3, note.rollout)
    here.repository.add(note, data)
    here.repository.publish()
    looked = here.look()
    assert looked.refusals[0].startswith("HL-EDGE-033")
    assert re.search(words, looked.refusals[0])
    assert models.current_model(here.db).model.version == 1
    assert here.events() == [("model", note.version, "failed", 0)]
    assert here.look().refusals == ()  # it is not tried again


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"credit": {"apr_cap_ppm": 20_000}}, "the cap is 20000"),
        ({"due_on": "2026-03-31"}, "it was due on 2026-03-31"),
        ({"product_id": "another"}, "it is another"),
        ({"policy": "crop-season@2:0000000000000000"}, "it comes to crop-season@2:"),
        ({"stages": []}, "HL-EDGE-033|needs"),
    ],
)
def test_a_product_that_cannot_be_lent_by_is_refused(here, changes, words):
    note, data = product_target(maize(version=2))
    pack = json.loads(data)
    for name, value in changes.items():
        if name == "policy":
            pack["policy_version"] = value
        elif isinstance(value, dict):
            pack["product"][name].update(value)
        else:
            pack["product"][name] = value
    if "policy" not in changes and "stages" not in changes:
        pack["policy_version"] = parse_product(pack["product"]).policy_version()
    here.repository.add(note, canonical_bytes(pack))
    here.repository.publish()
    refusal = here.look().refusals[0]
    assert refusal.startswith("HL-EDGE-033")
    assert re.search(words, refusal), refusal
    assert village.product(here.db, "crop-season").version == 1


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"Draw money": "Chukua pesa"}, "1 sentences of the screens lack"),
        ({**SWAHILI, "Draw money": ""}, "1 sentences of the screens lack"),
        (
            {**SWAHILI, "You may draw {amount} until {day}.": "Unaweza kuchukua {amount}."},
            "1 sentences have other blanks",
        ),
    ],
)
def test_prompts_that_leave_a_screen_without_words_are_refused(here, texts, words):
    here.repository.add(*prompts_target(texts))
    here.repository.publish()
    assert words in here.look().refusals[0]
    assert here.in_use("prompts/sw") == 0


@pytest.mark.parametrize("broken", ["cut", "bounds", "magic", "root"])
def test_a_basemap_that_does_not_open_is_refused(here, broken):
    data = basemap_bytes((0, 0, 10, 10)) if broken == "bounds" else basemap_bytes()
    spoilt = {
        "cut": data[:-200],
        "bounds": data,
        "magic": b"PMTilez" + data[7:],
        "root": data[:140] + bytes([data[140] ^ 255]) + data[141:],
    }[broken]
    here.repository.add(*basemap_target(spoilt))
    here.repository.publish()
    assert here.look().refusals[0].startswith("HL-EDGE-033")
    assert here.basemap() is None


def test_a_stale_model_decides_on_half_of_the_authority_until_a_newer_one_comes(here):
    model = replace(small_model(2), valid_to_ms=here.station.at_ms + 30 * MS_PER_DAY)
    here.publish_model(model)
    here.look()
    asked = maize().decision.authority_minor_max // 2 + maize().credit.draw_step_minor
    fresh = here.station.apply(1, asked_minor=asked).card
    assert (fresh.inputs.model_stale, fresh.outcome.verdict) == (False, Verdict.APPROVE)
    here.days_later(31)
    stale = here.station.apply(2, asked_minor=asked).card
    assert (stale.inputs.model_stale, stale.inputs.model_version) == (True, 2)
    assert stale.outcome.verdict is Verdict.REFER
    assert stale.outcome.reasons[0].code is ReasonCode.DECISION_AUTHORITY
    assert watch(here.channel(), here.station.clock, starting=True) == ()
    assert here.in_use() == 2  # past its dates it is under a cap, not rolled back
    half = here.station.apply(3, asked_minor=asked - maize().credit.draw_step_minor).card
    assert half.outcome.verdict is Verdict.APPROVE
    here.offer_model(3)
    here.look()
    assert not models.current_model(here.db).model.valid_to_ms < here.station.at_ms
