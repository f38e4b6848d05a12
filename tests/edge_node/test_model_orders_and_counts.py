"""Which model a station decides by, and how its decisions leave it as counts of bins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.canonical import canonical_hash, parse_canonical
from core.scoring.drift import SCORES
from core.shape import decode, encode
from core.signing import sign_document
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.modelcounts import ModelCounts, bins_of, summed
from core.wire.modelfile import MODEL, MODEL_ORDER, ModelOrder
from core.wire.records import Down, Up
from edge_node.store import decisions, logs
from edge_node.store.models import current_model, document_sha256
from edge_node.sync.daily import log_model_counts
from tests.support.lending_station import APRIL_1, Station
from tests.support.models import small_model
from tests.support.signing import NumberSigner

SIGNER = NumberSigner(99)


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


def signed_model(station, version, signer=None):
    model = replace(small_model(version), name=f"hand-{version}")
    data = sign_document(MODEL, encode(model), signer or station.centre.signer)
    return parse_canonical(data, 10**6)


def order(at, serial, version, **changes):
    """The centre orders a model in its log; the station takes what it is sent."""
    document = changes.pop("document", None) or signed_model(at, version)
    fields = {
        "serial": serial, "station": "kijani", "sha256": canonical_hash(document),
        "model": document,
    }  # fmt: skip
    signer = changes.pop("signer", at.centre.signer)
    body = sign_document(MODEL_ORDER, encode(ModelOrder(**{**fields, **changes})), signer)
    at.centre.say(Down.MODEL_ORDER, parse_canonical(body, 10**6), APRIL_1)


def version(station):
    return current_model(station.db).model.version


def test_a_station_that_was_dark_for_weeks_goes_back_to_the_champion_before(station):
    order(station, 3, 2)
    station.take_down()
    assert version(station) == 2
    station.at_ms += 40 * MS_PER_DAY  # dark; meanwhile version 3 came, and was taken back
    order(station, 5, 3)
    station.centre.say_model(small_model(3), APRIL_1)
    order(station, 8, 2)
    station.take_down()
    assert version(station) == 2
    card = station.apply(1, 800_000).card
    assert card.inputs.model_sha256 == canonical_hash(signed_model(station, 2))


def test_an_older_order_never_overtakes_whatever_way_it_comes(station):
    order(station, 8, 2)
    order(station, 7, 3)  # of a log that was written from a backup, say
    applied = station.take_down()
    assert version(station) == 2
    assert ["order 7 is older than 8" in told for told in applied.refusals] == [True]
    order(station, 8, 3)  # the same number, another model
    assert "order 8 is older than 8" in station.take_down().refusals[0]
    assert version(station) == 2


def test_the_same_order_again_changes_nothing(station):
    for _ in range(2):
        order(station, 4, 2)
        assert station.take_down().refusals == ()
    assert station.db.execute("SELECT count(*) FROM model_orders").fetchone() == (1,)


def test_an_order_brings_a_model_that_the_station_never_had_though_it_is_older(station):
    station.centre.say_model(small_model(5), APRIL_1)
    station.take_down()
    order(station, 9, 4)
    station.take_down()
    assert version(station) == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"station": "elsewhere"}, "is for elsewhere"),
        ({"sha256": "ab" * 32}, "names abab"),
        ({"signer": SIGNER}, "not followed"),
    ],
)
def test_an_order_that_is_not_the_centre_s_for_this_station_is_refused(station, changes, words):
    order(station, 3, 2, **changes)
    assert words in station.take_down().refusals[0]
    assert version(station) == 1


def test_an_order_with_a_model_that_the_centre_did_not_sign_is_refused(station):
    order(station, 3, 2, document=signed_model(station, 2, SIGNER))
    assert "not followed" in station.take_down().refusals[0]
    assert version(station) == 1


def told(station):
    rows = logs.read_run(station.db, LogClass.MONEY, 0, 10_000, 10**7)
    return [decode(ModelCounts, row.body) for row in rows if row.kind == Up.MODEL_COUNTS.value]


def test_a_finished_day_is_counted_once_and_holds_counts_alone(station):
    station.apply(1, 800_000)
    station.apply(2, 800_000)
    assert log_model_counts(station.db, station.desk, station.clock) == 0, "the day goes on"
    station.at_ms += MS_PER_DAY
    assert log_model_counts(station.db, station.desk, station.clock) == 1
    assert log_model_counts(station.db, station.desk, station.clock) == 0
    (counts,) = told(station)
    assert (counts.day, counts.decisions_count) == ("2026-04-02", 2)
    assert counts.model_sha256 == current_model(station.db).sha256
    assert counts.fits(small_model().table)
    assert counts.bins["soil_stress_days"][0] == 2, "no device measures: missing"
    text = str(encode(counts))
    assert not any(word in text for word in ("f-1", "f-2", "plot-", "card", "id-"))


def test_days_in_the_dark_and_two_models_are_counted_apart(station):
    station.apply(1, 800_000)
    order(station, 3, 2)
    station.take_down()
    station.apply(2, 800_000)
    station.at_ms += 9 * MS_PER_DAY
    station.apply(3, 800_000)
    station.at_ms += 5 * MS_PER_DAY
    assert log_model_counts(station.db, station.desk, station.clock) == 3
    found = [(one.day, one.decisions_count) for one in told(station)]
    assert found == [("2026-04-02", 1), ("2026-04-02", 1), ("2026-04-11", 1)]
    bins, verdicts = summed(told(station))
    assert {name: sum(each) for name, each in bins.items()} == dict.fromkeys(
        bins_of(small_model().table), 3
    )
    cards = [decisions.card(station.db, each).card for each in decisions.card_ids(station.db)]
    assert verdicts["approve"] == sum(c.outcome.verdict.value == "approve" for c in cards)
    edges = [step.score_min for step in small_model().table.pd_steps[1:]]
    for place, count in enumerate(bins[SCORES]):
        assert count == sum(
            sum(edge <= card.outcome.score for edge in edges) == place for card in cards
        )


def test_the_hash_of_an_order_s_model_is_what_cards_cite(station):
    order(station, 3, 2)
    station.take_down()
    assert document_sha256(signed_model(station, 2)) == current_model(station.db).sha256
