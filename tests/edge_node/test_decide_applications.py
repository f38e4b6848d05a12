"""Applications at a dark station: decided, written down once, replayable to the same bytes."""

from __future__ import annotations

import json
import sqlite3

import pytest

from core.canonical import canonical_bytes
from core.decision.card import CARD
from core.decision.policy import Verdict
from core.errors import HarvestlineError, ReplayMismatchError, SignatureError
from core.lending.limit import Movement
from core.reasons import Reason, ReasonCode
from core.signing import sign_document
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.records import Application, ConsentAction, Down
from core.wire.registry import Dossier
from edge_node.decide.applications import LineAsk, apply_for_line
from edge_node.decide.consents import give_consent
from edge_node.decide.desk import ClockUnknownError, RequestError
from edge_node.decide.replaying import replay_card
from edge_node.keys import KeyRing
from edge_node.store import decisions, logs
from edge_node.store.decisions import ChangedRequestError
from edge_node.store.models import NoModelError
from tests.support.lending_station import (
    Station,
    consent,
    evidence,
    farmer,
    maize,
    onboarding,
    plot,
    status,
)
from tests.support.models import small_model


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


def money_kinds(station):
    rows = logs.read_run(station.db, LogClass.MONEY, 0, 1000, 10**7)
    return [row.kind for row in rows]


def test_an_application_opens_a_line_with_no_uplink(station):
    kept = station.apply(1, 800_000)
    assert kept.card.outcome.verdict is Verdict.APPROVE
    assert kept.card.outcome.amount_minor == 800_000
    assert money_kinds(station) == ["consent", "application", "decision", "line_opened"]


def test_the_same_application_again_returns_the_first_card(station):
    application = Application("ap", "f-1", "crop-season", ("plot-1",), 500_000, "KES")
    ask = LineAsk(application, (consent("c-1", "f-1", "terms"),), "card-1", "line-1")
    again = LineAsk(application, (consent("c-2", "f-1", "terms"),), "card-2", "line-2")
    first = apply_for_line(station.db, station.desk, ask, station.telemetry_of, station.clock)
    before = money_kinds(station)
    second = apply_for_line(station.db, station.desk, again, station.telemetry_of, station.clock)
    assert (second.card.card_id, second.line_id) == (first.card.card_id, first.line_id)
    assert money_kinds(station) == before


def test_an_application_id_with_other_content_is_refused(station):
    for asked, expected in ((500_000, None), (550_000, ChangedRequestError)):
        application = Application("ap", "f-1", "crop-season", ("plot-1",), asked, "KES")
        ask = LineAsk(application, (), "card-1", "line-1")
        act = (station.db, station.desk, ask, station.telemetry_of, station.clock)
        if expected is None:
            apply_for_line(*act)
        else:
            with pytest.raises(expected, match="exists with other content"):
                apply_for_line(*act)


def test_a_card_replays_to_the_same_bytes(station):
    kept = station.apply()
    replayed = replay_card(station.db, kept.card.card_id, station.verifier)
    assert replayed.verdict == "approve"
    assert replayed.amount_minor == kept.card.outcome.amount_minor


def test_a_card_replays_after_model_and_product_have_moved_on(station):
    kept = station.apply()
    station.centre.say_model(small_model(2), station.at_ms)
    station.centre.say(Down.PRODUCT, maize(version=2, name="Maize, new terms"), station.at_ms)
    station.take_down()
    assert replay_card(station.db, kept.card.card_id, station.verifier).model_version == 1


def test_an_altered_card_does_not_replay(station):
    kept = station.apply()
    document = json.loads(canonical_bytes(kept.document))
    document["body"]["outcome"]["amount_minor"] += 1
    with pytest.raises(sqlite3.IntegrityError, match="never altered"):
        station.db.execute("UPDATE decision_cards SET document = '{}'")
    station.db.conn.executescript("DROP TRIGGER decision_cards_stay;")
    station.db.execute(
        "UPDATE decision_cards SET document = ?", [canonical_bytes(document).decode()]
    )
    with pytest.raises(SignatureError):
        replay_card(station.db, kept.card.card_id, station.verifier)


