"""Cooperatives train one model without showing their loans, and reach the pooled fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.canonical import canonical_bytes
from core.scoring.drift import counted
from core.scoring.features import Direction
from core.scoring.points import PointsTable, score
from core.shape import decode, encode
from server.training.catalogue import Catalogue
from server.training.federated import sums
from server.training.federated.bins import coarse_all, fine
from server.training.federated.coordinator import (
    BINS,
    advance,
    question_hash,
    take,
    void,
)
from server.training.federated.fixed import added, from_hex, from_words, to_words
from server.training.federated.reference import of_model
from server.training.federated.solving import fit
from server.training.federated.words import Answer, FederationError, Question, Stage
from server.training.measure import auc_ppm
from tests.support.cooperatives import Cooperatives, catalogue, flipped, loans

SPOILT_PPM_MAX = 30_000  # of AUC
UNEVEN = {"ahero": 4_000, "busia": 900, "chuka": 250, "dagoretti": 90, "embu": 1_700}


@pytest.fixture
def five(tmp_path: Path) -> Cooperatives:
    """Five uneven sites, each at its own level of default."""
    tables = {
        name: loans(seed, count, -2.6 + 0.2 * seed)
        for seed, (name, count) in enumerate(UNEVEN.items())
    }
    return Cooperatives.of(catalogue(tmp_path), tables)


def directions_hold(table: PointsTable, terms: Catalogue) -> bool:
    """Whether every feature's points move as the catalogue says."""
    falls = {one.name: one.direction is Direction.RISKIER for one in terms.feature}
    tied = {one.name for one in terms.feature if one.direction is not Direction.FREE}
    return all(
        list(one.points) == sorted(one.points, reverse=falls[one.feature])
        for one in table.features
        if one.feature in tied
    )


def pooled_weights(five: Cooperatives, used: tuple[str, ...]) -> np.ndarray:
    """The fit of all loans in one place, by the same rules."""
    every = [loan for site in five.sites.values() for loan in site.loans]
    counted = [fine(one) for one in five.catalogue.feature]
    all_codings = coarse_all(five.catalogue.feature, counted, sums.counts(every, counted), BINS)
    codings = [each for each in all_codings if each.feature in used]
    return fit(lambda beta: sums.newton(every, codings, beta), 1 + len(codings))


def test_five_uneven_sites_reach_the_pooled_fit(five: Cooperatives) -> None:
    run = five.play(five.begin())
    used = tuple(coding.feature for coding in run.question.codings)
    found = np.asarray([float.fromhex(each) for each in run.question.weights])
    assert np.abs(found - pooled_weights(five, used)).max() < 1e-9
    assert run.rows_count == sum(UNEVEN.values())
    assert run.rounds <= 12
    assert directions_hold(run.points, five.catalogue)
    every = [loan for site in five.sites.values() for loan in site.loans]
    outcomes = [loan.defaulted for loan in every]
    told = auc_ppm([-score(run.points, loan.values) for loan in every], outcomes)
    assert abs(told - run.auc_ppm) <= 1
    assert told > 700_000
    assert 1 < len(run.points.pd_steps) <= 20
    assert any(one.reference_points for one in run.points.features)


def test_a_pooled_model_says_what_its_drift_is_held_against(five: Cooperatives) -> None:
    run = five.play(five.begin())
    every = [loan.values for site in five.sites.values() for loan in site.loans]
    wanted = {name: tuple(found) for name, found in counted(run.points, every).items()}
    assert of_model(run.points, run.reference) == wanted
    assert all(sum(found) == sum(UNEVEN.values()) for found in wanted.values())


def test_the_coordinator_sees_no_sites_sums(five: Cooperatives) -> None:
    run = five.begin()
    question = run.question
    answers = {name: five.answer(name, question) for name in five.sites}
    plain = {name: sums.counts(site.loans, question.codings) for name, site in five.sites.items()}
    for name, told in answers.items():
        words = from_hex(told.words)
        assert not set(words) & set(to_words(plain[name])) - {0}
        # Under its masks a site's words say nothing: each bit of them is set half of the time.
        bits = np.mean([word >> bit & 1 for word in words for bit in range(128)])
        assert abs(bits - 0.5) < 0.01
    four = [from_hex(told.words) for name, told in answers.items() if name != "ahero"]
    assert from_words(added(four))[0] != sum(UNEVEN.values()) - UNEVEN["ahero"]
    all_five = from_words(added([from_hex(told.words) for told in answers.values()]))
    assert all_five == sums.added_rows(plain.values())


