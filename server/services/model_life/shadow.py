"""Challengers score every card that reaches the centre, and decide nothing.

What they say stands in a table of its own, which no decision, limit or page for farmers
reads. A card is scored with the inputs that its decision was given: a feature that only the
challenger knows is missing. Trees are documents of whole numbers, signed by the centre.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from core.canonical import parse_canonical, sha256_hex
from core.decision.card import DecisionCard
from core.decision.policy import DecisionInputs, Verdict, unsigned_ppm_max
from core.lending.product import Product
from core.scoring.features import FeatureDefinition, admissible
from core.scoring.points import PointsTable, pd_ppm, score
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX, open_document, sign_document
from core.wire.modelfile import Model
from server.keys import KeyRing
from server.services.cards import read_model
from server.services.centre import Centre, RequestError, Work
from server.services.model_steps import Stand
from server.services.modelling import put_candidate
from server.store import model_life, models, products, shadow_scores
from server.store.engine import Tx
from server.store.model_tables import model_steps
from server.store.models import ModelUse, RegisteredModel
from server.store.people import Actor
from server.store.reports import KeptDecision, Replay
from server.store.shadow_scores import ShadowScore
from server.training.trees import TREES, TREES_BYTES_MAX, ChallengerTrees, default_ppm

CARDS_AT_ONCE_MAX = 500
KEPT_MAX = 16  # documents read
# The model in use scores, too, so that all are compared on the same cards.
SCORING = frozenset(
    each.value
    for each in (
        Stand.CHALLENGER, Stand.PROPOSED, Stand.APPROVED, Stand.ROLLING, Stand.HALTED,
        Stand.CHAMPION,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model that can be asked, whatever it is made of."""

    sha256: str
    holds: Model | ChallengerTrees

    @property
    def features(self) -> tuple[FeatureDefinition, ...]:
        """What it looks at."""
        return self.holds.features

    def word(self, inputs: Mapping[str, int]) -> tuple[int, int, PointsTable | None]:
        """Its risk and promise [ppm] on admitted inputs, and its table if it is one."""
        if isinstance(self.holds, ChallengerTrees):
            risk = self.holds.log_odds(inputs)
            return risk, default_ppm(risk), None
        table = self.holds.table
        points = score(table, inputs)
        return -points, pd_ppm(table, points), table


def scorers(tx: Tx) -> tuple[Scorer, ...]:
    """The model in use and every challenger."""

    def ask() -> tuple[Scorer, ...]:
        last = model_life.last_of_all(tx)
        wanted = sorted(sha256 for sha256, step in last.items() if step.state in SCORING)
        return tuple(scorer_of(models.get(tx, sha256)) for sha256 in wanted)

    return tx.recall(model_steps, "scorers", ask)


def scorer_of(registered: RegisteredModel) -> Scorer:
    """A registered model as one that can be asked."""
    return Scorer(registered.sha256, _holds(registered.kind, registered.document))


@lru_cache(KEPT_MAX)
def _holds(kind: str, document: bytes) -> Model | ChallengerTrees:
    if kind == models.TREES:
        return decode(ChallengerTrees, parse_canonical(document, TREES_BYTES_MAX)["body"])
    return read_model(document)


def add_trees(centre: Centre, data: bytes, actor: Actor) -> RegisteredModel:
    """Register trees that ``train-trees`` wrote; the same again are known.

    Raises
    ------
    HarvestlineError
        If they are malformed, or signed by another key.
    """
    if len(data) > TREES_BYTES_MAX:
        raise RequestError(f"expected trees of at most {TREES_BYTES_MAX} bytes, got {len(data)}")
    body: Any = parse_canonical(data, TREES_BYTES_MAX)
    if isinstance(body, dict) and "sig" in body:
        ring = KeyRing((centre.keys.identity().public_key,))
        body = open_document(data, TREES, ring, TREES_BYTES_MAX).body
    trees = decode(ChallengerTrees, body)
    document = sign_document(TREES, encode(trees), centre.keys)
    digest = sha256_hex(document)

    def act(work: Work) -> RegisteredModel:
        known = models.known(work.tx, digest)
        if known is not None:
            return known
        found = RegisteredModel(
            digest, trees.name, trees.version, ModelUse.CANDIDATE.value, work.at_ms, actor.name,
            document, models.TREES,
        )  # fmt: skip
        return put_candidate(work, found, actor)

    return centre.write(act)


def shade(work: Work, kept: KeptDecision) -> None:
    """Let every challenger score a card that has come; one that does not replay says nothing."""
    if kept.replay is Replay.SAME:
        found = [_scored(work.tx, one, kept, work.at_ms) for one in scorers(work.tx)]
        shadow_scores.add(work.tx, [each for each in found if each is not None])


def shade_past(centre: Centre, cards_at_once_max: int = CARDS_AT_ONCE_MAX) -> int:
    """Let challengers score the cards that came before them; how many words were written."""
    with centre.store.reading() as tx:
        asked = scorers(tx)
    total = 0
    for one in asked:
        while True:
            count = centre.write(partial(_shade_run, one=one, cards_max=cards_at_once_max))
            total += count
            if count < cards_at_once_max:
                break
    return total


def _shade_run(work: Work, one: Scorer, cards_max: int) -> int:
    cards = shadow_scores.unscored(work.tx, one.sha256, cards_max)
    with work.tx.remembering() as tx:
        found = [_scored(tx, one, kept, work.at_ms) for kept in cards]
    shadow_scores.add(work.tx, [each for each in found if each is not None])
    return len([each for each in found if each is not None])


def _scored(tx: Tx, one: Scorer, kept: KeptDecision, at_ms: int) -> ShadowScore | None:
    product = products.by_policy(tx, kept.policy_version)
    if product is None:
        return None
    body = parse_canonical(kept.document, DOCUMENT_BYTES_MAX)["body"]
    inputs = decode(DecisionCard, body).inputs
    risk, promise_ppm, table = one.word(admitted(one, inputs, product))
    band = (table.refer_low, table.refer_high) if table is not None else (0, 0)
    would = verdict_by_score(-risk, promise_ppm, band, product)
    return ShadowScore(one.sha256, kept.card_id, risk, promise_ppm, would.value, at_ms)


def admitted(one: Scorer, inputs: DecisionInputs, product: Product) -> dict[str, int]:
    """What a challenger may look at of a card's inputs, by the product's own rule."""
    values = {value.name: value for value in inputs.features}
    return admissible(
        one.features, values, inputs.purposes, product.decision.coverage_ppm_min,
        unsigned_ppm_max(product),
    )  # fmt: skip


def verdict_by_score(
    points: int, promise_ppm: int, band: tuple[int, int], product: Product
) -> Verdict:
    """What the product's bounds make of a score alone; trees have no band."""
    if promise_ppm > product.decision.refer_pd_ppm_max:
        return Verdict.DECLINE
    if band[0] <= points < band[1] or promise_ppm > product.decision.approve_pd_ppm_max:
        return Verdict.REFER
    return Verdict.APPROVE