def test_a_card_that_the_station_signed_with_a_wrong_outcome_does_not_replay(station):
    kept = station.apply()
    body = {**kept.document["body"], "outcome": {**kept.document["body"]["outcome"], "score": 1}}
    forged = sign_document(CARD, body, station.keys.signer)
    station.db.conn.executescript("DROP TRIGGER decision_cards_stay;")
    station.db.execute("UPDATE decision_cards SET document = ?", [forged.decode()])
    with pytest.raises(ReplayMismatchError):
        replay_card(station.db, kept.card.card_id, KeyRing([station.keys.signer.public_key]))


def test_without_consent_to_a_machine_a_person_decides(station):
    kept = station.apply(consents=())
    assert kept.card.outcome.verdict is Verdict.REFER
    assert kept.card.outcome.reasons == (Reason(ReasonCode.DECISION_CONSENT_MISSING),)
    assert not kept.line_id


def test_features_without_consent_are_never_looked_at(station):
    purposes = ("automated_decision",)
    kept = station.apply(consents=(consent("c", "f-1", "terms", purposes),))
    assert "soil_stress_days" not in {value.name for value in kept.card.inputs.features}
    assert kept.card.inputs.readings == ()


def test_a_withdrawn_consent_counts_no_more(station):
    given = consent("c-1", "f-1", "terms")
    give_consent(station.db, station.desk, given, station.clock)
    back = consent("c-2", "f-1", "terms", ("automated_decision",), ConsentAction.WITHDRAW)
    station.at_ms += 1
    left = give_consent(station.db, station.desk, back, station.clock)
    assert left == ("device_readings", "satellite_images")
    assert station.apply(consents=()).card.outcome.verdict is Verdict.REFER


@pytest.mark.parametrize("turned_ms", [0, -3_600_000, -400 * MS_PER_DAY])
def test_a_withdrawal_counts_whatever_the_clock_says(station, turned_ms):
    given = consent("c-2", "f-1", "terms")
    give_consent(station.db, station.desk, given, station.clock)
    back = consent("c-1", "f-1", "terms", given.purposes, ConsentAction.WITHDRAW)
    station.at_ms += turned_ms
    assert give_consent(station.db, station.desk, back, station.clock) == ()
    again = consent("c-0", "f-1", "terms", ("automated_decision",))
    assert give_consent(station.db, station.desk, again, station.clock) == ("automated_decision",)


def test_a_farmer_of_another_station_is_sent_home(station):
    station.centre.say(Down.FARMER, farmer(9, "card-9", station="mlima"), station.at_ms)
    station.centre.say(Down.SUBJECT, plot(9), station.at_ms)
    station.take_down()
    kept = station.apply(9)
    assert kept.card.outcome.verdict is Verdict.DECLINE
    assert ReasonCode.DECISION_OTHER_STATION in {r.code for r in kept.card.outcome.reasons}


def test_more_than_the_authority_goes_to_a_person(station):
    assert station.apply(1, 6_050_000).card.outcome.verdict is Verdict.REFER


@pytest.mark.parametrize(
    ("p10_kg_per_ha", "expected_minor"),
    [
        (None, 800_000),  # the onboarding lease's share, below the sowing cost of 875,000
        (1_000, 800_000),
        (50, 0),  # 50 kg at KES 45 cannot feed the household
    ],
)
def test_capacity_follows_the_lower_quantile_of_the_harvest(station, p10_kg_per_ha, expected_minor):
    if p10_kg_per_ha is not None:
        station.centre.say(Down.EVIDENCE, evidence(1, p10_kg_per_ha), station.at_ms)
        station.take_down()
    outcome = station.apply().card.outcome
    assert outcome.amount_minor == expected_minor
    assert (outcome.verdict is Verdict.APPROVE) == (expected_minor > 0)