def test_a_round_in_which_a_site_drops_out_is_voided_and_asked_again(five: Cooperatives) -> None:
    def silent(question: Question, name: str) -> bool:
        return name == "chuka" and question.stage is Stage.NEWTON

    run = five.play(five.begin(), silent)
    assert run.refusals == {"chuka": "did not answer in time"}
    assert "chuka" not in {site.name for site in run.question.sites}
    kept = {name: site for name, site in five.sites.items() if name != "chuka"}
    four = replace(five, sites=kept)
    used = tuple(coding.feature for coding in run.question.codings)
    found = np.asarray([float.fromhex(each) for each in run.question.weights])
    # The bins were cut while all five were there; the weights are those of the four.
    every = [loan for site in four.sites.values() for loan in site.loans]
    wanted = fit(lambda beta: sums.newton(every, run.question.codings, beta), 1 + len(used))
    assert np.abs(found - wanted).max() < 1e-9


def test_a_run_goes_on_from_its_file_and_answers_come_in_any_order(five: Cooperatives) -> None:
    run = five.begin()
    question = run.question
    for name in reversed(list(five.sites)):
        run = take(run, five.answer(name, question))
        run = take(run, five.answer(name, question))  # the same again
        run = decode(type(run), encode(run))
    assert canonical_bytes(encode(run))
    straight = five.play(five.begin())
    assert five.play(advance(run, five.catalogue), asked=[question]).table == straight.table


def test_two_sites_are_too_few_and_so_are_few_loans(tmp_path: Path) -> None:
    few = Cooperatives.of(catalogue(tmp_path), {"a": loans(1, 300), "b": loans(2, 300)})
    with pytest.raises(FederationError, match="expected 3 to 64 sites, each once, got 2"):
        few.begin()
    tables = {"a": loans(1, 300), "b": loans(2, 300), "c": loans(3, 300), "d": loans(4, 20)}
    four = Cooperatives.of(catalogue(tmp_path), tables)
    run = four.play(four.begin())
    assert run.refusals == {"d": "too few loans: 50 or more are asked for"}
    assert run.rows_count == 900
    three = Cooperatives.of(catalogue(tmp_path), {k: tables[k] for k in ("a", "b", "d")})
    with pytest.raises(FederationError, match="expected a group of 3 sites or more to be left"):
        three.play(three.begin())


def altered(question: Question, **changed: object) -> Question:
    return replace(question, **changed)


def test_a_site_answers_only_what_an_honest_coordinator_asks(five: Cooperatives) -> None:
    question = five.begin().question
    ours = next(site for site in question.sites if site.name == "busia")
    invented = replace(ours, name="invented")
    cases = {
        "agreed to train with, got invented": altered(
            question, sites=(*question.sites, invented), groups=(("ahero", "busia", "invented"),)
        ),
        "agreed to train with, got chuka": altered(
            question,
            sites=tuple(
                replace(each, seal_key=ours.seal_key) if each.name == "chuka" else each
                for each in question.sites
            ),
        ),
        "in one group of the round, got 2": altered(
            question, groups=(("ahero", "busia", "chuka"), ("ahero", "dagoretti", "embu"))
        ),
        "a group of at least 3 sites, got 2": altered(question, groups=(("ahero", "busia"),)),
        "the catalogue that was agreed on": altered(question, catalogue_sha256="d" * 64),
        "the bins that follow from the catalogue": altered(
            question, codings=(replace(question.codings[0], edges=(1, 2)), *question.codings[1:])
        ),
        "features of the agreed catalogue": altered(
            question, codings=(question.codings[0], question.codings[0])
        ),
    }
    for says, asked in cases.items():
        with pytest.raises(FederationError, match=says):
            five.answer("ahero", asked)


def test_nothing_is_asked_twice_of_other_sites(five: Cooperatives) -> None:
    """Two sums over all sites and over all but one would show the one."""
    question = five.begin().question
    without = altered(
        question, round_no=2, groups=(("ahero", "busia", "chuka", "dagoretti"),), voids=0
    )
    with pytest.raises(FederationError, match="was not voided: the difference would show a site"):
        five.answer("ahero", without, [question])
    with pytest.raises(FederationError, match="round 1 was asked before with other content"):
        five.answer("ahero", altered(question, rows_min=1), [question])
    assert not five.answer("ahero", altered(without, voids=1), [question]).refused


def test_a_group_changes_only_when_its_round_was_voided(five: Cooperatives) -> None:
    """Weights that differ in the last digit would else tell two groups, and the one between."""
    question = five.begin().question
    four = (("ahero", "busia", "chuka", "dagoretti"),)
    other = altered(question, round_no=2, groups=four, weights=("0x1p-60",), voids=0)
    with pytest.raises(FederationError, match="expected the group of round 1 in round 2"):
        five.answer("ahero", other, [question])
    grown = altered(question, round_no=3, weights=("0x1p-50",), voids=2)
    with pytest.raises(FederationError, match="or what is left of it once it was voided"):
        five.answer("ahero", grown, [question, altered(other, voids=1)])


