"""May this reader use that class of data, and by which consents: one answer everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.consents import (
    Cell,
    KnownConsent,
    cells_of,
    cells_of_consent,
    granted_names,
    may_use,
    standing,
)
from core.wire.personal_data import (
    ASKS,
    CLASSES,
    GRADES,
    USES,
    Basis,
    DataClass,
    Purpose,
    Recipient,
    use_of,
)
from core.wire.records import Consent, ConsentAction
from tests.support.consent_vectors import FARMER, VECTORS, Vector, fact

IMAGERY = (Purpose.DECISION, DataClass.IMAGERY, Recipient.LENDER)
MONEY = (Purpose.SUPERVISION, DataClass.MONEY, Recipient.SUPERVISOR)
TRAINING = (Purpose.MODEL_TRAINING, DataClass.MONEY, Recipient.TRAINING)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_rule_gives_what_the_vectors_say(vector: Vector) -> None:
    assert granted_names(vector.facts, FARMER, "station") == vector.standing


def test_every_class_has_a_grade_and_every_use_a_fallback() -> None:
    assert set(GRADES) == set(DataClass)
    assert len(CLASSES) == len(DataClass)
    assert all(1 <= grade <= 5 for grade in GRADES.values())
    assert all(use.without for use in USES)
    assert {use.purpose for use in USES} == set(Purpose)
    assert {each for use in USES for each in use.recipients} == set(Recipient)


def test_a_use_stands_once_in_the_catalogue() -> None:
    """Two lines of it could give two grounds for one use."""
    found = [cell for use in USES for cell in cells_of(use)]
    assert len(found) == len(set(found))


def test_names_are_asked_for_what_needs_consent_alone() -> None:
    assert all((use.basis is Basis.CONSENT) == bool(use.ask) for use in USES)
    assert len(ASKS) == len([use for use in USES if use.ask])


def test_without_consent_there_is_no_use_and_the_fallback_is_told() -> None:
    found = may_use((), FARMER, IMAGERY)
    assert (found.allowed, found.basis, found.consent_ids) == (False, Basis.CONSENT, ())
    assert "not seen" in found.without


def test_with_consent_the_answer_names_it() -> None:
    facts = (fact("c1|kijani|100|grant|satellite_images||"),)
    found = may_use(facts, FARMER, IMAGERY)
    assert (found.allowed, found.consent_ids) == (True, ("c1",))


def test_consent_for_one_purpose_is_none_for_another() -> None:
    facts = (fact("c1|kijani|100|grant|satellite_images device_readings||"),)
    assert not may_use(facts, FARMER, TRAINING).allowed


def test_what_the_law_demands_needs_no_consent_and_says_so() -> None:
    found = may_use((), FARMER, MONEY)
    assert (found.allowed, found.basis, found.consent_ids) == (True, Basis.LEGAL_DUTY, ())


def test_what_stands_in_no_line_is_nobody_s() -> None:
    use = (Purpose.RESEARCH, DataClass.CREDENTIALS, Recipient.SUPPLIER)
    assert use_of(*use) is None
    assert not may_use((fact("c1|kijani|100|grant|research||"),), FARMER, use).allowed


def test_another_farmer_s_consent_grants_nothing() -> None:
    given_ = fact("c1|kijani|100|grant|satellite_images||")
    other = replace(given_, consent=replace(given_.consent, farmer_id="f-2"))
    assert not may_use((other,), FARMER, IMAGERY).allowed


def test_a_grant_that_names_one_reader_opens_nothing_to_another() -> None:
    given_ = fact("c1|kijani|100|grant|satellite_images||")
    here = replace(given_, consent=replace(given_.consent, recipients=("station",)))
    assert granted_names((here,), FARMER, "station") == {"satellite_images": ("c1",)}
    assert not may_use((here,), FARMER, IMAGERY).allowed


def test_the_past_is_answered_as_it_was() -> None:
    facts = VECTORS[2].facts  # given at 100, taken back at 200, given again at 300
    told = [may_use(facts, FARMER, IMAGERY, at_ms).consent_ids for at_ms in (99, 100, 200, 300)]
    assert told == [(), ("c1",), (), ("c2",)]


def test_an_old_consent_without_classes_means_what_it_meant() -> None:
    """The three names of the first release, word for word what they stood for."""
    meant = {
        "automated_decision": {"decisions"},
        "device_readings": {"telemetry", "machinery", "livestock"},
        "satellite_images": {"imagery"},
    }
    for name, classes in meant.items():
        given_ = fact(f"c1|kijani|1|grant|{name}||").consent
        assert {cell.data_class for cell in cells_of_consent(given_)} == classes
        assert {cell.recipient for cell in cells_of_consent(given_)} == {"station", "lender"}


def test_a_replayed_grant_does_not_outlive_its_withdrawal() -> None:
    facts = VECTORS[1].facts
    assert standing((*facts, facts[0]), FARMER) == standing(facts, FARMER)


_NAMES = sorted(ASKS)


@st.composite
def histories(draw: st.DrawFn) -> tuple[KnownConsent, ...]:
    """Consents of one farmer by up to three writers, each writer's in its own order."""
    found: list[KnownConsent] = []
    clocks = {"kijani": 0, "milimani": 0, "centre": 0}
    for n in range(draw(st.integers(1, 8))):
        writer = draw(st.sampled_from(sorted(clocks)))
        clocks[writer] += draw(st.integers(1, 400))
        known = [each.consent.consent_id for each in found]
        follows = draw(st.lists(st.sampled_from(known), max_size=2, unique=True)) if known else []
        consent = Consent(
            f"c-{n}", FARMER, draw(st.sampled_from(list(ConsentAction))),
            tuple(draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique=True))),
            "lender", "ab" * 32, spoken=False, helped=False,
            classes=draw(st.none() | st.just(("imagery", "livestock"))),
            follows=tuple(follows) or None,
        )  # fmt: skip
        found.append(KnownConsent(consent, writer, clocks[writer], draw(st.integers(0, 60))))
    return tuple(found)


