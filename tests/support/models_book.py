"""A centre with models in every stand: one in use, one half rolled out, two that challenge."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from core.canonical import canonical_bytes, sha256_hex
from core.decision.card import CARD, DecisionCard
from core.decision.policy import Verdict
from core.scoring.drift import SCORES
from core.scoring.features import FeatureValue
from core.scoring.points import FeatureTable, PdStep
from core.shape import encode
from core.signing import sign_document
from core.units import day_start_ms
from core.wire.envelope import LogClass
from core.wire.modelcounts import ModelCounts, bins_of
from core.wire.modelfile import Model, TrainingSummary
from core.wire.records import Application, Up
from server.services import enrolment
from server.services.model_life import rollout
from server.services.model_life.shadow import add_trees, shade_past
from server.services.model_steps import Event, Why
from server.services.modelling import register_model
from server.store.models import RegisteredModel
from server.store.reports import KeptDecision, Replay
from server.store.tables import decisions
from server.training.trees import LEAF, ChallengerTrees, Tree
from tests.support.centre_kit import STATION, TESTER, Kit, keys_of, model, open_known
from tests.support.kiosk_kit import card_of, deliver, open_at_kiosk
from tests.support.model_desk import CHEN, MARIA, approved

CHALLENGE = (Event.CHALLENGED, Why.TO_COMPARE)
TABLE = model().table
# Of 1,000 applications that it learnt from half were in each bin.
THEN = {name: (500, 500) if count == 2 else (0, 500, 500) for name, count in bins_of(TABLE).items()}


def referenced(version: int = 2) -> Model:
    """The kit's model, with how what it learnt from fell into its bins."""
    return replace(model(version), reference=THEN)


def stricter(version: int = 2) -> Model:
    """Promises a default of two in three to whom the model in use gives a line."""
    steps = (PdStep(0, 900_000), PdStep(550, 666_000))
    return replace(model(version), name="stricter-points", table=replace(TABLE, pd_steps=steps))


def trees_of(version: int = 1) -> ChallengerTrees:
    """One tree on the model's first feature: a season repaid lowers the log-odds by two."""
    tree = Tree(
        (0, LEAF, LEAF), (1, 0, 0), (1, 0, 0), (2, 0, 0), (1, 0, 0), (0, 1_000_000, -1_000_000)
    )
    summary = TrainingSummary("0" * 64, 1, 1, 700_000, 300_000, True, "by hand")
    return ChallengerTrees("trees", version, model().features, -2_000_000, (tree,), summary)


def counts_of(
    sha256: str, day: str, low: int, high: int, approved_count: int | None = None
) -> ModelCounts:
    """A day's decisions with so many in the lower and the upper bin of everything."""
    n = low + high
    bins = {k: (low, high) if v == 2 else (0, low, high) for k, v in bins_of(TABLE).items()}
    good = n if approved_count is None else approved_count
    return ModelCounts(day, sha256, n, {"approve": good, "refer": n - good, "decline": 0}, bins)


def put_cards(kit: Kit, told: ModelCounts) -> None:
    """Cards in the centre's books that fall into bins as those counts say."""
    application = Application(
        "app-of-a-day", "farmer-c", kit.product.product_id, ("plot-c1",), 500_000, "KES"
    )
    template = card_of(kit, application, 500_000)
    low, verdicts = (
        told.bins[SCORES][0],
        [n for n, many in told.verdicts.items() for _ in range(many)],
    )
    found = [
        _decided(kit, template, told, verdict, high=at >= low, at=at)
        for at, verdict in enumerate(verdicts)
    ]
    rows = [{**encode(each), "document": each.document} for each in found]
    kit.centre.write(lambda work: work.tx.insert_many_new(decisions, rows))


def _decided(
    kit: Kit, template: DecisionCard, told: ModelCounts, verdict: str, *, high: bool, at: int
) -> KeptDecision:
    """A card in the upper or the lower bin of everything; it came before replays were kept."""
    values = [(one.feature, _value_in(one, high=high)) for one in TABLE.features]
    known = tuple(FeatureValue(name, value) for name, value in values if value is not None)
    edge = TABLE.pd_steps[1].score_min
    outcome = replace(
        template.outcome, verdict=Verdict(verdict), score=edge if high else edge - 1, reasons=(),
        missing=tuple(name for name, value in values if value is None), quote=None,
    )  # fmt: skip
    inputs = replace(
        template.inputs, features=known, model_sha256=told.model_sha256, decided_on=told.day
    )
    card = DecisionCard(f"day-{told.day}-{told.model_sha256[:8]}-{at}", inputs, outcome)
    document = sign_document(CARD, encode(card), kit.station.keys)
    at_ms = day_start_ms(date.fromisoformat(told.day)) + at
    return KeptDecision(
        card.card_id, "app-of-a-day", "farmer-c", kit.product.product_id, STATION, verdict,
        outcome.score, outcome.pd_ppm, outcome.amount_minor, "KES", told.model_sha256,
        inputs.policy_version, sha256_hex(document), document, Replay.UNKNOWN_POLICY, "", at_ms,
    )  # fmt: skip


def _value_in(one: FeatureTable, *, high: bool) -> int | None:
    if not one.edges:
        return 0 if high else None
    return one.edges[0] if high else one.edges[0] - 1


def challenging(kit: Kit, found: RegisteredModel) -> RegisteredModel:
    """A registered model that scores from now on."""
    rollout.step(kit.centre, found.sha256, CHALLENGE, MARIA)
    return found


def seed_models(kit: Kit) -> RegisteredModel:
    """Cards, two challengers, a roll-out with counts that are to be watched; the one rolling."""
    open_known(kit)
    kit.station.pull(kit.centre)
    open_at_kiosk(kit)
    deliver(kit)
    for number, name in enumerate(("st-two", "st-three", "st-four")):
        enrolment.enroll_station(kit.centre, keys_of(name, 60 + number).identity(), TESTER)
    challenging(kit, register_model(kit.centre, canonical_bytes(encode(stricter(7))), MARIA))
    challenging(kit, add_trees(kit.centre, canonical_bytes(encode(trees_of())), MARIA))
    rolling = approved(kit.centre, canonical_bytes(encode(referenced(2))))
    to = rollout.Stage(("st-one",), 250_000, (50_000, 600_000))
    rollout.stage(kit.centre, rolling.sha256, to, CHEN)
    shade_past(kit.centre)
    put_cards(kit, counts := counts_of(rolling.sha256, "2026-03-14", 660, 340, 700))
    first = len(kit.station.records[LogClass.MONEY]) + 1
    kit.station.write(LogClass.MONEY, Up.MODEL_COUNTS.value, counts, kit.clock.at_ms)
    deliver(kit, first)
    return rolling
