"""Challengers: trees without a pickle, cards scored in the shade, and where two models part."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from threadpoolctl import threadpool_limits

from core.canonical import canonical_bytes, parse_canonical
from core.decision.policy import Verdict
from core.errors import HarvestlineError, ShapeError
from core.shape import decode, encode
from core.signing import sign_document
from core.wire.modelfile import TrainingSummary
from server.services.backtest import Ending
from server.services.model_life.comparison import compare, compared, paired
from server.services.model_life.shadow import (
    add_trees,
    scorers,
    shade_past,
    verdict_by_score,
)
from server.services.modelling import register_model
from server.store import models, reports, shadow_scores
from server.store.shadow_scores import ShadowScore
from server.training.catalogue import TrainingTableError, read_catalogue
from server.training.challengers import SMALL_TREES, trees_machine
from server.training.command import CATALOGUE
from server.training.matrix import inputs_of, outcomes_of
from server.training.release import Release
from server.training.table import read_table
from server.training.trees import (
    LEAF,
    MICRO,
    TREES,
    ChallengerTrees,
    Tree,
    default_ppm,
    train_trees,
    written,
)
from server.training.trees_command import trees_command
from tests.support.centre_kit import STATION, Kit, keys_of, model, open_known
from tests.support.kiosk_kit import deliver, open_at_kiosk
from tests.support.loans import write_loans
from tests.support.model_desk import MARIA
from tests.support.models_book import challenging, stricter, trees_of


@pytest.fixture(scope="module")
def loans(tmp_path_factory: pytest.TempPathFactory):
    path = write_loans(tmp_path_factory.mktemp("loans") / "loans.csv", 100, note="simulated: true")
    return read_table(path, read_catalogue(CATALOGUE))


def test_trees_in_whole_numbers_say_what_scikit_learn_says(loans):
    """On every loan, missing cells and all, within half a millionth a tree."""
    catalogue = read_catalogue(CATALOGUE)
    machine = trees_machine(catalogue.feature, 1, SMALL_TREES)
    inputs = inputs_of(loans.loans, catalogue.names)
    with threadpool_limits(1):
        machine.fit(inputs, outcomes_of(loans.loans))
    trees = written(machine)
    nothing = TrainingSummary("0" * 64, 0, 0, 0, 0, True, "")
    baseline = round(float(machine._baseline_prediction[0, 0]) * MICRO)
    ours = ChallengerTrees("t", 1, catalogue.feature, baseline, trees, nothing)
    theirs = machine.decision_function(inputs)
    assert np.isnan(inputs).any()
    for loan, theirs_one in zip(loans.loans, theirs, strict=True):
        assert (
            abs(ours.log_odds(loan.values) / MICRO - theirs_one) <= (len(trees) + 1) * 0.5 / MICRO
        )
    promised = machine.predict_proba(inputs[:50])[:, 1]
    got = [default_ppm(ours.log_odds(loan.values)) / 1e6 for loan in loans.loans[:50]]
    assert np.allclose(got, promised, atol=2e-4)


def test_the_same_loans_and_seed_give_the_same_bytes_and_a_card_of_their_own(loans, tmp_path):
    release = Release(1, 0, 365, seed=3)
    once, again = (
        train_trees(loans, read_catalogue(CATALOGUE), release, simulated=True) for _ in range(2)
    )
    assert canonical_bytes(encode(once)) == canonical_bytes(encode(again))
    assert once.training.auc_ppm > 600_000
    assert once.training.simulated
    assert decode(ChallengerTrees, json.loads(canonical_bytes(encode(once)))) == once


def test_the_command_writes_trees_that_the_centre_takes(tmp_path: Path):
    path = write_loans(tmp_path / "loans.csv", 60, note="simulated: true")
    out = tmp_path / "trees.json"
    command: click.Command = trees_command(lambda: 0)
    found = CliRunner().invoke(
        command, ["--loans", str(path), "--out", str(out), "--json"], catch_exceptions=False
    )
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["bytes"] == out.stat().st_size
    decode(ChallengerTrees, parse_canonical(out.read_bytes(), 10**7))


@pytest.mark.parametrize(
    "changes",
    [
        {"left": (0, 0, 0)},  # a walk that does not end
        {"right": (9, 0, 0)},  # out of the tree
        {"values": (0, 1)},  # torn
        {"inputs": (-2, LEAF, LEAF)},
    ],
)
def test_trees_that_do_not_end_or_are_torn_are_refused(changes):
    good = Tree((0, LEAF, LEAF), (5, 0, 0), (1, 0, 0), (2, 0, 0), (1, 0, 0), (0, -7, 9))
    assert [good.leaf([value]) for value in (5, 6, None)] == [-7, 9, -7]
    with pytest.raises(TrainingTableError):
        replace(good, **changes)


def take_points(kit: Kit):
    data = canonical_bytes(encode(stricter()))
    return challenging(kit, register_model(kit.centre, data, MARIA))


def a_card_comes(kit: Kit, *, tampered: bool = False) -> None:
    open_known(kit)
    kit.station.pull(kit.centre)
    open_at_kiosk(kit, tampered=tampered)
    deliver(kit)


def words(kit: Kit, sha256: str) -> list[ShadowScore]:
    with kit.centre.store.reading() as tx:
        return list(shadow_scores.stream(tx, sha256))


@pytest.mark.both_engines
def test_every_card_is_scored_by_the_model_in_use_and_every_challenger(kit: Kit):
    points = take_points(kit)
    trees = challenging(kit, add_trees(kit.centre, canonical_bytes(encode(trees_of())), MARIA))
    register_model(kit.centre, canonical_bytes(encode(model(3))), MARIA)  # a candidate: silent
    a_card_comes(kit)
    [card] = [kept for kept in kit.read(reports.every_decision) if kept.writer == STATION]
    champion = kit.read(models.active)
    assert kit.read(lambda tx: {one.sha256 for one in scorers(tx)}) == {
        champion.sha256, points.sha256, trees.sha256,
    }  # fmt: skip
    [own] = [each for each in words(kit, champion.sha256) if each.card_id == card.card_id]
    assert (own.card_id, -own.risk, own.pd_ppm) == (card.card_id, card.score, card.pd_ppm)
    [stern] = [each for each in words(kit, points.sha256) if each.card_id == card.card_id]
    assert (stern.pd_ppm, stern.would, own.would) == (666_000, "decline", "approve")
    [wood] = [each for each in words(kit, trees.sha256) if each.card_id == card.card_id]
    assert (wood.risk, wood.pd_ppm) == (-3_000_000, default_ppm(-3_000_000))
    assert card.verdict == "approve", "whatever challengers say"
    assert shade_past(kit.centre) == 0


def test_a_challenger_that_comes_late_scores_the_cards_before_it_once(kit: Kit):
    a_card_comes(kit)
    late = take_points(kit)
    assert words(kit, late.sha256) == []
    cards = len(kit.read(reports.every_decision))
    assert cards > 1
    assert shade_past(kit.centre, cards_at_once_max=1) == cards
    assert shade_past(kit.centre) == 0
    assert len(words(kit, late.sha256)) == cards


def test_a_card_that_does_not_replay_is_scored_by_nobody(kit: Kit):
    a_card_comes(kit, tampered=True)
    [bad] = [kept for kept in kit.read(reports.every_decision) if kept.replay.value == "differs"]
    told = words(kit, kit.read(models.active).sha256)
    assert bad.card_id not in {each.card_id for each in told}
    assert shade_past(kit.centre) == 0


@pytest.mark.parametrize("given", ["pickle", "foreign", "torn", "huge"])
def test_trees_from_elsewhere_are_data_or_nothing(kit: Kit, given: str):
    body = encode(trees_of())
    data = {
        "pickle": b"\x80\x04cposix\nsystem\n",
        "foreign": sign_document(TREES, body, keys_of("stranger", 99)),
        "torn": canonical_bytes({**body, "trees": []}),
        "huge": b"0" * (2 * 1024 * 1024 + 1),
    }[given]
    with pytest.raises((HarvestlineError, ShapeError)):
        add_trees(kit.centre, data, MARIA)
    assert len(kit.read(models.every)) == 1


def word(card: str, risk: int, pd_ppm: int, would: str) -> ShadowScore:
    return ShadowScore("x", card, risk, pd_ppm, would, 0)


def test_swaps_and_agreement_are_counted_as_by_hand():
    """Four cards: they agree on two, one is swapped in, one out, and the one out was lost."""
    pairs = [
        (word("a", 1, 30_000, "approve"), word("a", 1, 30_000, "approve")),
        (word("b", 1, 30_000, "approve"), word("b", 9, 300_000, "decline")),
        (word("c", 9, 300_000, "decline"), word("c", 1, 30_000, "approve")),
        (word("d", 9, 300_000, "refer"), word("d", 9, 300_000, "refer")),
    ]
    ends = {"a": Ending.REPAID, "b": Ending.LOST, "c": Ending.NO_LINE, "d": Ending.RUNNING}
    found = compared(date(2026, 9, 1), ("a" * 64, "b" * 64), pairs, ends)
    assert (found.agree.count, found.agree.of, found.agree.ppm) == (2, 4, 500_000)
    assert (found.agree.low_ppm, found.agree.high_ppm) == (150_039, 849_961)  # Wilson, 95 %
    assert (found.swapped_in.cards.count, found.swapped_in.known_count) == (1, 0)
    out = found.swapped_out
    assert (out.cards.count, out.known_count, out.lost_count) == (1, 1, 1)
    assert found.verdicts == {
        "approve/approve": 1, "approve/decline": 1, "decline/approve": 1, "refer/refer": 1,
    }  # fmt: skip
    assert (found.psi_ppm, found.ranked) == (0, None), "too few ends are known"


def test_who_ranks_better_is_said_with_an_interval():
    """Of 200 that ended the challenger ranks well and the other by chance."""
    rng = np.random.default_rng(5)
    pairs, ends = [], {}
    for n in range(200):
        lost = n % 4 == 0
        told = round(float(rng.normal(2.0 if lost else 0.0, 1.0)) * 1000)
        noise = round(float(rng.normal()) * 1000)
        pairs.append(
            (word(f"{n}", noise, 50_000, "approve"), word(f"{n}", told, 50_000, "approve"))
        )
        ends[f"{n}"] = Ending.LOST if lost else Ending.REPAID
    found = compared(date(2026, 9, 1), ("a" * 64, "b" * 64), pairs, ends).ranked
    assert found is not None
    assert (found.known_count, found.lost_count) == (200, 50)
    for auc, held in (
        (found.champion_auc_ppm, found.champion), (found.challenger_auc_ppm, found.challenger),
    ):  # fmt: skip
        assert held.low_ppm < auc < held.high_ppm
    assert found.gain.low_ppm > 200_000


def test_a_comparison_reads_the_centre_s_own_cards(kit: Kit):
    a_card_comes(kit)
    found = take_points(kit)
    told = compare(kit.centre, found, date(2026, 3, 20))
    champion = kit.read(models.active)
    cards = len(kit.read(reports.every_decision))
    assert len(kit.read(paired, champion.sha256, found.sha256)) == told.cards_count == cards
    assert set(told.verdicts) == {"approve/decline"}
    with pytest.raises(HarvestlineError, match="beside another model"):
        compare(kit.centre, champion, date(2026, 3, 20))


@pytest.mark.both_engines
def test_the_page_counts_the_newest_cards_in_the_database_as_by_hand(kit: Kit):
    verdicts = [Verdict.APPROVE.value, Verdict.REFER.value, Verdict.DECLINE.value]
    for name, step in (("champion", 1), ("challenger", 2)):
        found = [
            ShadowScore(name, f"card-{n:03}", 0, 0, verdicts[n * step % 3], n) for n in range(300)
        ]
        kit.centre.write(lambda work, found=found: shadow_scores.add(work.tx, found))
    alone = ShadowScore("challenger", "card-alone", 0, 0, "approve", 1_000)
    kit.centre.write(lambda work: shadow_scores.add(work.tx, [alone]))
    found = kit.read(shadow_scores.verdicts_beside, "champion", "challenger", 91)
    pairs = kit.read(paired, "champion", "challenger")
    assert found == Counter((a.would, b.would) for a, b in pairs[-90:])
    assert kit.read(shadow_scores.verdicts_beside, "champion", "nobody", 91) == {}


def test_no_page_for_farmers_and_no_decision_reads_what_challengers_say():
    """Whoever imports the scores or their table is the comparison, the registry or the store."""
    root = Path(__file__).resolve().parents[2]
    readers = {
        str(path.relative_to(root))
        for room in ("server", "edge_node", "core")
        for path in (root / room).rglob("*.py")
        if "shadow_scores" in path.read_text(encoding="utf-8")
    }
    assert readers <= {
        "server/store/model_tables.py", "server/store/shadow_scores.py",
        "server/services/model_life/shadow.py", "server/services/model_life/comparison.py",
        "server/console/views/models.py",
    }  # fmt: skip


def test_bounds_of_the_product_make_the_verdict(kit: Kit):
    bounds = kit.product.decision
    told = [
        verdict_by_score(500, bounds.refer_pd_ppm_max + 1, (0, 0), kit.product),
        verdict_by_score(500, bounds.approve_pd_ppm_max + 1, (0, 0), kit.product),
        verdict_by_score(500, 1, (490, 510), kit.product),
        verdict_by_score(510, 1, (490, 510), kit.product),
    ]
    assert told == [Verdict.DECLINE, Verdict.REFER, Verdict.REFER, Verdict.APPROVE]