def test_an_onboarding_lease_opens_so_many_lines_and_no_more(station):
    station.centre.say(Down.FARMER, farmer(4, "card-4"), station.at_ms)
    station.centre.say(Down.SUBJECT, plot(4), station.at_ms)
    station.centre.say(Down.DOSSIER, Dossier("f-4", "2026-03-01", {"past_late_days": 0}), 1)
    station.take_down()
    for n in (1, 2, 3):
        station.opened_line(n)
    assert station.apply(4) == Reason(ReasonCode.DRAW_LINES_EXHAUSTED)
    station.centre.say_lease(onboarding("on-2"))
    station.take_down()
    assert station.opened_line(4)


def test_a_farmer_has_one_open_line_of_a_product(station):
    line_id = station.opened_line(1)
    with pytest.raises(RequestError, match=line_id):
        station.apply(1)


def test_another_farmers_plot_cannot_be_pledged(station):
    application = Application("ap", "f-1", "crop-season", ("plot-2",), 500_000, "KES")
    ask = LineAsk(application, (), "card", "line")
    with pytest.raises(RequestError, match="plot-2"):
        apply_for_line(station.db, station.desk, ask, station.telemetry_of, station.clock)


@pytest.mark.parametrize(
    ("turn", "why"),
    [
        (-365 * MS_PER_DAY, "set back a year"),
        (4_000 * MS_PER_DAY, "years ahead of all that was seen"),
    ],
)
def test_a_station_that_does_not_know_the_date_grants_nothing(station, turn, why):
    station.clock  # noqa: B018  (a clock that was right once)
    station.at_ms += turn
    with pytest.raises(ClockUnknownError):
        station.apply()
    assert money_kinds(station) == [], why


def test_without_a_model_nothing_is_decided_and_nothing_is_written(tmp_path):
    station = Station(tmp_path)
    station.centre.say(Down.FARMER, farmer(1, "card"), station.at_ms)
    station.centre.say(Down.SUBJECT, plot(1), station.at_ms)
    station.centre.say(Down.PRODUCT, maize(), station.at_ms)
    station.centre.say_lease(onboarding())
    station.take_down()
    with pytest.raises(NoModelError):
        station.apply()
    assert money_kinds(station) == []
    station.close()


def test_an_expired_model_decides_on_half_of_the_authority(station):
    station.at_ms = small_model().valid_to_ms + MS_PER_DAY
    # Only the centre's own word can carry the trusted time so far ahead.
    station.centre.say(Down.FARMER, farmer(1, "card-1"), station.at_ms)
    station.centre.say_lease(
        onboarding(
            "on-9", signed_at_ms=station.at_ms, expires_at_ms=station.at_ms + 60 * MS_PER_DAY
        )
    )
    late = "2075-09-15"
    station.centre.say(Down.PRODUCT, maize(version=2, due_on=late), station.at_ms)
    station.take_down()
    kept = station.apply(1, 3_050_000)
    assert kept.card.inputs.model_stale
    assert kept.card.outcome.reasons == (Reason(ReasonCode.DECISION_AUTHORITY),)


def test_a_decision_writes_all_or_nothing(station):
    # A line id that is taken makes the last write of the transaction fail.
    station.centre.say(Down.LINE, status("taken", 500_000, Movement.OPENED, farmer_id="f-2",
                                         subject_ids=("plot-2",)), station.at_ms)  # fmt: skip
    station.take_down()
    application = Application("ap", "f-1", "crop-season", ("plot-1",), 500_000, "KES")
    ask = LineAsk(application, (consent("c", "f-1", "terms"),), "card", "taken")
    with pytest.raises(sqlite3.IntegrityError):
        apply_for_line(station.db, station.desk, ask, station.telemetry_of, station.clock)
    assert money_kinds(station) == []
    assert decisions.card_of_application(station.db, "ap") is None


def test_log_records_are_never_altered_or_deleted(station):
    station.apply()
    for statement in (
        "UPDATE log_records SET body = '{}'",
        "DELETE FROM log_records",
        "UPDATE down_records SET body = '{}'",
        "DELETE FROM down_records",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            station.db.execute(statement)


def test_every_error_here_is_in_the_catalogue(station):
    with pytest.raises(HarvestlineError) as caught:
        station.apply(77)
    assert caught.value.problem()["status"] == 404