@given(histories(), st.randoms(use_true_random=False), st.none() | st.integers(0, 3_000))
def test_any_order_of_arrival_gives_the_same_answer(facts, chance, at_ms) -> None:
    shuffled = list(facts)
    chance.shuffle(shuffled)
    assert standing(shuffled, FARMER, at_ms) == standing(facts, FARMER, at_ms)
    known = standing(facts, FARMER, at_ms)
    some = frozenset(list(known)[::2])
    assert standing(facts, FARMER, at_ms, some) == {cell: known[cell] for cell in some}


@given(histories(), st.sampled_from(_NAMES))
def test_a_withdrawal_that_follows_all_ends_all_of_its_name(facts, name) -> None:
    ids = tuple(each.consent.consent_id for each in facts)
    last = Consent(
        "w-last", FARMER, ConsentAction.WITHDRAW, (name,), "lender", "ab" * 32,
        spoken=False, helped=False, follows=ids,
    )  # fmt: skip
    # A clock that was set back by years, on a box that never wrote before.
    withdrawn = standing((*facts, KnownConsent(last, "new-box", 0, 0)), FARMER)
    assert not set(withdrawn) & cells_of(ASKS[name])
    assert set(standing(facts, FARMER)) - cells_of(ASKS[name]) == set(withdrawn)


@given(histories())
def test_nothing_stands_that_no_grant_names(facts) -> None:
    grants = {
        fact_.consent.consent_id: cells_of_consent(fact_.consent)
        for fact_ in facts
        if fact_.consent.action is ConsentAction.GRANT
    }
    for cell, consent_id in standing(facts, FARMER).items():
        assert isinstance(cell, Cell)
        assert cell in grants[consent_id]
