"""Consent at the station: facts of its own and from elsewhere, one rule, no use without it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.wire.consents import Access, Accesses, KnownConsent, granted_names
from core.wire.envelope import LogClass
from core.wire.records import ConsentAction, Down, Up
from edge_node.decide.consents import UNKNOWN_ERROR_MS, following, give_consent, granted
from edge_node.store import consents, logs
from edge_node.store.decisions import ChangedRequestError, KeptCard
from tests.support.consent_vectors import FARMER, OWN, VECTORS, Vector
from tests.support.lending_station import Station, consent, evidence

GIVEN = ("automated_decision", "device_readings", "satellite_images")


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


def hear(station: Station, kind: Down, body: object) -> None:
    station.centre.say(kind, body, station.at_ms)
    station.take_down()


def consents_in_log(station: Station) -> int:
    rows = logs.read_run(station.db, LogClass.MONEY, 0, 1000, 10**7)
    return len([row for row in rows if row.kind == Up.CONSENT.value])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_station_gives_what_the_vectors_say(station: Station, vector: Vector) -> None:
    with station.db.atomic():
        for fact in vector.facts:
            if fact.writer == OWN:
                consents.keep(station.db, fact.consent, fact.at_ms, fact.error_ms)
            else:
                consents.keep_foreign(station.db, fact)
    assert granted(station.db, station.desk, FARMER) == vector.standing


def test_a_clock_set_back_between_two_consents_undoes_nothing(station: Station) -> None:
    with station.db.atomic():
        consents.keep(station.db, consent("c1", "f-1", "a"), 1_000, 0)
        end = consent("w1", "f-1", "a", ("satellite_images",), ConsentAction.WITHDRAW)
        consents.keep(station.db, end, 10, 0)
    assert "satellite_images" not in granted(station.db, station.desk, "f-1")


def test_what_the_centre_tells_of_counts_here(station: Station) -> None:
    fact = KnownConsent(consent("paper-1", "f-1", "form", ("satellite_images",)), "centre", 50, 0)
    hear(station, Down.CONSENT, fact)
    hear(station, Down.CONSENT, fact)  # told twice
    assert granted(station.db, station.desk, "f-1") == {"satellite_images": ("paper-1",)}


def test_a_paper_consent_is_taken_back_here_whatever_the_clock_says(station: Station) -> None:
    """A station whose clock is behind by years: its withdrawal names what it ends."""
    later = KnownConsent(
        consent("paper-1", "f-1", "form", ("satellite_images",)),
        "centre", station.clock.at_ms + 10**12, 0,
    )  # fmt: skip
    hear(station, Down.CONSENT, later)
    end = consent("w-1", "f-1", "form", ("satellite_images",), ConsentAction.WITHDRAW)
    known = consents.facts_of(station.db, "kijani", "f-1")
    named = following(end, known, "kijani")
    assert named.follows == ("paper-1",)
    assert give_consent(station.db, station.desk, named, station.clock) == ()


def test_whoever_takes_a_consent_back_is_heard_though_no_time_is_known(station: Station) -> None:
    give_consent(station.db, station.desk, consent("c1", "f-1", "a"), station.clock)
    end = consent("w1", "f-1", "a", ("satellite_images",), ConsentAction.WITHDRAW)
    knows_nothing = replace(station.clock, error_ms=-1)
    assert "satellite_images" not in give_consent(station.db, station.desk, end, knows_nothing)
    [kept] = [f for f in consents.facts_of(station.db, "kijani", "f-1") if f.consent == end]
    assert kept.error_ms == UNKNOWN_ERROR_MS
    written = logs.read_run(station.db, LogClass.MONEY, 0, 1000, 10**7)[-1]
    assert (written.kind, written.error_ms) == (Up.CONSENT.value, UNKNOWN_ERROR_MS)


def test_the_same_id_with_other_content_is_refused(station: Station) -> None:
    given = consent("c1", "f-1", "a", ("satellite_images",))
    give_consent(station.db, station.desk, given, station.clock)
    with pytest.raises(ChangedRequestError):
        give_consent(
            station.db, station.desk, replace(given, purposes=("research",)), station.clock
        )


def test_a_grant_replayed_after_its_withdrawal_grants_nothing(station: Station) -> None:
    given = consent("c1", "f-1", "a", ("satellite_images",))
    end = consent("w1", "f-1", "a", ("satellite_images",), ConsentAction.WITHDRAW)
    for each in (given, end, given):
        left = give_consent(station.db, station.desk, each, station.clock)
    assert left == ()
    assert consents_in_log(station) == 2


def test_a_foreign_record_in_the_station_s_own_name_changes_nothing(station: Station) -> None:
    """Its own it has: nobody tells it what it wrote."""
    forged = KnownConsent(consent("x-1", "f-1", "a", ("research",)), "kijani", 99, 0)
    hear(station, Down.CONSENT, forged)
    assert consents.facts_of(station.db, "kijani", "f-1") == ()


def test_facts_are_never_altered(station: Station) -> None:
    give_consent(station.db, station.desk, consent("c1", "f-1", "a"), station.clock)
    hear(station, Down.CONSENT, KnownConsent(consent("p-1", "f-1", "b"), "centre", 1, 0))
    for table in ("consents", "foreign_consents"):
        for act in (f"UPDATE {table} SET at_ms = 0", f"DELETE FROM {table}"):  # noqa: S608
            with pytest.raises(sqlite3.IntegrityError):
                station.db.execute(act)


@pytest.mark.parametrize("names", [GIVEN, ("automated_decision",)], ids=["all", "no imagery"])
def test_without_consent_to_imagery_nothing_of_it_is_used(
    station: Station, names: tuple[str, ...]
) -> None:
    """The harvest that pictures promise neither scores nor carries the amount."""
    hear(station, Down.EVIDENCE, evidence(1, 4_000))
    kept = station.apply(consents=(consent("c1", "f-1", "terms", names),))
    assert isinstance(kept, KeptCard)
    inputs = kept.card.inputs
    seen = "satellite_images" in names
    assert inputs.evidence_ids == (("ev-1-vegetative",) if seen else ())
    assert inputs.purposes == tuple(sorted(names))
    assert inputs.consent_ids == ("c1",)


def test_who_looked_is_kept_by_the_newest_word(station: Station) -> None:
    looks = (Access("2026-04-01", "lender", "decision", ("money",), 2),)
    hear(station, Down.ACCESSES, Accesses("f-1", "2026-04-01", looks))
    hear(station, Down.ACCESSES, Accesses("f-1", "2026-04-02", ()))
    assert consents.accesses_of(station.db, "f-1") == Accesses("f-1", "2026-04-02", ())
    assert consents.accesses_of(station.db, "f-2") is None


def test_the_rule_is_asked_with_the_station_as_the_reader(station: Station) -> None:
    narrow = replace(consent("c1", "f-1", "a", ("satellite_images",)), recipients=("lender",))
    give_consent(station.db, station.desk, narrow, station.clock)
    facts = consents.facts_of(station.db, "kijani", "f-1")
    assert granted(station.db, station.desk, "f-1") == {}
    assert granted_names(facts, "f-1", "lender") == {"satellite_images": ("c1",)}