def test_a_round_may_be_voided_twice_over(five: Cooperatives) -> None:
    question = five.begin().question
    second = altered(
        question, round_no=2, groups=(("ahero", "busia", "chuka", "dagoretti"),), voids=1
    )
    third = altered(question, round_no=3, groups=(("ahero", "busia", "chuka"),), voids=2)
    assert not five.answer("ahero", third, [question, second]).refused


def test_a_poisoned_site_is_set_aside_with_its_group_and_the_reason_told(tmp_path: Path) -> None:
    tables = {f"site-{n}": loans(n, 900, -2.4 + 0.1 * n) for n in range(9)}
    order = list(range(9))
    honest = Cooperatives.of(catalogue(tmp_path), tables)
    assert honest.play(honest.begin(order=order)).set_aside == ()
    poisoned = Cooperatives.of(catalogue(tmp_path), {**tables, "site-4": flipped(tables["site-4"])})
    run = poisoned.play(poisoned.begin(order=order))
    [aside] = run.set_aside
    assert "site-4" in aside.sites
    assert "log-odds lie" in aside.why
    assert "past_late_days" in aside.why
    assert run.rows_count == 6 * 900
    clean = honest.play(honest.begin(order=order))
    assert run.auc_ppm > clean.auc_ppm - 15_000


def test_two_groups_that_disagree_do_not_show_which_is_wrong(tmp_path: Path) -> None:
    tables = {f"site-{n}": loans(n, 1_500) for n in range(6)}
    tables["site-5"] = flipped(loans(5, 9_000))
    six = Cooperatives.of(catalogue(tmp_path), tables)
    with pytest.raises(FederationError, match="two groups do not show which is wrong"):
        six.play(six.begin())


def test_sites_object_to_a_table_that_does_not_fit_their_loans(tmp_path: Path) -> None:
    """Of three sites one is as large as it is false: no group to compare, but the others vote."""
    tables = {"a": loans(1, 400), "b": loans(2, 400), "big": flipped(loans(3, 6_000))}
    three = Cooperatives.of(catalogue(tmp_path), tables)
    with pytest.raises(
        FederationError, match="expected a table that most sites can use: a objects"
    ):
        three.play(three.begin())


def test_sums_that_no_loans_can_have_are_refused(five: Cooperatives) -> None:
    run = five.begin()
    for name in five.sites:
        told = five.answer(name, run.question)
        if name == "embu":
            words = (*told.words[:5], "f" * 32, *told.words[6:])
            told = replace(told, words=words)
        run = take(run, told)
    with pytest.raises(FederationError, match=r"the counts of ahero, busia, .* cannot be"):
        advance(run, five.catalogue)


def test_answers_that_do_not_belong_are_refused(five: Cooperatives) -> None:
    run = five.begin()
    good = five.answer("busia", run.question)
    cases = {
        "expected answers to round 1 of run-1": replace(good, round_no=2),
        "an answer to what was asked": replace(good, question_sha256="0" * 64),
        "expected .* sums of busia, got 1": replace(good, words=good.words[:1]),
        "got another of mallory": replace(good, site="mallory"),
    }
    for says, wrong in cases.items():
        with pytest.raises(FederationError, match=says):
            take(run, wrong)
    run = take(run, good)
    with pytest.raises(FederationError, match="busia answered round 1 differently before"):
        take(run, replace(good, words=("0" * 32, *good.words[1:])))
    with pytest.raises(FederationError, match="expected every answer, waits for ahero"):
        advance(run, five.catalogue)
    for name in ("chuka", "dagoretti", "embu"):
        run = take(run, five.answer(name, run.question))
    voided = void(run)
    with pytest.raises(FederationError, match="it was voided or is over"):
        take(voided, five.answer("ahero", run.question))
    assert isinstance(good, Answer)
    assert question_hash(voided.question) != question_hash(run.question)


def test_what_one_small_poisoned_site_spoils_unseen_is_little(tmp_path: Path) -> None:
    """Nine sites of 300 loans, one turns every outcome round: the groups do not show it.

    It only finds for itself that the table does not suit its loans, when that is made.
    """
    tables = {f"site-{n}": loans(n, 300) for n in range(9)}
    terms = catalogue(tmp_path)
    honest = Cooperatives.of(terms, tables)
    poisoned = Cooperatives.of(terms, {**tables, "site-2": flipped(tables["site-2"])})
    runs = [each.play(each.begin()) for each in (honest, poisoned)]
    assert not any("site-2" in each.sites for run in runs for each in run.set_aside)
    clean, spoilt = (run.points for run in runs)
    fresh = loans(90, 4_000)
    outcomes = [loan.defaulted for loan in fresh]
    before, after = (
        auc_ppm([-score(table, loan.values) for loan in fresh], outcomes)
        for table in (clean, spoilt)
    )
    assert spoilt != clean, "the poison is in the model"
    assert before - after < SPOILT_PPM_MAX
    assert directions_hold(spoilt, terms)
