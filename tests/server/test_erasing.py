"""Erasing a person: by two, not while a loan is open, for good; all verifies as before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.exc import DatabaseError

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from core.lending.agreement import AgreementReason
from core.shape import decode, encode
from core.signing import sign_document
from core.wire.photos import PHOTO_PART, PhotoPart, packed
from core.wire.records import ConsentAction, FarmerLeft
from core.wire.registry import Farmer, Subject
from server.console.views.plot_list import PlotQuery, find_plots
from server.console.views.plot_shapes import Rings, compact
from server.services import enrolment
from server.services.audit.run import audit, audit_in
from server.services.centre import RequestError, RoleError
from server.services.consents.taking import write_consent
from server.services.consents.using import who_allows
from server.services.ending import Said, abandon
from server.services.erasing import ERASED, tell_erasure
from server.services.money_words import confirm
from server.services.photos import take_part
from server.services.roaming import roam
from server.store import lines, people, photos, registry
from server.store.engine import NotKnownError, Tx
from server.store.money_words import KeptWord
from server.store.people import Actor
from server.store.photos import StoredPhoto, VisitPhoto
from server.store.places import Place
from tests.support.centre_kit import TESTER, Kit, keys_of, open_known, polygons, village
from tests.support.desk import ANNA, BEN, LENA
from tests.support.kiosk_kit import MONEY, deliver, flags, open_at_kiosk
from tests.support.officers import known
from tests.support.tablet import WEBP
from tests.support.tampering import changed

WHO = "farmer-c"


@pytest.fixture
def lender(kit: Kit) -> Kit:
    known(kit.centre, ANNA, BEN, LENA)
    return kit


def told(kit: Kit, farmer_id: str = WHO, by: Actor = ANNA) -> KeptWord:
    return kit.centre.write(lambda work: tell_erasure(work, farmer_id, (by, "letter of 3 May")))


def answer(kit: Kit, word: KeptWord, by: Actor) -> KeptWord:
    return kit.centre.write(lambda work: confirm(work, word.word_id, by))


def who(kit: Kit, farmer_id: str = WHO) -> Farmer:
    found: Farmer = kit.read(registry.farmer, farmer_id)
    return found


def test_a_person_is_erased_by_two_at_the_centre_and_at_their_station(lender: Kit):
    before, plots = who(lender), lender.read(registry.subjects_of, WHO)
    lender.centre.write(
        lambda work: write_consent(work, WHO, ("model_training",), ConsentAction.GRANT, ANNA)
    )
    lender.station.pull(lender.centre)
    word = told(lender)
    for one, refused in (
        (ANNA, RoleError),
        (LENA, RoleError),
        (Actor("Anna", "supervisor"), RoleError),
    ):
        with pytest.raises(refused):
            answer(lender, word, one)
    assert who(lender) == before
    answer(lender, word, BEN)
    bare = replace(before, name="", card_sha256="", household_size=0)
    assert who(lender) == bare
    news = lender.station.pull(lender.centre)
    assert [decode(Farmer, each.body) for each in news if each.kind == "farmer"] == [bare]
    drawn = [decode(Subject, each.body) for each in news if each.kind == "subject"]
    assert [(each.subject_id, each.name, each.outline_e7) for each in drawn] == [
        (each.subject_id, "", None) for each in plots
    ]
    assert [each.polygon_sha256 for each in drawn] == [each.polygon_sha256 for each in plots]
    assert lender.read(who_allows, [WHO], "model_training") == {}
    [row] = [r for r in lender.read(people.trail_of, "farmer", WHO) if r.action == ERASED]
    assert before.name not in str(row.detail)
    assert audit(lender.centre).holds
    with pytest.raises(RequestError, match="erased already"):
        told(lender)


def test_photos_of_the_person_go_with_them_and_come_no_more(lender: Kit):
    digest, other = sha256_hex(WEBP), sha256_hex(WEBP + b"2")
    named = VisitPhoto(
        "op-1", digest, lender.station.keys.identity().name, WHO, "", "v-1", "plot", "2026-03-01",
        "image/webp", len(WEBP), 1,
    )  # fmt: skip
    shared = [replace(named, sha256=other), replace(named, sha256=other, operation_id="op-2",
                                                    farmer_id="farmer-b")]  # fmt: skip
    for one in (named, *shared):
        lender.centre.write(lambda work, one=one: photos.name(work.tx, one))
    for each in (digest, other):
        stored = StoredPhoto(each, "image/webp", WEBP)
        lender.centre.write(
            lambda work, stored=stored: photos.keep(work.tx, stored, named.station, work.at_ms)
        )
    answer(lender, told(lender), BEN)
    assert lender.read(photos.whole, [digest, other]) == {other}, (
        "the other shows somebody else too"
    )
    answer(lender, told(lender, "farmer-b"), BEN)
    assert lender.read(photos.whole, [digest, other]) == set(), "nobody whom it shows is left"
    claim = PhotoPart(named.station, digest, 0, digest, 1)
    body = packed(sign_document(PHOTO_PART, encode(claim), lender.station.keys), WEBP)
    with pytest.raises(NotKnownError, match="that a visit"):
        take_part(lender.centre, body)


def test_a_map_that_drew_the_plots_before_draws_them_no_more(lender: Kit):
    rings = Rings()

    def drawn(tx: Tx) -> list[str]:
        found: list[str] = compact(tx, rings, find_plots(tx, PlotQuery()))["id"]
        return found

    before = lender.read(drawn)
    gone = {each.subject_id for each in lender.read(registry.subjects_of, WHO)}
    assert gone < set(before)
    answer(lender, told(lender), BEN)
    assert lender.read(drawn) == [each for each in before if each not in gone]


def test_stations_that_a_person_left_forget_them_too(lender: Kit):
    enrolment.enroll_station(lender.centre, keys_of("st-two", 60).identity(), TESTER)
    lender.station.pull(lender.centre)
    moved = tuple(
        replace(each, home_station="st-two") if each.farmer_id == WHO else each
        for each in village().farmers
    )
    found = replace(village(), farmers=moved)
    enrolment.import_village(lender.centre, found, polygons(), TESTER)
    told_seq = max(one.seq for one in lender.station.pull(lender.centre) if one.kind == "farmer")
    lender.station.write(MONEY, "farmer_left", FarmerLeft(WHO, told_seq), lender.clock.at_ms)
    deliver(lender)
    answer(lender, told(lender), BEN)
    assert who(lender).home_station == "st-two"
    news = [one.body for one in lender.station.pull(lender.centre)]
    assert [body["name"] for body in news if body.get("farmer_id") == WHO] == ["", ""]


def test_a_station_where_a_line_was_never_drawn_is_not_told_of_its_farmer(lender: Kit):
    line_id = next(each.line_id for each in open_known(lender) if each.line_id)
    farmer_id = lender.read(lines.get, line_id).farmer_id
    for name, seed in (("st-two", 60), ("st-three", 80)):
        enrolment.enroll_station(lender.centre, keys_of(name, seed).identity(), TESTER)
    for name, share_ppm in (("st-two", 0), ("st-three", 200_000), ("st-three", 0)):
        roam(lender.centre, line_id, Place(name, share_ppm), TESTER)
    abandon(lender.centre, line_id, Said(LENA, AgreementReason.ASKED))
    answer(lender, told(lender, farmer_id), BEN)
    (erased,) = [
        row.detail
        for row in lender.read(people.trail_of, "farmer", farmer_id)
        if row.action == ERASED
    ]
    assert erased["stations"] == ["st-one", "st-three"]


def test_nobody_is_erased_while_a_loan_is_open(lender: Kit):
    opened = [each for each in open_known(lender) if each.line_id]
    assert opened
    with pytest.raises(RequestError, match="expected that no loan is open"):
        told(lender, "farmer-b")
    with pytest.raises(RoleError, match="lena is lender"):
        told(lender, WHO, LENA)
    with pytest.raises(NotKnownError):
        told(lender, "farmer-z")


def test_a_line_that_a_dark_station_opened_for_them_waits_for_a_person(lender: Kit):
    lender.station.pull(lender.centre)
    opened = open_at_kiosk(lender)
    answer(lender, told(lender), BEN)
    deliver(lender)
    (flag,) = flags(lender)
    assert "the farmer was erased before" in str(flag)
    assert lender.read(lines.get, opened.line_id).frozen
    assert audit(lender.centre).holds


def test_a_loan_that_opens_meanwhile_stops_the_erasure(lender: Kit):
    word = told(lender, "farmer-b")
    open_known(lender)
    with pytest.raises(RequestError, match="expected that no loan is open"):
        answer(lender, word, BEN)
    assert who(lender, "farmer-b").name


def test_an_old_file_of_the_village_brings_nobody_back(lender: Kit):
    answer(lender, told(lender), BEN)
    found = enrolment.import_village(lender.centre, village(), polygons(), TESTER)
    assert WHO not in {each.farmer_id for each in found.cards}
    assert (who(lender).name, who(lender).card_sha256) == ("", "")
    assert {each.name for each in lender.read(registry.subjects_of, WHO)} == {""}


@pytest.mark.both_engines
def test_the_database_refuses_one_persons_erasure_and_a_name_that_comes_back(lender: Kit):
    bare = replace(who(lender), name="", card_sha256="")
    with pytest.raises((DatabaseError, HarvestlineError)):
        lender.centre.write(lambda work: registry.put_farmer(work.tx, "village-one", bare))
    assert who(lender).name
    named = who(lender)
    answer(lender, told(lender), BEN)
    for back in (named, replace(named, name="")):
        with pytest.raises((DatabaseError, HarvestlineError)):
            lender.centre.write(
                lambda work, back=back: registry.put_farmer(work.tx, "village-one", back)
            )
    assert audit(lender.centre, ["erased"]).holds
    for statement in (
        "UPDATE farmers SET name = 'Chebet' WHERE farmer_id = 'farmer-c'",
        "UPDATE farmers SET name = '', card_sha256 = '' WHERE farmer_id = 'farmer-a'",
    ):
        with changed(lender, statement, "farmers") as tx:
            [found] = audit_in(lender.centre, tx, ("erased",)).checks
            assert found.first is not None
            assert found.first.table == "farmers"
